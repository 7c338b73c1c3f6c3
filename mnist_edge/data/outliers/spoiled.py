"""Spoiled digits: two that touch, crossed out, cut in half."""

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import SIDE, write_digit
from mnist_edge.data.mnist import DIGITS

_HALVES = ((0, "top", 0.5), (0, "bottom", 0.5), (2, "bottom", 0.5), (5, "top", 0.43), (8, "left", 0.52))
"""Digits, and the side and share of each that is left: more would be legible, and others would be a 1."""


def touching_digits(generator: np.random.Generator) -> Pixels:
    """Write two digits that touch or overlap."""
    first, second = (write_digit(int(digit), generator) for digit in generator.integers(0, DIGITS, 2))
    first, second = _cropped(first), _cropped(second)
    overlap = int(generator.uniform(0, 0.35) * min(first.shape[1], second.shape[1])) + 1
    canvas = np.zeros((SIDE + 20, first.shape[1] + second.shape[1] - overlap + 16), np.uint8)
    for digit, left in ((first, 8), (second, 8 + first.shape[1] - overlap)):
        top = int((len(canvas) - len(digit)) // 2 + generator.integers(-4, 5))
        part = canvas[max(top, 0) : max(top, 0) + len(digit), left : left + digit.shape[1]]
        np.maximum(part, digit[: len(part)], out=part)
    return canvas


def crossed_out_digits(generator: np.random.Generator) -> Pixels:
    """Write a digit and cross it out with straight lines, a wavy line or a scribble."""
    digit = write_digit(int(generator.integers(DIGITS)), generator)
    picture = Image.fromarray(digit)
    pen, width = ImageDraw.Draw(picture), int(generator.integers(2, 6))
    side, kind = len(digit), generator.integers(3)
    if kind == 0:
        for _ in range(int(generator.integers(3, 5))):  # one or two may be the bar of a 7 or lie beside the digit
            start, stop = generator.uniform(0.25, 0.75, 2) * side
            ends = [(0.06 * side, start), (0.94 * side, stop)]
            pen.line(ends if generator.random() < 0.6 else [(y, x) for x, y in ends], fill=255, width=width)
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
    picture = _cropped(write_digit(digit, generator))
    share = typical_share + generator.uniform(-0.05, 0.05)
    height, width = picture.shape
    row, column = round(share * height), round(share * width)
    rest = {"top": picture[:row], "bottom": picture[height - row :], "left": picture[:, :column]}[side]
    return np.pad(rest, 14)


def _cropped(picture: Pixels) -> Pixels:
    rows, columns = (np.flatnonzero(picture.max(axis) > 0) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
