"""`mnist-edge score` on real Ray: the whole table, whatever is killed, and nothing left running."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pytest
from pyarrow import dataset, parquet

from runtime import ImageError, Prediction, Predictor, predict_stream
from tests.conftest import ROOT, Run
from tests.mnist_edge.cli.page import assert_documented
from tests.mnist_edge.scoring.processes import SECONDS, descendants, wait_until, wait_until_ended

Rows = list[dict[str, Any]]
_BLOCKS = 20
_OPTIONS = ["--block", "100", "--workers", "2"]
"""Of 2,000 pictures these make 20 blocks, so that a run has a middle to be killed in."""


class Interrupted(NamedTuple):
    """A running command, its folder of results, and the processes below it with their command lines."""

    command: "subprocess.Popen[str]"
    out: Path
    processes: dict[int, str]

    @property
    def workers(self) -> list[int]:
        return [process for process, line in self.processes.items() if line.startswith("ray::MapWorker")]


def rows_of(out: Path) -> Rows:
    """Return the rows of a folder of parquet files as any reader sees them, in the order of the paths."""
    table: pyarrow.Table = dataset.dataset(out).to_table()
    rows: Rows = table.sort_by("path").to_pylist()
    return rows


@pytest.fixture(scope="module")
def expected(pictures: Path) -> Rows:
    """Return the rows that a table of the pictures must have, from `predict_stream`."""
    predictor, files = Predictor(), sorted(pictures.rglob("*.png"))
    rows = []
    for file, result in zip(files, predict_stream(predictor, (file.read_bytes() for file in files)), strict=True):
        digit = confidence = plausibility = rejection = error = None
        if isinstance(result, Prediction):
            digit, confidence, plausibility = result.digit, result.confidence, result.plausibility
            rejection = result.rejection.reason.label if result.rejection else None
        else:
            assert isinstance(result, ImageError)
            error = str(result)
        row = {"path": str(file), "digit": digit, "confidence": confidence, "plausibility": plausibility}
        rows.append({**row, "rejection": rejection, "error": error, "model_sha256": predictor.sha256})
    assert sum(row["error"] is not None for row in rows) == 1
    return rows


@pytest.fixture
def interrupted(pictures: Path, tmp_path: Path) -> Iterator[Interrupted]:
    """Start scoring the pictures, and yield in the middle of it."""
    out = tmp_path / "out"
    command = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", "score", str(pictures), str(out), *_OPTIONS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(list(out.glob("*.parquet"))) >= 2 or command.poll() is not None)
    processes = descendants(command.pid)
    yield Interrupted(command, out, processes)
    command.kill()
    command.communicate()
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@pytest.mark.slow
def test_the_table_equals_predict_stream(run: Run, pictures: Path, expected: Rows, tmp_path: Path) -> None:
    out, home = tmp_path / "out", tmp_path / "home"
    done = run("score", pictures, out, *_OPTIONS, "--json", HOME=str(home))
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert (lines[0], lines[-1]) == ("pictures  0/2,000", "pictures  2,000/2,000")
    assert [line for line in lines if not re.fullmatch(r"pictures  [\d,]+/2,000", line)] == []
    assert rows_of(out) == expected
    document = json.loads(done.stdout)
    assert_documented("score", document)
    rejected = sum(row["rejection"] is not None for row in expected)
    assert (document["pictures"], document["unreadable"], document["rejected"]) == (2_000, 1, rejected)
    assert not home.exists()

    refused = run("score", pictures, out, *_OPTIONS)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "already has a plan; continue it with --resume" in refused.stderr
    other = run("score", pictures, out, *_OPTIONS, "--resume", "--model", "v1")
    assert (other.returncode, other.stdout) == (1, "")
    assert "is the result of another plan: model_sha256 was" in other.stderr
    (damaged,) = out.glob("00000007-*.parquet")
    damaged.write_bytes(b"")
    broken = run("score", pictures, out, *_OPTIONS, "--resume")
    assert broken.returncode == 1
    assert "delete the file and add --resume" in broken.stderr
    damaged.unlink()
    assert "Scored this time: 100 in" in run("score", pictures, out, *_OPTIONS, "--resume").stdout
    assert rows_of(out) == expected


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(interrupted: Interrupted, expected: Rows) -> None:
    assert len(interrupted.workers) == 2
    os.kill(interrupted.workers[0], signal.SIGKILL)
    assert len(list(interrupted.out.glob("*.parquet"))) < _BLOCKS
    stdout, stderr = interrupted.command.communicate(timeout=SECONDS)
    assert (interrupted.command.returncode, stdout.startswith("2,000 pictures: ")) == (0, True), stderr
    assert rows_of(interrupted.out) == expected
    wait_until_ended(interrupted.processes)


@pytest.mark.slow
def test_resume_after_sigkill_gives_the_same_table(
    run: Run, interrupted: Interrupted, pictures: Path, expected: Rows
) -> None:
    interrupted.command.kill()
    wait_until_ended(interrupted.workers)
    kept = {path: path.stat().st_mtime_ns for path in interrupted.out.glob("*.parquet")}
    assert 2 <= len(kept) < _BLOCKS
    done = run("score", pictures, interrupted.out, *_OPTIONS, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"Scored this time: {100 * (_BLOCKS - len(kept)):,} in" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rows_of(interrupted.out) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_and_ray(interrupted: Interrupted, number: signal.Signals, code: int) -> None:
    assert len(interrupted.processes) > 4
    interrupted.command.send_signal(number)
    stdout, stderr = interrupted.command.communicate(timeout=SECONDS)
    assert (interrupted.command.returncode, stdout) == (code, "")
    assert "Traceback" not in stderr
    wait_until_ended(interrupted.processes)


@pytest.fixture
def cluster() -> Iterator[dict[str, str]]:
    """Start a cluster of a single host; yield its address and what the environment of a client needs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    options = [f"--port={port}", "--num-cpus=1", "--object-store-memory=100000000", "--include-dashboard=false"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options],
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert head.stdout is not None
    assert any("Ray runtime started" in line for line in head.stdout)  # reads no further than that
    yield {"address": f"127.0.0.1:{port}", **environment}
    for process in [*descendants(head.pid), head.pid]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    head.communicate()


@pytest.mark.slow
def test_a_cluster_scores_images_in_a_parquet_column(
    run: Run, cluster: dict[str, str], pictures: Path, expected: Rows, tmp_path: Path
) -> None:
    """Data sets of images often have a column of structs, of the file's bytes and its name."""
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in sorted(pictures.rglob("*.png"))[900:1_500]]
    source = tmp_path / "images.parquet"
    parquet.write_table(pyarrow.table({"image": images}), source, row_group_size=256)
    address = cluster.pop("address")
    done = run(
        "score", source, tmp_path / "out", "--column", "image.bytes", "--block", "250", "--address", address, **cluster
    )
    assert done.returncode == 0, done.stderr
    rows = sorted(rows_of(tmp_path / "out"), key=lambda row: int(row["path"].rpartition("#")[2]))
    assert rows == [{**row, "path": f"{source}#{index}"} for index, row in enumerate(expected[900:1_500])]


def test_a_cluster_that_does_not_answer_is_an_error(run: Run, samples: Path, tmp_path: Path) -> None:
    done = run("score", samples, tmp_path / "out", "--address", "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: Ray cannot be reached at 127.0.0.1:1: ")


@pytest.mark.parametrize("package", ["ray", "pyarrow", "fsspec"])
def test_a_missing_package_is_told_with_how_to_install_it(tmp_path: Path, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"sys.argv = ['mnist-edge', 'score', 'artifacts', {str(tmp_path)!r}]\n"
        "from mnist_edge.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"the package '{package}'. Install it with: pip install 'mnist-edge[scale]'\n")
    assert list(tmp_path.iterdir()) == []
