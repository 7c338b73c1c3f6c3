"""Measure this version of the project beside another one, whose folder comes first on the path of its own process."""

import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mnist_edge.benchmark.picture_contenders import PictureContender, environment_of, own_contender
from mnist_edge.benchmark.picture_files import SMALL, draw_many_pictures
from mnist_edge.benchmark.picture_results import VersionComparison, VersionRow
from mnist_edge.benchmark.results import Spread
from mnist_edge.errors import BenchmarkError
from mnist_edge.machine import usable_cores
from runtime.contract import INT8_FILE

MANY_FILES = 10_000
STREAM_ROUNDS = 3
ROUND_SECONDS = 0.1
_MILLISECONDS, _PER_SECOND = "ms", "pictures/s"


def other_version(root: Path, model: str) -> PictureContender:
    """Return the predictor of the version of this project in a folder, named by its commit or else by the folder.

    Raises:
        BenchmarkError: the folder does not hold the project.
    """
    for needed in ("runtime/__init__.py", "mnist_edge/__main__.py", f"artifacts/{model}/{INT8_FILE}"):
        if not (root / needed).is_file():
            raise BenchmarkError(
                f"{root} holds no version of this project: {needed} is missing. Name a checkout, such as one made by "
                "git worktree add ../before COMMIT, or an unpacked wheel."
            )
    return own_contender(model, root.resolve(), _commit(root) or root.resolve().name)


def count_steps(rounds: int) -> int:
    """Return how many steps `compare_versions` reports."""
    return rounds + min(rounds, STREAM_ROUNDS)


def compare_versions(
    ours: PictureContender,
    other: PictureContender,
    timed: Mapping[str, Path],
    folder: Path,
    rounds: int,
    on_step: Callable[[str], None],
) -> VersionComparison:
    """Measure two versions in turn: files and arrays of each size, the command `predict`, and a folder of many files.

    Args:
        ours: this version.
        other: the other one.
        timed: the folder of pictures of each size.
        folder: receives the many files.
        rounds: repetitions; the many files are read in 3 of them.
        on_step: is called with the name of each step.

    Raises:
        BenchmarkError: a version failed.
    """
    cores, sides = usable_cores(), (ours, other)
    measured: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    with ExitStack() as stack:
        workers = [stack.enter_context(side.start(timed[SMALL])) for side in sides]
        for index in range(1, rounds + 1):
            on_step(f"versions, round {index} of {rounds}")
            for size, pictures in timed.items():
                for kind, command in (("file", "time"), ("array", "time_arrays")):
                    task = {"command": command, "pictures": str(pictures), "seconds": ROUND_SECONDS}
                    measured[f"{kind}, {size}", _MILLISECONDS].append(tuple(each.ask(**task) for each in workers))
            file = next(timed[SMALL].iterdir())
            seconds = tuple(_command_seconds(side, file) for side in sides)
            measured["mnist-edge predict, whole process", _MILLISECONDS].append(tuple(1e3 * each for each in seconds))
        many = folder / "many"
        draw_many_pictures(many, MANY_FILES)
        for index in range(1, min(rounds, STREAM_ROUNDS) + 1):
            on_step(f"versions, {MANY_FILES:,} files, {index} of {min(rounds, STREAM_ROUNDS)}")
            task = {"command": "stream", "pictures": str(many), "workers": cores}
            paces = tuple(each.ask(**task) for each in workers)
            measured[f"folder of {MANY_FILES:,} files, {SMALL}", _PER_SECOND].append(paces)
    rows = tuple(_row(name, unit, np.array(pairs)) for (name, unit), pairs in measured.items())
    return VersionComparison(ours=ours.name, other=other.name, workers=cores, rows=rows)


def _row(measurement: str, unit: str, pairs: NDArray[np.float64]) -> VersionRow:
    """Return a row of pairs `[rounds, 2]` of ours and the other's."""
    ours, other = pairs.T
    speedups = other / ours if unit == _MILLISECONDS else ours / other
    return VersionRow(measurement, unit, Spread.of(ours), Spread.of(other), float(np.median(speedups)))


def _command_seconds(version: PictureContender, file: Path) -> float:
    """Return how long the command `predict` takes for a file, from starting the process to its end."""
    command = [sys.executable, "-m", "mnist_edge", "predict", str(file)]
    environment, start = environment_of(version.root), perf_counter()
    done = subprocess.run(  # noqa: S603 (this program)
        command, cwd=version.root, env=environment, capture_output=True, text=True, check=False
    )
    seconds = perf_counter() - start
    if done.returncode:
        raise BenchmarkError(f"{version.name}: mnist-edge predict ended with code {done.returncode}: {done.stderr}")
    return seconds


def _commit(root: Path) -> str | None:
    """Return the commit of a checkout, None if the folder is none."""
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    top, *commit = done.stdout.splitlines() or [""]
    is_checkout = not done.returncode and Path(top) == root.resolve()  # and not a folder inside another checkout
    return commit[0] if is_checkout else None
