"""Measure the whole way from a picture file's bytes to a digit, beside what a user might take or build instead.

As in `measure`, each contender runs in its own process, stopped while the others are measured, and a round measures
all of them, so that the ratio of two figures of a round is reliable.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.benchmark import StepProgress
from mnist_edge.benchmark.picture_contenders import PictureContender, contender_versions, picture_contenders
from mnist_edge.benchmark.picture_files import CAMERA_FRAME, SMALL, draw_timed_pictures
from mnist_edge.benchmark.picture_results import PictureBenchmark, PictureResult
from mnist_edge.benchmark.picture_versions import compare_versions, count_steps, other_version
from mnist_edge.benchmark.picture_worker import OWN_READER, Reading
from mnist_edge.benchmark.process import WorkerProcess
from mnist_edge.benchmark.results import Spread
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError
from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.rejection import non_digit_images
from mnist_edge.evaluation.robustness import KINDS, RobustnessResult, evenly_spaced, robustness_images
from mnist_edge.machine import this_machine

COLD_STARTS = 5
ROUND_SECONDS = 0.1

_Workers = Mapping[str, WorkerProcess]


@dataclass(frozen=True)
class _ColdStarts:
    """The starts of one contender, each in a new process, and the growth of the first one's peak memory."""

    seconds: list[float]
    extra_bytes: int | None


def benchmark_pictures(
    models: Sequence[str],
    test: Split | None,
    *,
    images: int,
    rounds: int,
    against: Path | None,
    progress: StepProgress,
) -> PictureBenchmark:
    """Measure packaged `models` and everything else that is installed and reads digits.

    Args:
        models: names of packaged models.
        test: MNIST's test images, to make the pictures of; digits drawn by code if it is None.
        images: pictures of each kind of the robustness and rejection suites.
        rounds: repetitions of each timing.
        against: a folder with another version of this project, compared with the first model.
        progress: shows the steps.

    Raises:
        BenchmarkError: `against` holds no such version, this project failed to start, or a contender failed later.
    """
    other = None if against is None else other_version(against, models[0])
    contenders, missing = picture_contenders(models)
    data_set, test = ("drawn digits", draw_digits(images)) if test is None else ("MNIST test", test)
    digits = evenly_spaced(test, images)
    steps = COLD_STARTS + len(KINDS) + len(NON_DIGITS) + rounds + (count_steps(rounds) if other else 0)
    with tempfile.TemporaryDirectory() as folder, progress("pictures", steps) as on_step:
        timed = draw_timed_pictures(Path(folder))
        starts, failed = _cold_starts(contenders, timed, on_step)
        contenders = [contender for contender in contenders if contender.name in starts]
        with ExitStack() as stack:
            workers = {each.name: stack.enter_context(each.start(timed[SMALL])) for each in contenders}
            robustness, refused = _read_suites(workers, digits, on_step)
            milliseconds = _time_rounds(workers, timed, rounds, on_step)
        compared = other and compare_versions(contenders[0], other, timed, Path(folder), rounds, on_step)
    return PictureBenchmark(
        machine=this_machine(),
        versions=contender_versions(contenders),
        data_set=data_set,
        images_per_kind=len(digits.labels),
        rounds=rounds,
        contenders=tuple(
            PictureResult(
                name=each.name,
                milliseconds={size: Spread.of(times) for size, times in milliseconds[each.name].items()},
                robustness=tuple(robustness[each.name]),
                refused_non_digits=refused[each.name],
                cold_start_seconds=Spread.of(starts[each.name].seconds),
                extra_bytes=starts[each.name].extra_bytes,
                installed_bytes=each.installed_bytes(),
            )
            for each in contenders
        ),
        missing=missing,
        failed=failed,
        against=compared or None,
    )


def _cold_starts(
    contenders: Sequence[PictureContender], timed: Mapping[str, Path], on_step: Callable[[str], None]
) -> tuple[dict[str, _ColdStarts], dict[str, str]]:
    """Start each contender alone several times; return the starts and the errors of those that failed, by name."""
    starts: dict[str, _ColdStarts] = {}
    failed: dict[str, str] = {}
    for index in range(COLD_STARTS):
        on_step(f"cold start {index + 1} of {COLD_STARTS}")
        for contender in contenders:
            if contender.name in failed:
                continue
            try:
                with contender.start(timed[SMALL]) as worker:
                    if index == 0:
                        growth = worker.ask(command="memory", pictures=str(timed[CAMERA_FRAME]))
                        starts[contender.name] = _ColdStarts([], None if contender.system else growth)
                    starts[contender.name].seconds.append(worker.start_seconds)
            except BenchmarkError as error:
                if contender.opener == OWN_READER:
                    raise
                failed[contender.name] = str(error)
                starts.pop(contender.name, None)
    return starts, failed


def _read_suites(
    workers: _Workers, digits: Split, on_step: Callable[[str], None]
) -> tuple[dict[str, list[RobustnessResult]], dict[str, dict[str, float]]]:
    """Return each contender's results on the robustness suite, and the fraction it refuses of each non-digit."""
    robustness: dict[str, list[RobustnessResult]] = defaultdict(list)
    refused: dict[str, dict[str, float]] = defaultdict(dict)
    images = len(digits.labels)
    for group, kind in KINDS:
        on_step(kind)
        for name, readings in _read(workers, robustness_images(group, kind, digits)).items():
            correct = sum(guess == label for (guess, _), label in zip(readings, digits.labels.tolist(), strict=True))
            rejected = sum(is_refused for _, is_refused in readings)
            robustness[name].append(RobustnessResult(group, kind, images, correct, rejected))
    for kind in NON_DIGITS:
        on_step(kind)
        for name, readings in _read(workers, non_digit_images(kind, images)).items():
            refused[name][kind] = sum(is_refused for _, is_refused in readings) / images
    return robustness, refused


def _read(workers: _Workers, pictures: Iterable[NDArray[np.uint8]]) -> dict[str, list[Reading]]:
    """Return each contender's readings of the same PNG files."""
    with tempfile.TemporaryDirectory() as folder:
        for index, picture in enumerate(pictures):
            Image.fromarray(picture).save(f"{folder}/{index:05}.png")
        return {name: worker.ask(command="read", pictures=folder) for name, worker in workers.items()}


def _time_rounds(
    workers: _Workers, timed: Mapping[str, Path], rounds: int, on_step: Callable[[str], None]
) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds per file of each round, by contender and size."""
    milliseconds: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in workers}
    for index in range(1, rounds + 1):
        on_step(f"round {index} of {rounds}")
        for size, pictures in timed.items():
            for name, worker in workers.items():
                taken = worker.ask(command="time", pictures=str(pictures), seconds=ROUND_SECONDS)
                milliseconds[name][size].append(taken)
    return milliseconds
