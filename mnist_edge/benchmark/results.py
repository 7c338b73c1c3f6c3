"""What a benchmark found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.machine import Machine


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
