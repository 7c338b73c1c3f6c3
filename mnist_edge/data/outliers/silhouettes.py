"""Outlines of things: random ones with two equal sides, as tools and emblems have, and furniture."""

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import SIDE
from mnist_edge.data.outliers.distortion import distort_by_hand
from mnist_edge.data.outliers.doodles import Points, resembles_digit

_FILLED = 0.65  # share of shapes that are filled
_FURNITURE = (
    "10,40 90,40 90,52 82,52 82,95 74,95 74,52 26,52 26,95 18,95 18,52 10,52",  # table
    "20,5 30,5 30,50 78,50 78,95 68,95 68,60 30,60 30,95 20,95",  # chair
    "38,5 62,5 80,45 55,45 55,85 72,85 72,95 28,95 28,85 45,85 45,45 20,45",  # lamp
    "5,35 18,35 18,55 82,55 82,35 95,35 95,85 86,85 86,95 78,95 78,85 22,85 22,95 14,95 14,85 5,85",  # sofa
    "4,30 14,30 14,55 96,55 96,90 86,90 86,72 14,72 14,90 4,90",  # bed
    "10,10 20,10 20,32 80,32 80,10 90,10 90,95 80,95 80,75 20,75 20,95 10,95",  # shelf
    "30,30 70,30 64,45 80,95 70,95 50,50 30,95 20,95 36,45",  # stool
)
"""Polygons as points `x,y`, in percent of the picture."""


def silhouettes(generator: np.random.Generator) -> Pixels:
    """Draw a random mirror-symmetric shape, filled or outlined. Outlines only widen: one with a waist would be an 8."""
    is_filled = generator.random() < _FILLED
    outline = _equal_sides(is_filled, generator)
    while resembles_digit(outline, is_filled):
        outline = _equal_sides(is_filled, generator)
    return _draw(outline, is_filled, generator)


def _equal_sides(is_filled: bool, generator: np.random.Generator) -> Points:
    levels = int(generator.integers(4, 9))
    heights = np.concatenate([[-1], np.sort(generator.uniform(-1, 1, levels - 2)), [1]])
    widths = generator.uniform(0.35 if is_filled else 0.1, 1, levels)
    if not is_filled:
        widths = np.sort(widths)[:: generator.choice([-1, 1])]
    right = np.stack([widths, heights], 1)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def furniture(generator: np.random.Generator) -> Pixels:
    """Draw a table, a chair, a lamp, a sofa, a bed, a shelf or a stool, filled or as an outline."""
    points = [point.split(",") for point in _FURNITURE[generator.integers(len(_FURNITURE))].split()]
    return _draw(np.array(points, np.float64) / 50 - 1, generator.random() < _FILLED, generator)


def _draw(outline: Points, is_filled: bool, generator: np.random.Generator) -> Pixels:
    """Draw a polygon given by points x, y from -1 to 1."""
    picture = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(picture)
    points = (SIDE / 2 + outline * SIDE * generator.uniform(0.3, 0.4)).ravel().tolist()
    if is_filled:
        pen.polygon(points, fill=int(generator.integers(130, 256)))
    else:
        pen.line(points + points[:4], fill=255, width=int(generator.integers(3, 7)), joint="curve")
    return distort_by_hand(picture, generator, 0.5)
