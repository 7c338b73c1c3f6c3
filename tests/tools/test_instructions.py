"""Instructions are counted by Valgrind, and per image."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.errors import BenchmarkError
from runtime import Predictor
from runtime.contract import INT8_FILE
from tools.instructions import instructions_per_image

# Its last two arguments are the size of a batch and the number of calls.
_VALGRIND = """#!/bin/sh
for last; do batch=$calls; calls=$last; done
echo "==1== Collected : $((1000000 + calls * (70 + batch * 500)))" >&2
"""


def put_first(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    (folder / "valgrind").write_text(script)
    (folder / "valgrind").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.parametrize(("batch", "count"), [(1, 570), (10, 507)])
def test_a_count_is_that_of_calls_alone_and_per_image(
    batch: int, count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stand-in for Valgrind counts 1,000,000 for a start, 70 for a call and 500 for an image."""
    put_first(monkeypatch, tmp_path, _VALGRIND)
    assert instructions_per_image(Predictor, tmp_path, batch) == count


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no model >&2\n", f"{_VALGRIND}echo no model >&2; exit 3"])
def test_an_engine_that_fails_is_reported(script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_first(monkeypatch, tmp_path, script)
    with pytest.raises(BenchmarkError, match=r"Predictor failed under Valgrind: (?s:.*)no model"):
        instructions_per_image(Predictor, tmp_path, 1)


def test_without_valgrind_the_command_says_what_to_install(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.instructions", "1"],
        cwd=root,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stderr.endswith("error: valgrind is missing; on Debian and Ubuntu: apt install valgrind\n")
    assert done.returncode == 1


@pytest.mark.slow
def test_valgrind_counts_what_the_kernels_execute(artifacts: Path) -> None:
    """V1's layers multiply 0.9 million pairs an image, and AVX2 32 of them in three instructions."""
    if shutil.which("valgrind") is None:
        pytest.skip("needs Valgrind: apt install valgrind")
    least = 900_000 * 3 / 32
    assert least < instructions_per_image(Predictor, artifacts / "v1" / INT8_FILE, 16) < 10 * least
