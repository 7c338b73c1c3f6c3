"""The results of the benchmark of pictures. Field names are keys of the JSON files that store them."""

from dataclasses import dataclass
from statistics import fmean

from mnist_edge.benchmark.results import Spread
from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.robustness import Group, RobustnessResult, mean_accuracy
from mnist_edge.machine import Machine


@dataclass(frozen=True)
class PictureResult:
    """The measurements of one way to get from a picture file to a digit.

    `milliseconds` maps each size to the time per file. `robustness` counts best guesses as correct even where they are
    refused, as the robustness suite does; `refused_non_digits` maps each kind of the rejection suite to the fraction
    refused. A cold start lasts from starting a process to the first digit. `extra_bytes` is by how much camera frames
    raise the peak memory of a process that has read a small picture, `installed_bytes` what has to be installed besides
    Python; both are None where they cannot be found out, as is the memory of what starts a program for each picture.
    """

    name: str
    milliseconds: dict[str, Spread]
    robustness: tuple[RobustnessResult, ...]
    refused_non_digits: dict[str, float]
    cold_start_seconds: Spread
    extra_bytes: int | None
    installed_bytes: int | None

    def accuracy(self, group: Group) -> float:
        """Return the mean accuracy over the kinds of a group of the robustness suite."""
        return mean_accuracy(self.robustness, group)

    @property
    def refused_digits(self) -> float:
        """The fraction of the robustness suite's pictures that are refused."""
        return sum(kind.rejected for kind in self.robustness) / sum(kind.images for kind in self.robustness)

    def refused(self, *, blank_or_noise: bool) -> float:
        """Return the mean fraction refused over the kinds of blanks and noise, or over the other non-digits."""
        return fmean(
            share
            for kind, share in self.refused_non_digits.items()
            if (NON_DIGITS[kind][0] == "blank or noise") == blank_or_noise
        )


@dataclass(frozen=True)
class VersionRow:
    """One measurement of this version beside another; `times_as_fast` is the median of each round's ratio."""

    measurement: str
    unit: str
    ours: Spread
    other: Spread
    times_as_fast: float


@dataclass(frozen=True)
class VersionComparison:
    """This version beside another one, both with the same model; `workers` is what `predict_stream` is told."""

    ours: str
    other: str
    workers: int
    rows: tuple[VersionRow, ...]


@dataclass(frozen=True)
class PictureBenchmark:
    """The whole benchmark; `missing` maps contenders that are not installed to what adds them, `failed` to an error."""

    machine: Machine
    versions: dict[str, str]
    data_set: str
    images_per_kind: int
    rounds: int
    contenders: tuple[PictureResult, ...]
    missing: dict[str, str]
    failed: dict[str, str]
    against: VersionComparison | None
