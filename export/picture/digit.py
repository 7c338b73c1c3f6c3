"""Cut a digit out of a picture and bring it into MNIST's form.

MNIST's makers scaled a digit's bounding box to 20×20 pixels, with its aspect ratio kept, and moved its center of mass
to the middle of 28×28 (Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section
III.A).
"""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.ink import COARSE, GRID, Ink, project
from export.picture.marks import Marks
from export.picture.operators import INT64, OpBuilder, Value, constant, ratio, total
from export.picture.planes import View, look

BOX_SIZE, SIZE = 20, 28
DIGIT_GRID = 48
"""Cells a side of the grid on which strokes are widened and thinned."""

_MARGIN = 4
"""Cells around the digit."""
_INSIDE = DIGIT_GRID - 2 * _MARGIN
"""Cells of the digit's longer side."""
_MAX_CELLS = 56
"""Limit of the view of the digit: its longer side has 28 to 56 cells, or is enlarged."""
_GATE_STEEPNESS = 4.0
"""Ink fades out at the edge of the digit's cells."""
_STRONG = 0.36
"""A thin or pale stem is stronger."""
_MIN_STROKE_WIDTH, _MAX_STROKE_WIDTH = 1.5, 4.2
"""Pixels of 28: the first and the last percent of MNIST's 60,000 training images."""
_MAX_GROWTH = 3
"""Cells that an edge is moved at most."""
_MIN_LEVEL, _MAX_OFF_CENTER = 200.0, 0.5501
"""Of MNIST's images: brightest level, pixels from the center of mass to 14.5."""
_MAX_ASPECT = 1.65
"""A digit's width by its height."""


def cut_out(op: OpBuilder, picture: Value, inverted: Value, view: View, ink: Ink, marks: Marks) -> tuple[Value, Value]:
    """Look at the digit again in the picture itself, scaled to fill a grid of its own.

    Returns:
        Its strokes, `[1, 1, DIGIT_GRID, DIGIT_GRID]`, and their level above paper in the picture, `[1]`.
    """
    viewed = graph.as_float(op, view.pixels)
    reach = op.Ceil(op.Mul(op.Add(marks.ends, 1.0), op.Mul(viewed, 1 / GRID)))
    reach = op.Min(op.Cast(reach, to=INT64), view.pixels)
    start = op.Add(view.start, op.Sub(view.pixels, op.Gather(reach, 0)))
    size = op.Max(op.Sub(op.Add(view.start, op.Gather(reach, 1)), start), 1)
    close = look(op, picture, inverted, start, size, _MAX_CELLS)

    levels = project(op, ink, close.planes)
    scaled = op.Resize(
        levels, None, None, [_INSIDE] * 2, axes=[2, 3], mode="linear", keep_aspect_ratio_policy="not_larger"
    )
    margins = op.Concat([_MARGIN] * 2, op.Sub(DIGIT_GRID - _MARGIN, op.Shape(scaled, start=2)), axis=0)
    levels = op.Pad(scaled, margins, -255.0, [2, 3])

    middles = constant(op, "middles", (np.arange(DIGIT_GRID) + 0.5 - _MARGIN) / _INSIDE)
    in_pixels = op.Mul(graph.as_float(op, op.ReduceMax(close.pixels)), middles)
    on_view = op.Add(op.Unsqueeze(graph.as_float(op, op.Sub(close.start, view.start)), [1]), in_pixels)
    on_coarse = op.Div(on_view, op.Unsqueeze(op.Mul(viewed, 1 / COARSE), [1]))
    coarse = op.Concat(op.Add(ink.paper, ink.background), marks.kept, axis=1)
    paper, gate = graph.halves(op, _interpolate(op, coarse, on_coarse), axis=1)
    strokes = op.Mul(op.Relu(op.Sub(levels, paper)), op.Clip(op.Mul(gate, _GATE_STEEPNESS), 0.0, 1.0))

    squares = op.ReduceSumSquare(strokes, [1, 2, 3], keepdims=0)
    contrast = ratio(op, squares, total(op, strokes), 1e-3)
    full = op.Min(op.Mul(strokes, op.Div(255.0, op.Max(contrast, 1.0))), 255.0)
    return full, contrast


def _interpolate(op: OpBuilder, planes: Value, positions: Value) -> Value:
    """Return planes `[1, K, COARSE, COARSE]` at rows and columns `[2, n]`, in cells, linearly: `[1, K, n, n]`.

    Onnxruntime's Resize, which could crop as well, takes twice as long and ignores the region where sizes are equal.
    """
    inside = op.Unsqueeze(op.Clip(positions, 0.5, COARSE - 0.5), [2])
    weights = op.Relu(op.Sub(1.0, op.Abs(op.Sub(graph.centers(op, COARSE), inside))))
    rows, columns = graph.halves(op, weights)
    return op.MatMul(op.MatMul(rows, planes), op.Transpose(columns, perm=[0, 2, 1]))


def box(op: OpBuilder, plane: Value) -> tuple[Value, Value]:
    """Return where the digit begins and ends on its grid, `[2, 1]` each: its cells of `_STRONG` times full ink."""
    strong = graph.as_float(op, op.GreaterOrEqual(plane, _STRONG * 255))
    return graph.extent(op, strong, DIGIT_GRID)


def stroke_width(op: OpBuilder, plane: Value) -> Value:
    """Return the mean width of strokes in cells: one of width w and length l has area w·l and edges of 2·l.

    A square window moves edges outwards by 4/π cells in the mean over their directions.
    """
    area = total(op, plane)
    edges = op.Sub(total(op, graph.dilate(op, plane, 3)), area)
    return ratio(op, op.Mul(area, 8 / np.pi), edges, 4 / np.pi)


class Digit(NamedTuple):
    """A digit on its grid, its strokes as wide as MNIST's."""

    plane: Value  # [1, 1, DIGIT_GRID, DIGIT_GRID]
    first: Value  # row and column where it begins, [2, 1]
    last: Value  # those after its end
    stroke_width: Value  # of its former strokes, in pixels of 28, [1]
    too_wide: Value  # by how many cells its width is over `_MAX_ASPECT` times its height, [1]


def set_stroke_width(op: OpBuilder, plane: Value) -> Digit:
    """Widen or thin strokes that are out of MNIST's range to its end."""
    first, last = box(op, plane)
    length = op.Sub(last, first)
    pixel = op.Mul(op.ReduceMax(length, [0], keepdims=0), 1 / BOX_SIZE)
    stroke = op.Div(stroke_width(op, plane), pixel)
    missing = op.Sub(op.Clip(stroke, _MIN_STROKE_WIDTH, _MAX_STROKE_WIDTH), stroke)
    distance = op.Mul(op.Mul(missing, 0.5), pixel)
    too_wide = op.ReduceSum(op.Mul(length, constant(op, "aspect", [[-_MAX_ASPECT], [1.0]])), [0], keepdims=0)
    return Digit(grow(op, plane, distance), op.Sub(first, distance), op.Add(last, distance), stroke, too_wide)


def grow(op: OpBuilder, plane: Value, distance: Value) -> Value:
    """Move the edges of strokes outwards by up to `_MAX_GROWTH` cells, inwards if the distance is negative.

    By part of a cell they move that part of the way between the next whole ones.
    """
    sign = op.Where(op.Greater(distance, 0.0), 1.0, -1.0)
    by_steps = [op.Mul(plane, sign)]
    for _ in range(_MAX_GROWTH):
        by_steps.append(graph.dilate(op, by_steps[-1], 3))
    steps = constant(op, "growth_steps", np.arange(_MAX_GROWTH + 1).reshape(1, -1, 1, 1))
    cells = op.Min(op.Abs(distance), float(_MAX_GROWTH))
    shares = op.Relu(op.Sub(1.0, op.Abs(op.Sub(steps, cells))))
    return op.Conv(op.Concat(*by_steps, axis=1), op.Mul(shares, sign))


def to_box(op: OpBuilder, digit: Digit) -> Value:
    """Scale a digit to 20 pixels and lay it into 28×28, its center of mass in the middle: whole levels.

    It is moved by whole pixels, as MNIST's digits were, and kept inside where its mass lies far to one side.

    Returns:
        `[1, 1, 28, 28]`.
    """
    first, last = digit.first, digit.last
    length = op.Sub(last, first)
    step = op.Mul(op.ReduceMax(length), 1 / BOX_SIZE)
    cropped = op.Mul(digit.plane, graph.box_mask(op, DIGIT_GRID, first, last))
    middle = op.Div(op.Sub(graph.center_of_mass(op, cropped, DIGIT_GRID), first), step)
    free = op.Sub(float(SIZE), op.Max(op.Round(op.Div(length, step)), 1.0))
    place = op.Min(op.Relu(op.Round(op.Sub(SIZE / 2 + 0.5, middle))), free)
    sources = op.Add(op.Mul(op.Sub(graph.centers(op, SIZE), place), step), first)
    distance = op.Abs(op.Sub(graph.centers(op, DIGIT_GRID), op.Unsqueeze(sources, [2])))
    weights = op.Relu(op.Sub(op.Max(step, 1.0), distance))
    rows, columns = graph.halves(op, ratio(op, weights, op.ReduceSum(weights, [2]), 1e-6))
    return op.Round(op.MatMul(op.MatMul(rows, cropped), op.Transpose(columns, perm=[0, 2, 1])))


def own_pixels(op: OpBuilder, picture: Value, levels: Value) -> tuple[Value, Value]:
    """Return a picture's own pixels, bright on dark, and 1 if they are in MNIST's form already, else 0.

    The pixels of a picture of another size are of no use, and are not in MNIST's form.

    Args:
        op: builds the graph.
        picture: uint8 `[H, W, C]`.
        levels: of its ink, bright or dark, on a grid of cells that are pixels if it is small, `[1, 1, h, w]`.

    Returns:
        `[1, 1, 28, 28]`, whole levels; `[1]`.
    """
    grey = op.Round(op.Resize(levels, None, None, [SIZE, SIZE], axes=[2, 3], mode="linear"))
    own = op.Abs(op.Sub(grey, op.Slice(grey, [0, 0], [1, 1], [2, 3])))  # a corner shows the background
    both_ends = op.ReduceSum(graph.to_ends(op, graph.as_float(op, op.Greater(own, 0.0)), SIZE), [0])
    off_center = op.Abs(op.Sub(graph.center_of_mass(op, own, SIZE), SIZE / 2 + 0.5))
    size = graph.as_float(op, op.Shape(picture, start=0, end=2))
    properties = [
        (op.ReduceMax(size), (SIZE, SIZE)),
        (op.ReduceMin(size), (SIZE, SIZE)),
        (graph.highest_of(op, own), (_MIN_LEVEL, 255.0)),
        (op.ReduceMax(both_ends, [1], keepdims=0), (SIZE + BOX_SIZE - 1, SIZE + BOX_SIZE)),
        (op.ReduceMax(off_center, [0], keepdims=0), (0.0, _MAX_OFF_CENTER)),
    ]
    return own, op.ReduceMin(graph.within(op, properties))
