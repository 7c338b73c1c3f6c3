"""Spoiled digits: two that touch, crossed out, cut in half."""

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import write_digit
from mnist_edge.data.mnist import DIGITS

_HALVES = ((0, "top", 0.5), (0, "bottom", 0.5), (2, "bottom", 0.5), (5, "top", 0.43), (8, "left", 0.52))
"""Digits, and the side and share of each that is left: more would be legible, and others would be a 1."""
_LEAST_WIDTH = 0.4  # of what a cut leaves, as a share of its height; the side of a narrow 8 is like a 1
_INK = 100  # least level of ink


def touching_digits(generator: np.random.Generator) -> Pixels:
    """Write two digits side by side that touch or overlap a little."""
    left, right = (
        np.pad(write_digit(int(digit), generator), ((rise, 8 - rise), (0, 0)))
        for digit, rise in zip(generator.integers(0, DIGITS, 2), generator.integers(0, 9, 2), strict=True)
    )
    return _side_by_side(left, right, int(generator.integers(1, 6)))


def _side_by_side(left: Pixels, right: Pixels, overlap: int) -> Pixels:
    """Move two pictures of the same size together until their ink overlaps by some pixels."""
    height, width = left.shape
    columns = np.arange(width)
    left_end = np.where(left > _INK, columns, -width).max(axis=1)
    right_start = np.where(right > _INK, columns, 2 * width).min(axis=1)
    shift = max(0, int((left_end - right_start).max()) + 1 - overlap)
    both = np.zeros((height, width + shift), np.uint8)
    both[:, :width] = left
    np.maximum(both[:, shift:], right, out=both[:, shift:])
    return both


def crossed_out_digits(generator: np.random.Generator) -> Pixels:
    """Write a digit and cross it out with straight lines, a cross or a zigzag.

    The lines are not thin: a digit on ruled paper can be read, and so can one under a hairline.
    """
    digit = write_digit(int(generator.integers(DIGITS)), generator)
    picture = Image.fromarray(digit)
    pen, width = ImageDraw.Draw(picture), int(generator.integers(4, 8))
    side, kind = len(digit), generator.integers(3)
    if kind == 0:
        for _ in range(int(generator.integers(3, 6))):  # one or two may be the bar of a 7 or lie beside the digit
            start, stop = generator.uniform(0.2, 0.8, 2) * side
            pen.line([(0.06 * side, start), (0.94 * side, stop)], fill=255, width=width)
    elif kind == 1:
        pen.line([(0.1 * side, 0.1 * side), (0.9 * side, 0.9 * side)], fill=255, width=width)
        pen.line([(0.1 * side, 0.9 * side), (0.9 * side, 0.1 * side)], fill=255, width=width)
    else:
        turns = int(generator.integers(8, 18))
        x = np.linspace(0.1, 0.9, turns) * side
        y = np.where(np.arange(turns) % 2, generator.uniform(0.1, 0.35), generator.uniform(0.65, 0.9)) * side
        points = np.stack([x, y + generator.normal(0, 3, turns)], 1)
        if generator.random() < 0.4:
            points = points[:, ::-1]
        pen.line(points.ravel().tolist(), fill=255, width=width)
    return np.asarray(picture)


def halved_digits(generator: np.random.Generator) -> Pixels:
    """Write a digit of which a cut leaves half, and no other digit."""
    digit, side, typical_share = _HALVES[generator.integers(len(_HALVES))]
    rest = _half(digit, side, typical_share, generator)
    while rest.shape[1] < _LEAST_WIDTH * rest.shape[0]:
        rest = _half(digit, side, typical_share, generator)
    return np.pad(rest, 14)


def _half(digit: int, side: str, typical_share: float, generator: np.random.Generator) -> Pixels:
    picture = _cropped(write_digit(digit, generator))
    share = typical_share + generator.uniform(-0.05, 0.05)
    height, width = picture.shape
    row, column = round(share * height), round(share * width)
    return {"top": picture[:row], "bottom": picture[height - row :], "left": picture[:, :column]}[side]


def _cropped(picture: Pixels) -> Pixels:
    rows, columns = (np.flatnonzero(picture.max(axis) > 0) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
