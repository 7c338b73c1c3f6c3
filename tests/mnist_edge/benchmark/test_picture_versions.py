"""Another version is measured by its own code, in turn with this one, and named by its commit."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark import picture_versions
from mnist_edge.benchmark.picture_contenders import own_contender
from mnist_edge.benchmark.picture_files import SMALL, draw_many_pictures
from mnist_edge.benchmark.picture_versions import compare_versions, count_steps, other_version
from mnist_edge.errors import BenchmarkError
from tests.conftest import Run

SLEEP_SECONDS = 0.02


@pytest.fixture
def slower(root: Path, tmp_path: Path) -> Path:
    """A copy of the project whose predictions take 20 ms longer."""
    folder = tmp_path / "slower"
    for package in ("runtime", "mnist_edge"):
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "artifacts" / "v2", folder / "artifacts" / "v2")
    for file in (root / "artifacts").glob("*.onnx"):
        shutil.copy(file, folder / "artifacts")
    with (folder / "runtime" / "__init__.py").open("a") as stream:
        stream.write(
            "\nimport time\n"
            "_predict, _stream = Predictor.predict, predict_stream\n"
            f"Predictor.predict = lambda *a: (time.sleep({SLEEP_SECONDS}), _predict(*a))[1]\n"
            f"predict_stream = lambda *a: (time.sleep({20 * SLEEP_SECONDS}), _stream(*a))[1]\n"
        )
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_slower_version_is_measured_as_slower(slower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_versions, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(picture_versions, "MANY_FILES", 40)
    draw_many_pictures(tmp_path / "timed", 2)
    steps: list[str] = []
    ours, other = own_contender("v2"), other_version(slower, "v2")
    compared = compare_versions(ours, other, {SMALL: tmp_path / "timed"}, tmp_path, 2, steps.append)
    assert len(steps) == count_steps(2)
    assert (compared.ours, compared.other) == ("mnist-edge, V2", "mnist-edge, V2, slower")
    rows = {row.measurement: row for row in compared.rows}
    assert list(rows) == [
        f"file, {SMALL}",
        f"array, {SMALL}",
        "mnist-edge predict, whole process",
        f"folder of 40 files, {SMALL}",
    ]
    for kind in ("file", "array"):
        row = rows[f"{kind}, {SMALL}"]
        assert row.ours.low < 1e3 * SLEEP_SECONDS <= row.other.low
        assert row.times_as_fast > 1
    folder = rows[f"folder of 40 files, {SMALL}"]
    assert folder.unit == "pictures/s"
    assert folder.ours.low > folder.other.high
    assert folder.times_as_fast > 1
    assert 40 / folder.other.high > 20 * SLEEP_SECONDS


def test_ratios_are_the_median_of_each_rounds() -> None:
    pairs = np.array([[1.0, 2.0], [10.0, 40.0], [2.0, 6.0]])
    assert picture_versions._row("a", "ms", pairs).times_as_fast == 3
    assert picture_versions._row("a", "pictures/s", pairs).times_as_fast == pytest.approx(1 / 3)


def test_a_version_whose_command_fails_is_an_error(slower: Path, tmp_path: Path) -> None:
    (slower / "mnist_edge" / "__main__.py").write_text("raise SystemExit('no such command')")
    draw_many_pictures(tmp_path / "timed", 1)
    with pytest.raises(BenchmarkError, match="slower: mnist-edge predict ended with code 1: no such command"):
        picture_versions._command_seconds(other_version(slower, "v2"), tmp_path / "timed" / "00000.png")


def test_a_checkout_is_named_by_its_commit(slower: Path) -> None:
    git(slower, "init", "-q")
    git(slower, "commit", "-q", "--allow-empty", "-m", "Begin")
    assert other_version(slower, "v2").name == f"mnist-edge, V2, {git(slower, 'rev-parse', '--short', 'HEAD')}"


def test_a_folder_inside_a_checkout_is_named_by_itself(slower: Path) -> None:
    git(slower.parent, "init", "-q")
    git(slower.parent, "commit", "-q", "--allow-empty", "-m", "Begin")
    assert other_version(slower, "v2").name == "mnist-edge, V2, slower"


def test_without_git_the_folder_gives_the_name(slower: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git(slower, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert other_version(slower, "v2").name == "mnist-edge, V2, slower"


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
