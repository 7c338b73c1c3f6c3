"""The robustness suite: accuracy on each kind of photograph and corruption."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.corruptions import CORRUPTIONS
from mnist_edge.evaluation.photographs import PHOTOGRAPHS, photograph
from runtime import Prediction

IMAGES_PER_KIND = 500

Group = Literal["photograph", "corruption"]
KINDS: tuple[tuple[Group, str], ...] = (
    *(("photograph", kind) for kind in PHOTOGRAPHS),
    *(("corruption", kind) for kind in CORRUPTIONS),
)


@dataclass(frozen=True)
class RobustnessResult:
    """Counts for one kind of picture. A rejected picture still counts as correct if its digit is right."""

    group: Group
    kind: str
    images: int
    correct: int
    rejected: int

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, 0..1."""
        return self.correct / self.images


def robustness_images(group: Group, kind: str, digits: Split) -> Iterator[NDArray[np.uint8]]:
    """Make one picture of each digit; the same digit at the same index gives the same picture."""
    for index, digit in enumerate(digits.images):
        generator = np.random.default_rng((zlib.crc32(kind.encode()), index))
        yield photograph(digit, kind, generator) if group == "photograph" else CORRUPTIONS[kind](digit, generator)


def evenly_spaced(split: Split, images: int) -> Split:
    """Return that many images at equal distances, or all if there are fewer."""
    stride = max(1, len(split.labels) // images)
    return Split(split.images[::stride][:images], split.labels[::stride][:images])


def evaluate_robustness(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    test: Split,
    *,
    images: int = IMAGES_PER_KIND,
    on_kind: Callable[[str], None] = lambda _: None,
) -> list[RobustnessResult]:
    """Measure a predictor's accuracy on every kind of picture, each made of the same evenly spaced test images.

    `predict_batch` is a predictor's method; `on_kind` is called with each kind's name before it is measured.
    """
    digits = evenly_spaced(test, images)
    results = []
    for group, kind in KINDS:
        on_kind(kind)
        predictions = predict_batch(robustness_images(group, kind, digits))
        correct = int((np.array([prediction.digit for prediction in predictions]) == digits.labels).sum())
        rejected = sum(prediction.rejection is not None for prediction in predictions)
        results.append(RobustnessResult(group, kind, len(digits.labels), correct, rejected))
    return results


def mean_accuracy(results: Sequence[RobustnessResult], group: Group) -> float:
    """Return the mean accuracy over the kinds of a group."""
    return float(np.mean([result.accuracy for result in results if result.group == group]))


def mean_rejected(results: Sequence[RobustnessResult], group: Group) -> float:
    """Return the mean fraction of rejected pictures over the kinds of a group."""
    return float(np.mean([result.rejected / result.images for result in results if result.group == group]))
