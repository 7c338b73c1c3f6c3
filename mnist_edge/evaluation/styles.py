"""The styles suite: accuracy on digits written with strokes that training does not contain."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.handwriting import write_skeleton
from mnist_edge.data.strokes import HELD_OUT_STYLES
from runtime import Prediction

IMAGES_PER_STYLE = 100
STYLES = {
    f"{digit}, {style}": (digit, skeleton)
    for digit, skeletons in enumerate(HELD_OUT_STYLES)
    for style, skeleton in skeletons.items()
}
"""Each style's digit and skeleton."""


@dataclass(frozen=True)
class StyleShares:
    """Fractions of pictures read as the right digit, even if rejected, and rejected."""

    accuracy: float
    rejected: float


@dataclass(frozen=True)
class StylesResult:
    """A model's results in the mean over all styles and on each of them."""

    images_per_style: int
    mean: StyleShares
    styles: dict[str, StyleShares]


def style_images(style: str, images: int = IMAGES_PER_STYLE) -> Iterator[NDArray[np.uint8]]:
    """Write digits in one style, uint8 `[H, W]`, by turns bright on dark and dark on light; the same on every call."""
    skeleton = STYLES[style][1]
    for index in range(images):
        picture = write_skeleton(skeleton, np.random.default_rng((zlib.crc32(style.encode()), index)))
        yield 255 - picture if index % 2 else picture


def evaluate_styles(
    predict_batch: Callable[[Iterator[NDArray[np.uint8]]], Sequence[Prediction]],
    *,
    images: int = IMAGES_PER_STYLE,
    on_style: Callable[[str], None] = lambda _: None,
) -> StylesResult:
    """Measure a predictor's accuracy on every held-out style.

    `predict_batch` is a predictor's method; `on_style` is called with each style's name before it is measured.
    """
    styles = {}
    for style, (digit, _) in STYLES.items():
        on_style(style)
        predictions = predict_batch(style_images(style, images))
        correct = sum(prediction.digit == digit for prediction in predictions)
        rejected = sum(prediction.rejection is not None for prediction in predictions)
        styles[style] = StyleShares(correct / images, rejected / images)
    accuracies, rejections = zip(*((shares.accuracy, shares.rejected) for shares in styles.values()), strict=True)
    return StylesResult(images, StyleShares(fmean(accuracies), fmean(rejections)), styles)
