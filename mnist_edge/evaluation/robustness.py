"""The robustness suite as one table: how often a model is right on each kind of photograph and corruption."""

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
    """What a model made of one kind of picture; rejected ones count as right or wrong like the others."""

    group: Group
    kind: str
    images: int
    correct: int
    rejected: int

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, a fraction."""
        return self.correct / self.images


def robustness_images(group: Group, kind: str, digits: Split) -> Iterator[NDArray[np.uint8]]:
    """Make one picture of a kind of each digit; the same digit at the same place gives the same picture."""
    for index, digit in enumerate(digits.images):
        generator = np.random.default_rng((zlib.crc32(kind.encode()), index))
        yield photograph(digit, kind, generator) if group == "photograph" else CORRUPTIONS[kind](digit, generator)


def evaluate_robustness(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    test: Split,
    *,
    images: int = IMAGES_PER_KIND,
    on_kind: Callable[[str], None] = lambda _: None,
) -> list[RobustnessResult]:
    """Show a predictor every kind of picture.

    Args:
        predict_batch: of a predictor that prepares pictures itself and leaves none unanswered.
        test: MNIST's test images; every n-th is used.
        images: of each kind.
        on_kind: told which kind comes next.
    """
    stride = max(1, len(test.labels) // images)
    digits = Split(test.images[::stride][:images], test.labels[::stride][:images])
    results = []
    for group, kind in KINDS:
        on_kind(kind)
        answers = predict_batch(robustness_images(group, kind, digits))
        named = np.array([answer.digit for answer in answers])
        rejected = sum(answer.rejected is not None for answer in answers)
        correct = int((named == digits.labels).sum())
        results.append(RobustnessResult(group, kind, len(digits.labels), correct, rejected))
    return results


def mean_accuracy(results: Sequence[RobustnessResult], group: Group) -> float:
    """Average the accuracies of a group's kinds."""
    return float(np.mean([result.accuracy for result in results if result.group == group]))
