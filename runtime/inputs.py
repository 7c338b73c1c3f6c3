"""Arrays that a network reads its images from: the pixels, or for an optimized network windows of them.

ONNX Runtime's int8 convolution gathers what it multiplies at each position, 12 pieces of 4 bytes in the first layer. An
array of windows has that side by side, made by numpy in 4 pieces of 8 bytes, and the convolution becomes a 1×1 one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .contract import IMAGE_SIZE, WINDOWS, WINDOWS_SHAPE

_PIECE: Final = np.dtype(np.uint64)
"""Copied at once: a row of a window."""


class ImageInput:
    """Room for `count` images as they are, uint8 `[count, 1, 28, 28]`."""

    def __init__(self, count: int) -> None:
        """Set all pixels to 0."""
        self.array: Final[NDArray[np.uint8]] = np.zeros((count, 1, IMAGE_SIZE, IMAGE_SIZE), np.uint8)

    def fill(self, images: NDArray[np.uint8]) -> None:
        """Copy as many images as there is room for, or fewer, uint8 `[N, 28, 28]`."""
        self.array[: len(images), 0] = images


class WindowInput:
    """Room for the windows of `count` images, uint8 `[count, 14, 7, 32]`: see `contract.WINDOWS`."""

    def __init__(self, count: int) -> None:
        """Set all windows to 0."""
        self.array: Final[NDArray[np.uint8]] = np.zeros((count, *WINDOWS_SHAPE), np.uint8)
        # Zeros: a row above and below, a column before and 3 after.
        padded = np.zeros((count, IMAGE_SIZE + 2, IMAGE_SIZE + 4), np.uint8)
        image, row, _ = padded.strides
        pieces = self.array.view(_PIECE)
        # A window every 2 rows and 4 columns, in it a piece of each of 4 rows; the last one ends where its image does.
        sources = np.ndarray(pieces.shape, _PIECE, padded, strides=(image, 2 * row, 4, row))
        self._views = padded[:, 1:-1, 1:-3], pieces, sources

    def fill(self, images: NDArray[np.uint8]) -> None:
        """Lay out the windows of as many images as there is room for, or fewer, uint8 `[N, 28, 28]`."""
        count = len(images)
        pixels, pieces, sources = self._views
        if count < len(pixels):
            pixels, pieces, sources = pixels[:count], pieces[:count], sources[:count]
        pixels[...] = images
        pieces[...] = sources


def make_input(name: str, count: int) -> ImageInput | WindowInput:
    """Return room for `count` images of a network whose input has this name."""
    return WindowInput(count) if name == WINDOWS else ImageInput(count)
