"""Another version is measured by its own code, in turn with this one, and named by its commit."""

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark import picture_versions
from mnist_edge.benchmark.picture_files import SMALL, draw_many_pictures
from mnist_edge.benchmark.picture_results import VersionRow
from mnist_edge.benchmark.picture_versions import compare_versions, count_steps, other_version
from mnist_edge.benchmark.results import Spread
from mnist_edge.errors import BenchmarkError
from tests.conftest import Run

_CLOCK = """
import __main__
_predict, _predict_stream, _seconds = Predictor.predict, predict_stream, [0]

def _tick(*arguments):
    _seconds[0] += {seconds}
    return _predict(*arguments)

def predict_stream(*arguments):
    start = _seconds[0]
    for count, result in enumerate(_predict_stream(*arguments), 1):
        _seconds[0] = start + count * {seconds}
        yield result

Predictor.predict, __main__.perf_counter = _tick, lambda: _seconds[0]
"""
"""Lets the worker's clock stand still but for `seconds` with each prediction."""


def copy_project(root: Path, folder: Path, seconds: int = 1) -> Path:
    """Copy what a version needs; each of its predictions takes that many seconds by its own clock."""
    for package in ("runtime", "mnist_edge"):
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "artifacts" / "v2", folder / "artifacts" / "v2")
    for file in (root / "artifacts").glob("*.onnx"):
        shutil.copy(file, folder / "artifacts")
    with (folder / "runtime" / "__init__.py").open("a") as stream:
        stream.write(_CLOCK.format(seconds=seconds))
    return folder


@pytest.fixture
def version(root: Path, tmp_path: Path) -> Path:
    return copy_project(root, tmp_path / "version")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def constant(value: float) -> Spread:
    return Spread(value, value, value)


@pytest.mark.parametrize(("ours", "other"), [(1, 3), (3, 1), (2, 2)])
def test_each_version_is_measured_by_its_own_code(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: int, other: int
) -> None:
    monkeypatch.setattr(picture_versions, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(picture_versions, "MANY_FILES", 40)
    monkeypatch.setattr(picture_versions, "perf_counter", itertools.count().__next__)
    draw_many_pictures(tmp_path / "timed", 2)
    first, second = (
        other_version(copy_project(root, tmp_path / name, seconds), "v2")
        for name, seconds in (("first", ours), ("second", other))
    )
    steps: list[str] = []
    compared = compare_versions(first, second, {SMALL: tmp_path / "timed"}, tmp_path, 2, steps.append)
    assert len(steps) == count_steps(2)
    assert (compared.ours, compared.other) == ("mnist-edge, V2, first", "mnist-edge, V2, second")
    speedup = other / ours
    assert compared.rows == (
        VersionRow(f"file, {SMALL}", "ms", constant(1e3 * ours), constant(1e3 * other), speedup),
        VersionRow(f"array, {SMALL}", "ms", constant(1e3 * ours), constant(1e3 * other), speedup),
        VersionRow("mnist-edge predict, whole process", "ms", constant(1e3), constant(1e3), 1),
        VersionRow(f"folder of 40 files, {SMALL}", "pictures/s", constant(1 / ours), constant(1 / other), speedup),
    )


def test_ratios_are_the_median_of_each_rounds() -> None:
    pairs = np.array([[1.0, 2.0], [10.0, 40.0], [2.0, 6.0]])
    assert picture_versions._row("a", "ms", pairs).times_as_fast == 3
    assert picture_versions._row("a", "pictures/s", pairs).times_as_fast == pytest.approx(1 / 3)


def test_a_version_whose_command_fails_is_an_error(version: Path, tmp_path: Path) -> None:
    (version / "mnist_edge" / "__main__.py").write_text("raise SystemExit('no such command')")
    draw_many_pictures(tmp_path / "timed", 1)
    with pytest.raises(BenchmarkError, match="version: mnist-edge predict ended with code 1: no such command"):
        picture_versions._command_seconds(other_version(version, "v2"), tmp_path / "timed" / "00000.png")


def test_a_checkout_is_named_by_its_commit(version: Path) -> None:
    git(version, "init", "-q")
    git(version, "commit", "-q", "--allow-empty", "-m", "Begin")
    assert other_version(version, "v2").name == f"mnist-edge, V2, {git(version, 'rev-parse', '--short', 'HEAD')}"


def test_a_folder_inside_a_checkout_is_named_by_itself(version: Path) -> None:
    git(version.parent, "init", "-q")
    git(version.parent, "commit", "-q", "--allow-empty", "-m", "Begin")
    assert other_version(version, "v2").name == "mnist-edge, V2, version"


def test_without_git_the_folder_gives_the_name(version: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git(version, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert other_version(version, "v2").name == "mnist-edge, V2, version"


def test_a_folder_without_the_project_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("benchmark", "--pictures", "--against", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} holds no version of this project: runtime/__init__.py is missing" in done.stderr
    assert "git worktree add ../before COMMIT" in done.stderr
    assert done.stdout == ""


def test_a_missing_folder_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    done = run("benchmark", "--pictures", "--against", tmp_path / "none")
    assert done.returncode == 2
    assert "--against" in done.stderr
