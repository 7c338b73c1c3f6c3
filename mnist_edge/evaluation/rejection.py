"""The rejection suite: how much of what is no digit is taken for none, and what that costs digits."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.non_digits import NON_DIGITS, NonDigitGroup
from runtime import Prediction

IMAGES_PER_KIND = 200
DIGITS_REJECTED = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Shares of the digits that the curve's thresholds reject."""


@dataclass(frozen=True)
class RejectionPoint:
    """Shares rejected at a threshold: of digits, of blanks and noise, and of classes that the network never saw."""

    reject_below: float
    digits: float
    blank_or_noise: float
    unseen_class: float


@dataclass(frozen=True)
class RejectionResult:
    """What a model rejects at its own threshold, by kind, and the curve over others."""

    images_per_kind: int
    kinds: dict[str, float]
    own: RejectionPoint
    curve: tuple[RejectionPoint, ...]


def non_digit_images(kind: str, images: int = IMAGES_PER_KIND) -> Iterator[NDArray[np.uint8]]:
    """Make pictures of a kind, the same ones every time."""
    draw = NON_DIGITS[kind][1]
    for index in range(images):
        yield draw(np.random.default_rng((zlib.crc32(kind.encode()), index)))


def evaluate_rejection(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    digit_confidences: NDArray[np.floating],
    reject_below: float,
) -> RejectionResult:
    """Show a predictor what is no digit.

    Args:
        predict_batch: of a predictor whose own threshold is next to nothing, so that `rejected` tells what its
            preparation has seen; the thresholds are laid on the confidences here.
        digit_confidences: `[N]`, of real digits.
        reject_below: the model's own threshold.
    """
    confidences = {kind: _confidences(predict_batch(non_digit_images(kind))) for kind in NON_DIGITS}

    def point(threshold: float) -> RejectionPoint:
        def share(group: NonDigitGroup) -> float:
            return float(
                np.mean([confidences[kind] < threshold for kind in NON_DIGITS if NON_DIGITS[kind][0] == group])
            )

        digits = float((digit_confidences < threshold).mean())
        return RejectionPoint(threshold, digits, share("blank or noise"), share("unseen class"))

    kinds = {kind: float((values < reject_below).mean()) for kind, values in confidences.items()}
    curve = tuple(point(float(np.quantile(digit_confidences, share))) for share in DIGITS_REJECTED)
    return RejectionResult(IMAGES_PER_KIND, kinds, point(reject_below), curve)


def _confidences(answers: Sequence[Prediction]) -> NDArray[np.float64]:
    """Give confidences, none where the preparation itself has seen that there is no digit."""
    return np.array([-1.0 if answer.rejected is not None else answer.confidence for answer in answers])
