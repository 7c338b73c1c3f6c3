"""The results of a benchmark. Field names are keys of the JSON files that store them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.machine import Machine


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, with the lower and upper quartile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """Summarize at least one value."""
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        return cls(median, low, high)


@dataclass(frozen=True)
class Timing:
    """Microseconds per image, and the speedup over the baseline: the median of each round's ratio."""

    threads: int
    batch: int
    microseconds: Spread
    speedup: float


@dataclass(frozen=True)
class ContenderResult:
    """The measurements of one contender.

    `accuracy` is the fraction of test images classified correctly, with the first thread setting; `bytes` is the
    total size of its files. A cold start lasts from starting a Python process, with the files in the system's
    cache, to the first classified digit; `peak_bytes` is the peak memory of that process, None where the system
    does not report it. `processor_shares` maps the number of threads to the fraction of one core that a slow,
    steady stream of single images takes.
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
        """Return the timing for a number of threads and a batch size."""
        return next(timing for timing in self.timings if (timing.threads, timing.batch) == (threads, batch))


@dataclass(frozen=True)
class Benchmark:
    """A whole benchmark.

    `models` holds the contenders of each model, the baseline first; `missing` maps each contender that could not
    be built to what adds it; `failed` maps each one that could not be started to its error.
    """

    machine: Machine
    versions: dict[str, str]
    data_set: str
    images: int
    rounds: int
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    predictions_per_second: int
    models: dict[str, tuple[ContenderResult, ...]]
    missing: dict[str, str]
    failed: dict[str, str]


@dataclass(frozen=True)
class TrainingTiming:
    """One way of training an epoch: seconds, median ratio to this project's loop, and mean accuracy."""

    way: str
    seconds: Spread
    ratio: float
    accuracy: float


@dataclass(frozen=True)
class TrainingBenchmark:
    """The timings of one epoch of each model, this project's training loop first."""

    machine: Machine
    versions: dict[str, str]
    data_set: str
    rounds: int
    threads: int
    models: dict[str, tuple[TrainingTiming, ...]]


@dataclass(frozen=True)
class Benchmarks:
    """The benchmarks of several machines, the one measured last at the end."""

    machines: tuple[Benchmark, ...]


@dataclass(frozen=True)
class TrainingBenchmarks:
    """The training benchmarks of several machines, the one measured last at the end."""

    machines: tuple[TrainingBenchmark, ...]
