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
_MIN_LEVEL, _MIN_BORDER_SHARE, _MAX_OFF_CENTER = 200.0, 0.9, 0.55
"""Of MNIST's images: brightest level, share of the border that is black, pixels from the center of mass to 14.5."""


def cut_out(op: OpBuilder, picture: Value, inverted: Value, view: View, ink: Ink, marks: Marks) -> tuple[Value, Value]:
    """Look at the digit again in the picture itself, scaled to fill a grid of its own.

    Returns:
        Its strokes, `[1, 1, DIGIT_GRID, DIGIT_GRID]`, and their level above paper in the picture, a scalar.
    """
    size = op.Shape(picture, start=0, end=2)
    cell = op.Mul(view.pixels, 1 / GRID)
    to_start = op.Relu(op.Floor(op.Mul(op.Reshape(op.Sub(marks.first, 1.0), [2]), cell)))
    to_stop = op.Ceil(op.Mul(op.Reshape(op.Add(marks.last, 1.0), [2]), cell))
    start = op.Min(op.Add(view.start, op.Cast(to_start, to=INT64)), op.Sub(size, 1))
    stop = op.Min(op.Add(view.start, op.Cast(to_stop, to=INT64)), size)
    close = look(op, picture, inverted, start, op.Max(stop, op.Add(start, 1)), _MAX_CELLS)

    share = op.Div(close.pixels, op.ReduceMax(close.pixels))
    cells = op.Cast(op.Max(op.Round(op.Mul(share, float(DIGIT_GRID - 2 * _MARGIN))), 1.0), to=INT64)
    before = op.Div(op.Sub(DIGIT_GRID, cells), 2)
    scaled = op.Resize(project(op, ink, close), None, None, cells, axes=[2, 3], mode="linear")
    margins = op.Concat(before, op.Sub(op.Sub(DIGIT_GRID, cells), before), axis=0)
    levels = op.Pad(scaled, margins, -255.0, [2, 3])

    cell = op.Div(close.pixels, graph.as_float(op, cells))
    corner = op.Sub(graph.as_float(op, op.Sub(close.start, view.start)), op.Mul(graph.as_float(op, before), cell))
    on_view = op.Add(op.Mul(op.Unsqueeze(cell, [1]), graph.centers(op, DIGIT_GRID)), op.Unsqueeze(corner, [1]))
    on_coarse = op.Div(on_view, op.Unsqueeze(op.Mul(view.pixels, 1 / COARSE), [1]))
    coarse = op.Concat(op.Add(ink.paper, ink.background), marks.kept, axis=1)
    paper, gate = graph.halves(op, _interpolate(op, coarse, on_coarse), axis=1)
    strokes = op.Mul(op.Relu(op.Sub(levels, paper)), op.Clip(op.Mul(gate, _GATE_STEEPNESS), 0.0, 1.0))

    contrast = ratio(op, total(op, op.Mul(strokes, strokes)), total(op, strokes), 1e-3)
    full = op.Clip(op.Mul(strokes, op.Div(255.0, op.Max(contrast, 1.0))), 0.0, 255.0)
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
    """Return where the digit begins and ends on its grid, `[2, 1]` each: its cells of `_STRONG` times the full level.

    Of the highest level, where that is lower: which cells equal the highest itself, rounding would decide.
    """
    limit = op.Mul(op.Min(op.ReduceMax(plane), 254.0), _STRONG)
    strong = graph.as_float(op, op.GreaterOrEqual(plane, limit))
    return graph.extent(op, op.Reshape(strong, [DIGIT_GRID, DIGIT_GRID]), DIGIT_GRID)


def stroke_width(op: OpBuilder, plane: Value) -> Value:
    """Return the mean width of strokes in cells: one of width w and length l has area w·l and edges of 2·l.

    A square window moves edges outwards by 4/π cells in the mean over their directions.
    """
    edges = op.Mul(total(op, op.Sub(graph.dilate(op, plane, 3), plane)), np.pi / 4)
    return ratio(op, op.Mul(total(op, plane), 2.0), edges, 1.0)


class Digit(NamedTuple):
    """A digit on its grid, its strokes as wide as MNIST's."""

    plane: Value  # [1, 1, DIGIT_GRID, DIGIT_GRID]
    first: Value  # row and column where it begins, [2, 1]
    last: Value  # those after its end
    stroke_width: Value  # of its former strokes, in pixels of 28
    aspect: Value  # its width by its height


def set_stroke_width(op: OpBuilder, plane: Value) -> Digit:
    """Widen or thin strokes that are out of MNIST's range to its end."""
    first, last = box(op, plane)
    length = op.Sub(last, first)
    height, width = graph.halves(op, length)
    pixel = op.Mul(op.ReduceMax(length, keepdims=0), 1 / BOX_SIZE)
    stroke = op.Div(stroke_width(op, plane), pixel)
    missing = op.Sub(op.Clip(stroke, _MIN_STROKE_WIDTH, _MAX_STROKE_WIDTH), stroke)
    distance = op.Mul(op.Mul(missing, 0.5), pixel)
    grown, moved_first, moved_last = grow(op, plane, distance), op.Sub(first, distance), op.Add(last, distance)
    return Digit(grown, moved_first, moved_last, stroke, op.Div(width, height))


def grow(op: OpBuilder, plane: Value, distance: Value) -> Value:
    """Move the edges of strokes outwards by up to `_MAX_GROWTH` cells, inwards if the distance is negative."""
    sign = op.Where(op.Greater(distance, 0.0), 1.0, -1.0)
    left = op.Sub(op.Abs(distance), constant(op, "growth_steps", np.arange(_MAX_GROWTH)))
    grown = op.Mul(plane, sign)
    for share in op.Split(op.Clip(left, 0.0, 1.0), num_outputs=_MAX_GROWTH, axis=0, _outputs=_MAX_GROWTH):
        grown = op.Add(grown, op.Mul(op.Sub(graph.dilate(op, grown, 3), grown), share))
    return op.Mul(grown, sign)


def to_box(op: OpBuilder, digit: Digit) -> Value:
    """Scale a digit to 20 pixels and lay it into 28×28, its center of mass in the middle: `[28, 28]`, whole levels.

    It is moved by whole pixels, as MNIST's digits were, and kept inside where its mass lies far to one side.
    """
    first, last = digit.first, digit.last
    length = op.Sub(last, first)
    step = op.Mul(op.ReduceMax(length), 1 / BOX_SIZE)
    inside = graph.box_mask(op, DIGIT_GRID, first, last)
    cropped = op.Mul(op.Reshape(digit.plane, [DIGIT_GRID, DIGIT_GRID]), inside)
    middle = op.Div(op.Sub(graph.center_of_mass(op, cropped, DIGIT_GRID), first), step)
    free = op.Sub(float(SIZE), op.Max(op.Round(op.Div(length, step)), 1.0))
    place = op.Min(op.Relu(op.Round(op.Sub(SIZE / 2 + 0.5, middle))), free)
    sources = op.Add(op.Mul(op.Sub(graph.centers(op, SIZE), place), step), first)
    distance = op.Abs(op.Sub(graph.centers(op, DIGIT_GRID), op.Unsqueeze(sources, [2])))
    weights = op.Relu(op.Sub(1.0, ratio(op, distance, step, 1.0)))
    rows, columns = graph.halves(op, ratio(op, weights, op.ReduceSum(weights, [2]), 1e-6))
    scaled = op.MatMul(op.MatMul(rows, cropped), op.Transpose(columns, perm=[0, 2, 1]))
    return op.Reshape(op.Clip(op.Round(scaled), 0.0, 255.0), [SIZE, SIZE])


def own_pixels(op: OpBuilder, picture: Value, view: View) -> tuple[Value, Value]:
    """Return a picture's own pixels, bright on dark, `[28, 28]`, and whether they are in MNIST's form already.

    Pictures of another size are not; their pixels are of no use.
    """
    pixels = op.Resize(op.Unsqueeze(view.planes, [0]), None, None, [SIZE, SIZE], axes=[2, 3], mode="linear")
    grey = op.Round(op.ReduceMean(op.Slice(pixels, [0], [3], [1]), [0, 1], keepdims=0))
    border = graph.border_weights(op, SIZE)
    is_bright = graph.as_float(op, op.Greater(total(op, op.Mul(grey, border)), 127.5))
    own = op.Abs(op.Sub(grey, op.Mul(is_bright, 255.0)))
    shown = graph.as_float(op, op.Greater(own, 0.0))
    first, last = graph.extent(op, shown, SIZE)
    off_center = op.Sub(graph.center_of_mass(op, own, SIZE), SIZE / 2 + 0.5)
    other_size = op.Sub(op.Shape(picture, start=0, end=2), SIZE)
    excess = op.Max(
        graph.as_float(op, op.ReduceMax(op.Abs(other_size), keepdims=0)),
        op.Sub(total(op, op.Mul(shown, border)), 1 - _MIN_BORDER_SHARE),
        op.Sub(_MIN_LEVEL, op.ReduceMax(own, keepdims=0)),
        op.Sub(op.Abs(op.Sub(op.ReduceMax(op.Sub(last, first), keepdims=0), BOX_SIZE - 0.5)), 0.5),
        op.Sub(op.ReduceMax(op.Abs(off_center), keepdims=0), _MAX_OFF_CENTER),
    )
    return own, op.LessOrEqual(excess, 1e-4)
