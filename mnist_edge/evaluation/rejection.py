"""The rejection suite: rejection rates on non-digits and on digits."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS, NonDigitGroup
from runtime import Prediction
from runtime.predictor import Classification

IMAGES_PER_KIND = 200
DIGITS_REJECTED = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Fractions of digits rejected at the thresholds of a curve."""

_Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class RejectionPoint:
    """Fractions rejected at one threshold: of digits, and of each group of non-digits."""

    reject_below: float
    digits: float
    non_digits: dict[NonDigitGroup, float]


@dataclass(frozen=True)
class RejectionResult:
    """Fractions rejected of each kind at the model's own threshold, and ROC-like curves over other thresholds.

    `curve` is of plausibilities, `confidence_curve` shows what thresholds of the largest probability would do.
    """

    images_per_kind: int
    kinds: dict[str, float]
    own: RejectionPoint
    curve: tuple[RejectionPoint, ...]
    confidence_curve: tuple[RejectionPoint, ...]


def non_digit_images(kind: str, images: int = IMAGES_PER_KIND) -> Iterator[NDArray[np.uint8]]:
    """Draw pictures of one kind, uint8 `[H, W]` or `[H, W, 3]`; the same pictures on every call."""
    draw = NON_DIGITS[kind][1]
    for index in range(images):
        yield draw(np.random.default_rng((zlib.crc32(kind.encode()), index)))


def evaluate_rejection(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    digits: Classification,
    reject_below: float,
    *,
    on_kind: Callable[[str], None] = lambda _: None,
) -> RejectionResult:
    """Measure how many non-digits and how many digits are rejected at several thresholds.

    Args:
        predict_batch: a predictor's method. The predictor's own threshold must be 0, so that `rejection`
            is set only by its picture preparation; the thresholds are applied here.
        digits: the same predictor's answers for real digits.
        reject_below: the plausibility that is the threshold by default.
        on_kind: called with each kind's name before it is measured.
    """
    plausibilities: _Scores = {}
    confidences: _Scores = {}
    for kind in NON_DIGITS:
        on_kind(kind)
        predictions = predict_batch(non_digit_images(kind))
        is_rejected = np.array([prediction.rejection is not None for prediction in predictions])  # by the preparation
        for scores, values in (
            (plausibilities, [prediction.plausibility for prediction in predictions]),
            (confidences, [prediction.confidence for prediction in predictions]),
        ):
            scores[kind] = np.where(is_rejected, -1.0, values)  # below every threshold
    kinds = {kind: float((values < reject_below).mean()) for kind, values in plausibilities.items()}
    own = _point(reject_below, plausibilities, digits.plausibilities)
    curve, confidence_curve = (
        tuple(_point(float(np.quantile(of_digits, share)), scores, of_digits) for share in DIGITS_REJECTED)
        for scores, of_digits in (
            (plausibilities, digits.plausibilities),
            (confidences, digits.probabilities.max(axis=1)),
        )
    )
    return RejectionResult(IMAGES_PER_KIND, kinds, own, curve, confidence_curve)


def _point(threshold: float, scores: _Scores, of_digits: NDArray[np.floating]) -> RejectionPoint:
    rejected = {
        group: [scores[kind] < threshold for kind in NON_DIGITS if NON_DIGITS[kind][0] == group]
        for group in NON_DIGIT_GROUPS
    }
    return RejectionPoint(
        reject_below=threshold,
        digits=float((of_digits < threshold).mean()),
        non_digits={group: float(np.mean(values)) for group, values in rejected.items()},
    )
