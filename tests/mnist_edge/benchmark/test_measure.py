"""Contenders are measured in separate processes, side by side."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.benchmark import measure as module
from mnist_edge.benchmark.engines import Engine
from mnist_edge.benchmark.measure import BATCHES, Contender, count_steps, measure
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError

LABELS = np.resize(np.arange(10, dtype=np.uint8), 300)


class Fast:
    """Reads the digit from the first pixel; the model file names a digit that it mistakes for a zero.

    Its process has a clock that only advances when it is told to: each call works 1 ms.
    """

    works, waits = 0.001, 0.0
    seconds = processor_seconds = 0.0

    def __init__(self, path: Path, *, threads: int) -> None:
        self.mistaken = int(path.read_text())
        self.threads = threads
        time.perf_counter, time.process_time = lambda: self.seconds, lambda: self.processor_seconds
        time.sleep = self.wait  # type: ignore[assignment]

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seconds += self.works + self.waits
        self.processor_seconds += self.works
        logits = np.eye(10, dtype=np.float32)[pixels[:, 0, 0]]
        logits[:, 0] += 2 * (pixels[:, 0, 0] == self.mistaken)
        return logits


class Slow(Fast):
    works, waits = 0.001, 0.003


class Busy(Fast):
    works = 0.010


class Broken(Fast):
    def logits(self, _: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise ValueError("no such operator")


class Dying(Fast):
    def logits(self, _: NDArray[np.uint8]) -> NDArray[np.float32]:
        os._exit(7)


class Chatty(Fast):
    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        print("a line among the replies")
        return super().logits(pixels)


@pytest.fixture
def test_split() -> Split:
    images = np.zeros((len(LABELS), 28, 28), np.uint8)
    images[:, 0, 0] = LABELS
    return Split(images, LABELS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(root)  # the workers import this file
    monkeypatch.setattr(module, "COLD_STARTS", 2)
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(module, "PACE_SECONDS", 0.5)


def _contender(folder: Path, opener: Callable[..., Engine], mistaken: int = 10) -> Contender:
    path = folder / f"{opener.__name__}.txt"
    path.write_text(str(mistaken))
    return Contender(opener.__name__, opener, path, (path, path), "numpy")


def test_each_contender_is_measured(test_split: Split, tmp_path: Path) -> None:
    steps: list[str] = []
    contenders = [_contender(tmp_path, Fast), _contender(tmp_path, Slow, mistaken=3), _contender(tmp_path, Chatty)]
    (fast, slow, chatty), failed = measure(
        contenders, test_split, tmp_path, threads=[1, 2], rounds=3, on_step=steps.append
    )
    assert failed == {}
    assert len(steps) == count_steps(3, [1, 2], 3)
    assert (fast.accuracy, slow.accuracy, chatty.accuracy) == (1.0, 0.9, 1.0)
    assert (fast.bytes, slow.bytes) == (4, 2)
    for threads in (1, 2):
        for batch in BATCHES:
            for contender, milliseconds in ((fast, 1), (slow, 4)):
                timing = contender.timing(threads, batch)
                assert timing.microseconds.median == pytest.approx(1e3 * milliseconds / batch)
                assert timing.speedup == pytest.approx(1 / milliseconds)
    assert fast.cold_start_seconds.low > 0.01
    assert fast.peak_bytes is None or 10e6 < fast.peak_bytes < 1e9


def test_processor_share_counts_work_but_not_waiting(test_split: Split, tmp_path: Path) -> None:
    contenders = [_contender(tmp_path, Fast), _contender(tmp_path, Slow), _contender(tmp_path, Busy)]
    measured, _ = measure(contenders, test_split, tmp_path, threads=[1], rounds=1)
    shares = [contender.processor_shares["1"] for contender in measured]
    assert shares == pytest.approx([0.01, 0.01, 0.1])  # ten calls a second


@pytest.mark.parametrize(("opener", "problem"), [(Broken, "ValueError: no such operator"), (Dying, "code 7")])
def test_a_contender_that_cannot_start_is_reported_and_skipped(
    test_split: Split, tmp_path: Path, opener: Callable[..., Engine], problem: str
) -> None:
    contenders = [_contender(tmp_path, Fast), _contender(tmp_path, opener)]
    measured, failed = measure(contenders, test_split, tmp_path, threads=[1], rounds=1)
    assert [contender.name for contender in measured] == ["Fast"]
    assert problem in failed[opener.__name__]


def test_a_baseline_that_cannot_start_ends_the_benchmark(test_split: Split, tmp_path: Path) -> None:
    contenders = [_contender(tmp_path, Broken), _contender(tmp_path, Fast)]
    with pytest.raises(BenchmarkError, match="Broken failed: ValueError: no such operator"):
        measure(contenders, test_split, tmp_path, threads=[1], rounds=1)
