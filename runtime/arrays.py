"""Check pictures that come as arrays, and shrink large ones by averaging, with numpy alone and little memory."""

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
    if (factor := reduction(picture.shape[:2])) > 1:
        picture = shrink(picture, factor)
    return np.ascontiguousarray(picture.take((0, 0, 0, 1), axis=2) if channels == 2 else picture)


def reduction(size: tuple[int, ...]) -> int:
    """Return the smallest whole number that sides must be divided by to be at most `MAX_SIDE`."""
    return -(-max(size) // MAX_SIDE)


def shrink(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return averages of blocks of `factor` × `factor` pixels; the last blocks of an axis may be smaller.

    Args:
        pixels: uint8 `[H, W, C]`; with 2 or 4 channels, the last one is opacity and weights the others.
        factor: at least 2.

    Returns:
        uint8 `[ceil(H / factor), ceil(W / factor), C]`, rounded.
    """
    rows = factor * _ROWS_PER_STRIP
    return np.concatenate([_average(pixels[top : top + rows], factor) for top in range(0, len(pixels), rows)])


def _average(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    heights, widths = (np.minimum(factor, side - np.arange(0, side, factor)) for side in pixels.shape[:2])
    weights = np.outer(heights, widths)
    planes: list[NDArray[np.unsignedinteger]] = list(np.moveaxis(pixels, 2, 0))
    averages = []
    if len(planes) in (2, 4):
        opacity = planes.pop().astype(np.uint16)
        planes = [plane * opacity for plane in planes]
        total = _sum(opacity, factor)
        averages, weights = [total / weights], np.maximum(total, 1)
    averages = [_sum(plane, factor) / weights for plane in planes] + averages
    return np.rint(np.stack(averages, axis=2)).astype(np.uint8)


def _sum(plane: NDArray[np.unsignedinteger], factor: int) -> NDArray[np.unsignedinteger]:
    """Return the sums of a plane's blocks, in the narrowest type that holds them: the narrower, the faster."""
    largest = min(factor, len(plane)) * min(factor, plane.shape[1]) * np.iinfo(plane.dtype).max
    for _ in range(2):
        sums = np.zeros((-(-len(plane) // factor), plane.shape[1]), np.min_scalar_type(largest))
        for start in range(min(factor, len(plane))):
            part = plane[start::factor]
            sums[: len(part)] += part
        plane = sums.T
    return plane
