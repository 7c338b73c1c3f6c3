"""The rejection suite: rejection rates on non-digits and on digits."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS, NonDigitGroup
from runtime import Prediction

IMAGES_PER_KIND = 200
DIGITS_REJECTED = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Fractions of digits rejected at the thresholds of the curve."""


@dataclass(frozen=True)
class RejectionPoint:
    """Fractions rejected at one threshold: of digits, and of each group of non-digits."""

    reject_below: float
    digits: float
    non_digits: dict[NonDigitGroup, float]


@dataclass(frozen=True)
class RejectionResult:
    """Fractions rejected of each kind at the model's own threshold, and a ROC-like curve over other thresholds."""

    images_per_kind: int
    kinds: dict[str, float]
    own: RejectionPoint
    curve: tuple[RejectionPoint, ...]


def non_digit_images(kind: str, images: int = IMAGES_PER_KIND) -> Iterator[NDArray[np.uint8]]:
    """Draw pictures of one kind, uint8 `[H, W]` or `[H, W, 3]`; the same pictures on every call."""
    draw = NON_DIGITS[kind][1]
    for index in range(images):
        yield draw(np.random.default_rng((zlib.crc32(kind.encode()), index)))


def evaluate_rejection(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    digit_plausibilities: NDArray[np.floating],
    reject_below: float,
    *,
    on_kind: Callable[[str], None] = lambda _: None,
) -> RejectionResult:
    """Measure how many non-digits and how many digits are rejected at several thresholds.

    Args:
        predict_batch: a predictor's method. The predictor's own threshold must be 0, so that `rejection`
            is set only by its picture preparation; the thresholds are applied to the plausibilities here.
        digit_plausibilities: `[N]`, of real digits.
        reject_below: the threshold by default.
        on_kind: called with each kind's name before it is measured.
    """
    plausibilities: dict[str, NDArray[np.float64]] = {}
    for kind in NON_DIGITS:
        on_kind(kind)
        plausibilities[kind] = _plausibilities(predict_batch(non_digit_images(kind)))

    def rejected_fraction(group: NonDigitGroup, threshold: float) -> float:
        return float(np.mean([plausibilities[kind] < threshold for kind in NON_DIGITS if NON_DIGITS[kind][0] == group]))

    def point(threshold: float) -> RejectionPoint:
        return RejectionPoint(
            reject_below=threshold,
            digits=float((digit_plausibilities < threshold).mean()),
            non_digits={group: rejected_fraction(group, threshold) for group in NON_DIGIT_GROUPS},
        )

    kinds = {kind: float((values < reject_below).mean()) for kind, values in plausibilities.items()}
    curve = tuple(point(float(np.quantile(digit_plausibilities, fraction))) for fraction in DIGITS_REJECTED)
    return RejectionResult(IMAGES_PER_KIND, kinds, point(reject_below), curve)


def _plausibilities(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    """Return plausibilities, -1 for pictures that the preparation rejected: below every threshold."""
    return np.array([-1.0 if each.rejection is not None else each.plausibility for each in predictions])
