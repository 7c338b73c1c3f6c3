"""Measure contenders side by side.

Each contender runs in its own process, so that cold start, memory and processor time are its own. A round measures
all contenders one after the other, while all others are stopped. Interleaving exposes every engine to the same
background load, so a ratio of two figures from the same round is more reliable than either figure.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_edge.benchmark.engines import Engine
from mnist_edge.benchmark.process import WorkerProcess
from mnist_edge.benchmark.results import ContenderResult, Spread, Timing
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError

BATCHES = (1, 16, 256)
ROUND_SECONDS = 0.1
COLD_STARTS = 5
PER_SECOND = 10
PACE_SECONDS = 3.0


@dataclass(frozen=True)
class Contender:
    """A model on an engine.

    `opener` is the engine's class, called with `model` and the keyword `threads`; `files` are all that a device
    needs besides the engine's `package`.
    """

    name: str
    opener: Callable[..., Engine]
    model: Path
    files: tuple[Path, ...]
    package: str


@dataclass(frozen=True)
class _ColdStarts:
    """The starts of one contender, each in a new process, and the digits that the first one classified."""

    seconds: list[float]
    peak_bytes: int | None
    digits: list[int]


def count_steps(contenders: int, threads: Sequence[int], rounds: int) -> int:
    """Return how many steps `measure` reports."""
    return COLD_STARTS + len(threads) * (contenders + rounds)


def measure(
    contenders: Sequence[Contender],
    test: Split,
    folder: Path,
    *,
    threads: Sequence[int],
    rounds: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[list[ContenderResult], dict[str, str]]:
    """Measure contenders on the same images, at least 256; the first contender is the baseline of all ratios.

    Thread counts are measured one after the other; accuracy and cold starts use the first. `folder` receives a file
    of the images. Returns the results, and the errors of contenders that could not start or classify, by name.

    Raises:
        BenchmarkError: the baseline could not start, or a contender failed later.
    """
    images = folder / "images.npy"
    np.save(images, test.images)
    starts, failed = _measure_cold_starts(contenders, threads[0], images, on_step)
    started = [contender for contender in contenders if contender.name in starts]
    runs = {count: _run_side_by_side(started, count, images, rounds, on_step) for count in threads}
    baseline = started[0].name
    results = [
        ContenderResult(
            name=contender.name,
            package=contender.package,
            accuracy=float(np.mean(np.array(starts[contender.name].digits) == test.labels)),
            bytes=sum(path.stat().st_size for path in contender.files),
            cold_start_seconds=Spread.of(starts[contender.name].seconds),
            peak_bytes=starts[contender.name].peak_bytes,
            processor_shares={str(count): shares[contender.name] for count, (shares, _) in runs.items()},
            timings=tuple(
                Timing(
                    count,
                    batch,
                    Spread.of(times[contender.name]),
                    speedup=float(np.median(np.divide(times[baseline], times[contender.name]))),
                )
                for count, (_, microseconds) in runs.items()
                for batch, times in microseconds.items()
            ),
        )
        for contender in started
    ]
    return results, failed


def _measure_cold_starts(
    contenders: Sequence[Contender], threads: int, images: Path, on_step: Callable[[str], None]
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
                with _start(contender, threads, images) as worker:
                    if index == 0:
                        starts[contender.name] = _ColdStarts(
                            [], worker.first_reply["peak_bytes"], worker.ask(command="digits")
                        )
                    starts[contender.name].seconds.append(worker.start_seconds)
            except BenchmarkError as error:
                if contender is contenders[0]:
                    raise
                failed[contender.name] = str(error)
                starts.pop(contender.name, None)
    return starts, failed


def _run_side_by_side(
    contenders: Sequence[Contender], threads: int, images: Path, rounds: int, on_step: Callable[[str], None]
) -> tuple[dict[str, float], dict[int, dict[str, list[float]]]]:
    """Keep all contenders open and stop all but the one being measured.

    Returns the processor shares by name, and the microseconds per image of each round by batch size and name.
    """
    shares: dict[str, float] = {}
    microseconds: dict[int, dict[str, list[float]]] = {batch: defaultdict(list) for batch in BATCHES}
    with ExitStack() as stack:
        workers = {contender.name: stack.enter_context(_start(contender, threads, images)) for contender in contenders}
        for name, worker in workers.items():
            on_step(f"{name}, threads: {threads}")
            shares[name] = worker.ask(command="pace", per_second=PER_SECOND, seconds=PACE_SECONDS)
            for batch in BATCHES:  # some engines compile for each batch size
                worker.ask(command="time", batch=batch, seconds=0.0)
        for index in range(1, rounds + 1):
            on_step(f"round {index} of {rounds}")
            for batch in BATCHES:
                for name, worker in workers.items():
                    microseconds[batch][name].append(worker.ask(command="time", batch=batch, seconds=ROUND_SECONDS))
    return shares, microseconds


def _start(contender: Contender, threads: int, images: Path) -> WorkerProcess:
    opener = f"{contender.opener.__module__}:{contender.opener.__qualname__}"
    worker = ["-m", "mnist_edge.benchmark.worker", opener, str(contender.model), str(threads), str(images)]
    return WorkerProcess(contender.name, worker)
