"""Check pictures that come as arrays, and shrink large ones by averaging, with numpy alone and little memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError

MAX_SIDE = 1_024
"""Larger pictures are shrunk until no side is longer: more pixels tell no more about a digit."""

_ROWS_PER_STRIP = 32
"""Rows of a shrunk picture that are computed together, so that intermediate results stay in the processor's cache."""


def read_array(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an array of pixels in the form that `read_picture` documents, if possible without a copy.

    Raises:
        ImageError: the array has the wrong shape or no pixels.
        TypeError: it is not uint8.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, 0 to 255, not {pixels.dtype}; scale and convert them first")
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1] if pixels.ndim == 3 else 0
    if not 1 <= channels <= 4 or pixels.size == 0:
        raise ImageError(
            f"an array of shape {list(pixels.shape)} is not an image; pass [height, width] (grey) or "
            "[height, width, channels] with 1 to 4 channels and at least one pixel"
        )
    picture = np.asarray(pixels).reshape(*pixels.shape[:2], channels)
    if channels == 2:
        picture = picture.take((0, 0, 0, 1), axis=2)
    if (factor := reduction(picture.shape[:2])) > 1:
        picture = _shrink(picture, factor)
    return np.ascontiguousarray(picture)


def reduction(size: tuple[int, ...]) -> int:
    """Return the smallest whole number that sides must be divided by to be at most `MAX_SIDE`."""
    return -(-max(size) // MAX_SIDE)


def _shrink(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return averages of blocks of `factor` × `factor` pixels, smaller ones at the ends; opacity weights colors."""
    rows = factor * _ROWS_PER_STRIP
    return np.concatenate([_average(pixels[top : top + rows], factor) for top in range(0, len(pixels), rows)])


def _average(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    heights, widths = (np.minimum(factor, side - np.arange(0, side, factor)) for side in pixels.shape[:2])
    values, weights = pixels, np.outer(heights, widths)[..., None]
    if pixels.shape[2] == 4:
        values = pixels.astype(np.uint16)
        for color in range(3):  # broadcasting over the last axis is slow
            values[..., color] *= values[..., 3]
    sums = _sum(values, factor)
    if pixels.shape[2] == 4:
        weights = np.where([True, True, True, False], np.maximum(sums[..., 3:], 1), weights)
    return np.rint(sums / weights).astype(np.uint8)


def _sum(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return the sums of blocks of `[H, W, C]`, in the narrowest type that holds them: the narrower, the faster."""
    for _ in range(2):  # down, then across
        largest = np.iinfo(values.dtype).max * min(factor, len(values))
        sums = np.zeros((-(-len(values) // factor), *values.shape[1:]), np.min_scalar_type(largest))
        for start in range(min(factor, len(values))):
            part = values[start::factor]
            sums[: len(part)] += part
        values = sums.swapaxes(0, 1)
    return values
