"""What a classifier got right and wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import DIGITS


@dataclass(frozen=True)
class Evaluation:
    """Counts of true digit (row) against predicted digit (column), `[10][10]`."""

    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, predicted: NDArray[np.integer], labels: NDArray[np.integer]) -> "Evaluation":
        """Count predictions against labels, both integers `[N]` in 0..9."""
        cells = labels.astype(np.int64) * DIGITS + predicted.astype(np.int64)
        counts = np.bincount(cells, minlength=DIGITS * DIGITS).reshape(DIGITS, DIGITS)
        return cls(tuple(tuple(map(int, row)) for row in counts))

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """Number of images whose digit was named."""
        return sum(self.confusion[digit][digit] for digit in range(DIGITS))

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, a fraction; NaN without images."""
        return self.correct / self.images if self.images else float("nan")

    def recall(self, digit: int) -> float | None:
        """Fraction of a digit's images that were named so; None where there are none."""
        total = sum(self.confusion[digit])
        return self.confusion[digit][digit] / total if total else None

    def precision(self, digit: int) -> float | None:
        """Fraction right of the images that were named so; None where there are none."""
        total = sum(row[digit] for row in self.confusion)
        return self.confusion[digit][digit] / total if total else None

    def worst_pairs(self, count: int) -> list[tuple[int, int, int]]:
        """Give the most frequent mistakes as (true digit, predicted digit, images)."""
        mistakes = [
            (true, predicted, images)
            for true, row in enumerate(self.confusion)
            for predicted, images in enumerate(row)
            if true != predicted and images
        ]
        return sorted(mistakes, key=lambda mistake: (-mistake[2], mistake[:2]))[:count]


@dataclass(frozen=True)
class ConfidenceEvaluation:
    """How far confidences can be trusted, fractions: the expected calibration error, and the share rejected."""

    expected_calibration_error: float
    rejected: float


def expected_calibration_error(confidences: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Give the mean distance between confidence and accuracy, over bins of equal width weighted by their images.

    C. Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3.

    Args:
        confidences: `[N]`, 0..1, of the digits named.
        correct: `[N]`, whether each was right.
        bins: of 0..1.
    """
    places = np.minimum((confidences * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(places, correct - confidences.astype(np.float64), bins)
    return float(np.abs(gaps).sum() / len(confidences))
