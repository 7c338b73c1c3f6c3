"""What a benchmark found, and the file that it is kept in."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import ResultsError
from mnist_edge.files import write_bytes
from mnist_edge.machine import Machine

_FORMAT = 1


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, and the quartiles below and above it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """Summarise at least one value."""
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        return cls(median, low, high)


@dataclass(frozen=True)
class Timing:
    """Microseconds an image, and how many times as fast as the baseline: the median of the rounds' ratios."""

    threads: int
    batch: int
    microseconds: Spread
    speedup: float


@dataclass(frozen=True)
class Measured:
    """What was measured of one contender.

    `accuracy` is a share of the test images, with one thread; `bytes` are of its files. A cold start
    goes from the start of a Python process, the files being in the system's cache, to the first
    digit; `peak_bytes` are of that process, None where the system does not tell. `processor_shares`
    says, by threads, what share of one core single images take that come at a leisurely pace.
    """

    name: str
    package: str
    accuracy: float
    bytes: int
    cold_start_seconds: Spread
    peak_bytes: int | None
    processor_shares: dict[str, float]
    timings: tuple[Timing, ...]

    def timing(self, threads: int, batch: int) -> Timing:
        """Give the timing with that many threads and images a batch."""
        return next(found for found in self.timings if (found.threads, found.batch) == (threads, batch))


@dataclass(frozen=True)
class Benchmark:
    """A whole benchmark.

    `models` has the contenders of each model, the baseline first; `missing` what would add an absent
    one; `failed` what one said that could not be started.
    """

    machine: Machine
    versions: dict[str, str]
    data_set: str
    images: int
    rounds: int
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    predictions_per_second: int
    models: dict[str, tuple[Measured, ...]]
    missing: dict[str, str]
    failed: dict[str, str]


@dataclass(frozen=True)
class TrainingTiming:
    """One way to train an epoch: its seconds, the median of their ratio to the first way's, its mean accuracy."""

    way: str
    seconds: Spread
    ratio: float
    accuracy: float


@dataclass(frozen=True)
class TrainingBenchmark:
    """What one epoch of each model took; the first way is this project's."""

    machine: Machine
    versions: dict[str, str]
    data_set: str
    rounds: int
    threads: int
    models: dict[str, tuple[TrainingTiming, ...]]


def save_results(path: Path, results: Benchmark | TrainingBenchmark) -> None:
    """Write results as JSON, atomically."""
    write_bytes(path, f"{json.dumps(results_as_json(results), indent=1)}\n".encode())


def results_as_json(results: Benchmark | TrainingBenchmark) -> dict[str, Any]:
    """Give results as an object of JSON."""
    return {"kind": type(results).__name__, "format": _FORMAT, **asdict(results)}


def load_benchmark(path: Path) -> Benchmark:
    """Read a benchmark that `save_results` wrote.

    Raises:
        ResultsError: it is no such file.
    """
    with _reading(path, Benchmark) as content:
        models = {model: tuple(_measured(**found) for found in each) for model, each in content["models"].items()}
        settings = {name: tuple(content[name]) for name in ("threads", "batches")}
        return Benchmark(**{**content, **settings, "machine": _machine(content), "models": models})


def load_training_benchmark(path: Path) -> TrainingBenchmark:
    """Read a benchmark of training that `save_results` wrote.

    Raises:
        ResultsError: it is no such file.
    """
    with _reading(path, TrainingBenchmark) as content:
        models = {
            model: tuple(TrainingTiming(**{**way, "seconds": Spread(**way["seconds"])}) for way in ways)
            for model, ways in content["models"].items()
        }
        return TrainingBenchmark(**{**content, "machine": _machine(content), "models": models})


@contextmanager
def _reading(path: Path, kind: type) -> Iterator[dict[str, Any]]:
    try:
        content = json.loads(path.read_text("utf-8"))
        if (content.pop("kind"), content.pop("format")) != (kind.__name__, _FORMAT):
            raise ValueError("another kind or format")
        yield content
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(path, str(error)) from error


def _machine(content: dict[str, Any]) -> Machine:
    return Machine(**{**content["machine"], "flags": tuple(content["machine"]["flags"])})


def _measured(cold_start_seconds: dict[str, float], timings: list[dict[str, Any]], **rest: Any) -> Measured:
    return Measured(
        cold_start_seconds=Spread(**cold_start_seconds),
        timings=tuple(Timing(**{**timing, "microseconds": Spread(**timing["microseconds"])}) for timing in timings),
        **rest,
    )
