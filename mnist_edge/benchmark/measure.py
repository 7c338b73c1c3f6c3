"""Measure contenders beside each other.

Each contender runs in a process of its own, so that start, memory and processor time are its own too.
A round measures all contenders, one after the other, and all but the one being measured are stopped:
what the machine does besides meets all of them, and a ratio of two figures of one round is worth more
than either.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np

from mnist_edge.benchmark.engines import Engine
from mnist_edge.benchmark.results import Measured, Spread, Timing
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError

BATCHES = (1, 16, 256)
ROUNDS = 15
ROUND_SECONDS = 0.1
COLD_STARTS = 5
PER_SECOND = 10
PACE_SECONDS = 3.0


@dataclass(frozen=True)
class Contender:
    """A model on an engine.

    `opener` is the engine's class, called with `model` and the keyword `threads`; `files` are all
    that a device needs of it besides the engine's own `package`.
    """

    name: str
    opener: Callable[..., Engine]
    model: Path
    files: tuple[Path, ...]
    package: str


def steps(contenders: int, threads: Sequence[int], rounds: int = ROUNDS) -> int:
    """Count how often `measure` will say what it does."""
    return COLD_STARTS + len(threads) * (contenders + rounds)


def measure(
    contenders: Sequence[Contender],
    test: Split,
    folder: Path,
    *,
    threads: Sequence[int],
    rounds: int = ROUNDS,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[list[Measured], dict[str, str]]:
    """Measure contenders on the same images; the first is the baseline of all ratios.

    Args:
        contenders: a baseline and what is compared with it.
        test: at least 256 images, and the digits that count as right.
        folder: for a file of the images.
        threads: the settings to measure one after the other; the first also for accuracy.
        rounds: of each setting.
        on_step: told what is measured next.

    Returns:
        What was measured, and what those contenders said that could not be started, by name.

    Raises:
        BenchmarkError: the baseline could not be started, or a contender failed later.
    """
    images = folder / "images.npy"
    np.save(images, test.images)
    starts: dict[str, list[_Worker]] = {contender.name: [] for contender in contenders}
    failed: dict[str, str] = {}
    for index in range(COLD_STARTS):
        on_step(f"cold start {index + 1} of {COLD_STARTS}")
        for contender in contenders:
            if contender.name not in failed:
                try:
                    with _Worker(contender, threads[0], images) as worker:
                        starts[contender.name].append(worker)
                except BenchmarkError as error:
                    if contender is contenders[0]:
                        raise
                    failed[contender.name] = str(error)
    started = [contender for contender in contenders if contender.name not in failed]
    digits: dict[str, list[int]] = {}
    shares: dict[str, dict[str, float]] = {contender.name: {} for contender in started}
    timings: dict[str, list[Timing]] = {contender.name: [] for contender in started}
    for count in threads:
        with ExitStack() as stack:
            workers = {found.name: stack.enter_context(_Worker(found, count, images)) for found in started}
            for name, worker in workers.items():
                on_step(f"{name}, threads: {count}")
                if name not in digits:
                    digits[name] = worker.ask(command="digits")
                shares[name][str(count)] = worker.ask(command="pace", per_second=PER_SECOND, seconds=PACE_SECONDS)
                for batch in BATCHES:  # some engines compile for each batch size
                    worker.ask(command="time", batch=batch, seconds=0.0)
            for name, per_batch in (found := _rounds(workers, rounds, on_step)).items():
                timings[name] += [
                    Timing(
                        count,
                        batch,
                        Spread.of(values),
                        Spread.of(np.divide(found[started[0].name][batch], values)).median,
                    )
                    for batch, values in per_batch.items()
                ]
    measured = [
        Measured(
            contender.name,
            contender.package,
            float(np.mean(np.array(digits[contender.name]) == test.labels)),
            sum(path.stat().st_size for path in contender.files),
            Spread.of([worker.start_seconds for worker in starts[contender.name]]),
            starts[contender.name][0].peak_bytes,
            shares[contender.name],
            tuple(timings[contender.name]),
        )
        for contender in started
    ]
    return measured, failed


def _rounds(
    workers: dict[str, "_Worker"], rounds: int, on_step: Callable[[str], None]
) -> dict[str, dict[int, list[float]]]:
    """Give the microseconds an image of each round, by contender and batch."""
    found: dict[str, dict[int, list[float]]] = {name: {batch: [] for batch in BATCHES} for name in workers}
    for index in range(1, rounds + 1):
        on_step(f"round {index} of {rounds}")
        for batch in BATCHES:
            for name, worker in workers.items():
                found[name][batch].append(worker.ask(command="time", batch=batch, seconds=ROUND_SECONDS))
    return found


class _Worker:
    """A running `mnist_edge.benchmark.worker`; stopped unless it is asked something, where systems can do that."""

    def __init__(self, contender: Contender, threads: int, images: Path) -> None:
        opener = f"{contender.opener.__module__}:{contender.opener.__qualname__}"
        arguments = [opener, str(contender.model), str(threads), str(images)]
        self._name = contender.name
        start = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 (this package's own worker)
            [sys.executable, "-m", "mnist_edge.benchmark.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.peak_bytes: int | None = self._reply()["peak_bytes"]
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        self.start_seconds = time.perf_counter() - start
        self._signal("SIGSTOP")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._signal("SIGCONT")
        self._process.kill()
        self._process.communicate()

    def ask(self, **command: Any) -> Any:
        """Let the process carry out a command of `worker.answer` and give its answer."""
        self._signal("SIGCONT")
        commands = cast("IO[str]", self._process.stdin)
        commands.write(json.dumps(command) + "\n")
        commands.flush()
        answer = self._reply()
        self._signal("SIGSTOP")
        return answer

    def _reply(self) -> Any:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise BenchmarkError(f"{self._name} failed: its process ended with code {self._process.wait()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise BenchmarkError(f"{self._name} failed: {answer['error']}")
        return answer

    def _signal(self, name: str) -> None:
        if hasattr(signal, name):
            self._process.send_signal(getattr(signal, name))
