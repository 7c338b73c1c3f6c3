"""Cut a digit out of a picture and bring it into MNIST's form.

MNIST's makers scaled a digit's bounding box to 20×20 pixels, with its aspect ratio kept, and moved its center of mass
to the middle of 28×28 (Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section
III.A).
"""

import numpy as np

from export.picture import operators as graph
from export.picture.ink import COARSE, GRID, Ink, border_weights, project
from export.picture.marks import Marks
from export.picture.operators import INT64, OpBuilder, Value, constant, ratio, total
from export.picture.planes import View, look

BOX_SIZE, SIZE = 20, 28
DIGIT_GRID = 56
"""Cells a side of the grid on which strokes are widened and thinned."""

_MARGIN = 4
"""Cells around the digit."""
_MAX_CELLS = 56
"""Limit of the view of the digit: its longer side has 28 to 56 cells, or is enlarged."""
_GATE_STEEPNESS = 4.0
"""Ink fades out at the edge of the digit's cells."""
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
    start = op.Cast(op.Relu(op.Floor(op.Mul(op.Reshape(op.Sub(marks.first, 1.0), [2]), cell))), to=INT64)
    stop = op.Cast(op.Ceil(op.Mul(op.Reshape(op.Add(marks.last, 1.0), [2]), cell)), to=INT64)
    start = op.Min(start, op.Sub(size, 1))
    close = look(op, picture, inverted, start, op.Max(op.Min(stop, size), op.Add(start, 1)), _MAX_CELLS)

    cell = op.Mul(op.ReduceMax(close.pixels), 1 / (DIGIT_GRID - 2 * _MARGIN))
    middle, half = op.Mul(close.pixels, 0.5), op.Mul(cell, (DIGIT_GRID - 1) / 2)
    ends = op.Concat(op.Sub(middle, half), op.Add(middle, half), axis=0)
    levels = _resample(op, project(op, ink, close), ends, close.block, -255.0)
    ends = op.Add(ends, op.Tile(graph.as_float(op, start), [2]))
    coarse = op.Concat(op.Add(ink.paper, ink.background), marks.kept, axis=1)
    coarse = _resample(op, coarse, ends, op.Mul(view.pixels, 1 / COARSE), 0.0)
    paper, gate = graph.halves(op, coarse, axis=1)
    strokes = op.Mul(op.Relu(op.Sub(levels, paper)), op.Clip(op.Mul(gate, _GATE_STEEPNESS), 0.0, 1.0))

    contrast = ratio(op, total(op, op.Mul(strokes, strokes)), total(op, strokes), 1e-3)
    full = op.Clip(op.Mul(strokes, op.Div(255.0, op.Max(contrast, 1.0))), 0.0, 255.0)
    return full, contrast


def _resample(op: OpBuilder, planes: Value, ends: Value, block: Value, outside: float) -> Value:
    """Resample planes `[1, K, h, w]` with cells of `block` pixels on the digit's grid, linearly.

    `ends` is where the middles of the grid's first and last cells lie, in pixels from the planes' corner: `[4]`.
    """
    steps = op.Max(op.Sub(graph.as_float(op, op.Shape(planes, start=2, end=4)), 1.0), 1.0)
    region = op.Div(op.Sub(op.Div(ends, op.Tile(block, [2])), 0.5), op.Tile(steps, [2]))
    grid, mode = [DIGIT_GRID, DIGIT_GRID], "tf_crop_and_resize"
    return op.Resize(
        planes, region, None, grid, axes=[2, 3], mode="linear",
        coordinate_transformation_mode=mode, extrapolation_value=outside,
    )  # fmt: skip


def box(op: OpBuilder, plane: Value) -> tuple[Value, Value]:
    """Return where the levels of at least half strength in the digit's grid begin and end, `[2, 1]` each.

    Half of the strongest, where that is faint: which cells equal the strongest itself, rounding would decide.
    """
    half = op.Min(op.Mul(op.ReduceMax(plane), 0.5), 127.0)
    strong = graph.as_float(op, op.GreaterOrEqual(plane, half))
    return graph.extent(op, op.Reshape(strong, [DIGIT_GRID, DIGIT_GRID]), DIGIT_GRID)


def stroke_width(op: OpBuilder, plane: Value) -> Value:
    """Return the mean width of strokes in cells: one of width w and length l has area w·l and edges of 2·l.

    A square window moves edges outwards by 4/π cells in the mean over their directions.
    """
    edges = op.Mul(total(op, op.Sub(graph.dilate(op, plane, 3), plane)), np.pi / 4)
    return ratio(op, op.Mul(total(op, plane), 2.0), edges, 1.0)


def set_stroke_width(op: OpBuilder, plane: Value) -> tuple[Value, Value, Value]:
    """Widen or thin strokes that are out of MNIST's range to its end.

    Returns:
        The digit on the same grid, its former strokes' width in pixels of 28, and its width as a multiple of its
        height.
    """
    first, last = box(op, plane)
    length = op.Sub(last, first)
    height, width = graph.halves(op, length)
    pixel = op.Mul(op.ReduceMax(length, keepdims=0), 1 / BOX_SIZE)
    stroke = op.Div(stroke_width(op, plane), pixel)
    missing = op.Sub(op.Clip(stroke, _MIN_STROKE_WIDTH, _MAX_STROKE_WIDTH), stroke)
    return grow(op, plane, op.Mul(op.Mul(missing, 0.5), pixel)), stroke, op.Div(width, height)


def grow(op: OpBuilder, plane: Value, distance: Value) -> Value:
    """Move the edges of strokes outwards by up to `_MAX_GROWTH` cells, inwards if the distance is negative."""
    sign = op.Where(op.Greater(distance, 0.0), 1.0, -1.0)
    left = op.Sub(op.Abs(distance), constant(op, "growth_steps", np.arange(_MAX_GROWTH)))
    grown = op.Mul(plane, sign)
    for share in op.Split(op.Clip(left, 0.0, 1.0), num_outputs=_MAX_GROWTH, axis=0, _outputs=_MAX_GROWTH):
        grown = op.Add(grown, op.Mul(op.Sub(graph.dilate(op, grown, 3), grown), share))
    return op.Mul(grown, sign)


def to_box(op: OpBuilder, plane: Value) -> Value:
    """Scale a digit to 20 pixels and lay it into 28×28, its center of mass in the middle: `[28, 28]`, whole levels.

    It is moved by whole pixels, as MNIST's digits were, and kept inside where its mass lies far to one side.
    """
    first, last = box(op, plane)
    length = op.Sub(last, first)
    step = op.Mul(op.ReduceMax(length), 1 / BOX_SIZE)
    inside = graph.box_mask(op, DIGIT_GRID, first, last)
    cropped = op.Mul(op.Reshape(plane, [DIGIT_GRID, DIGIT_GRID]), inside)
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
    border = border_weights(op, SIZE)
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
