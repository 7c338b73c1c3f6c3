"""Accuracy, precision, recall and calibration error of a classifier."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import DIGITS

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """A confusion matrix, `[10][10]`: images by true digit (row) and predicted digit (column)."""

    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, predicted: NDArray[np.integer], labels: NDArray[np.integer]) -> "Evaluation":
        """Compare predicted digits with the labels, both integers `[N]` in 0..9."""
        cells = labels.astype(np.int64) * DIGITS + predicted.astype(np.int64)
        counts = np.bincount(cells, minlength=DIGITS * DIGITS).reshape(DIGITS, DIGITS)
        return cls(tuple(map(tuple, counts.tolist())))

    @property
    def images(self) -> int:
        """Number of images evaluated."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """Number of images predicted correctly."""
        return sum(self.confusion[digit][digit] for digit in range(DIGITS))

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, 0..1; NaN without images."""
        return self.correct / self.images if self.images else float("nan")

    def recall(self, digit: int) -> float | None:
        """Return the fraction of this digit's images that were predicted correctly; None without any."""
        total = sum(self.confusion[digit])
        return self.confusion[digit][digit] / total if total else None

    def precision(self, digit: int) -> float | None:
        """Return the fraction of predictions of this digit that are correct; None without any."""
        total = sum(row[digit] for row in self.confusion)
        return self.confusion[digit][digit] / total if total else None

    def worst_pairs(self, count: int) -> list[tuple[int, int, int]]:
        """Return the most frequent mistakes as (true digit, predicted digit, number of images)."""
        mistakes = [
            (true, predicted, images)
            for true, row in enumerate(self.confusion)
            for predicted, images in enumerate(row)
            if true != predicted and images
        ]
        return sorted(mistakes, key=lambda mistake: (-mistake[2], mistake[:2]))[:count]


@dataclass(frozen=True)
class ConfidenceEvaluation:
    """Expected calibration error, 0..1, and the fraction of images that are rejected as implausible."""

    expected_calibration_error: float
    rejected: float


def expected_calibration_error(confidences: NDArray[np.floating], correct: NDArray[np.bool_]) -> float:
    """Return the mean distance between confidence and accuracy over bins of equal width, weighted by image count.

    Confidences, `[N]` in 0..1, are the probabilities of the predicted digits. C. Guo et al., "On Calibration of Modern
    Neural Networks", 2017, equation 3.
    """
    bins = np.minimum((confidences * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, correct - confidences.astype(np.float64))
    return float(np.abs(gaps).sum() / len(confidences))
