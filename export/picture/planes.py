"""Look at a picture, or at a part of it: its channels, averaged over whole blocks of pixels."""

from typing import NamedTuple

from export.picture.operators import UINT8, OpBuilder, Value, as_float, halves

_DECIDED_LEVELS = 72.0
"""From mid-grey: a column whose ends differ by more is told to be dark or bright."""
_LEAST_INK = 239.0
"""A picture with transparency whose darkest level on white is higher shows nothing there."""


class View(NamedTuple):
    """A part of a picture on a grid of cells, each the mean of a block of pixels."""

    planes: Value  # [C, h, w]
    start: Value  # first row and column, int64 [2]
    cells: Value  # h and w, int64 [2]
    block: Value  # height and width of a cell in pixels, float32 [2]
    pixels: Value  # height and width of all cells in pixels, float32 [2]


def lay_on_paper(op: OpBuilder, picture: Value) -> Value:
    """Lay RGBA on white, or on black where white shows nothing. Grey and RGB come back unchanged.

    A picture is uint8 `[H, W, C]`. The graph has no branches: the work is done on its first H or 0 rows.
    """
    height, width, channels = op.Split(op.Shape(picture), num_outputs=3, axis=0, _outputs=3)
    rows = op.Mul(height, op.Div(channels, 4))  # all with four channels, none with fewer
    part = op.Slice(picture, [0], rows, [0])
    # Planes one after the other: arithmetic on interleaved channels takes ten times as long.
    pixels = op.Reshape(part, op.Concat(op.Mul(rows, width), channels, axis=0), allowzero=1)
    planes = as_float(op, op.Transpose(pixels, perm=[1, 0]))
    rgb, alpha = op.Slice(planes, [0], [3], [0]), op.Slice(planes, [-1], [4], [0])
    on_white = op.Sub(255.0, op.Mul(op.Sub(255.0, rgb), op.Mul(alpha, 1 / 255)))
    darkest = op.ReduceMin(op.Concat(op.Reshape(on_white, [-1]), [255.0], axis=0))
    less = op.Where(op.Greater(darkest, _LEAST_INK), op.Sub(255.0, alpha), 0.0)
    laid = op.Cast(op.Round(op.Concat(op.Sub(on_white, less), alpha, axis=0)), to=UINT8)
    done = op.Reshape(op.Transpose(laid, perm=[1, 0]), op.Shape(part), allowzero=1)
    return op.Concat(done, op.Slice(picture, rows, height, [0]), axis=0)


def inverted_columns(op: OpBuilder, picture: Value) -> Value:
    """Return 255 for columns to be inverted, so that a picture has one background, else 0: `[W, 1, 1]`.

    The first and last pixel of a column tell its background. Nothing is inverted unless all of them are clearly dark
    or clearly bright. Where all are bright everything is inverted, which changes nothing: see `find_ink`.
    """
    ends = op.ReduceMean(as_float(op, op.Gather(picture, [0, -1], axis=0)), [0, 2], keepdims=0)
    from_grey = op.Sub(ends, 127.5)
    decided = op.Greater(op.ReduceMin(op.Abs(from_grey)), _DECIDED_LEVELS)
    bright = op.And(op.Greater(from_grey, 0.0), op.Reshape(decided, [1]))
    return op.Reshape(op.Mul(as_float(op, bright), 255.0), [-1, 1, 1])


def look(op: OpBuilder, picture: Value, inverted: Value, start: Value, stop: Value, max_cells: int) -> View:
    """Average a rectangle of a picture over equal blocks, so that no side has more than `max_cells` cells.

    Rows and columns that fill no block are left out, less than half a cell at each end.

    Args:
        op: builds the graph.
        picture: uint8 `[H, W, C]`.
        inverted: of `inverted_columns`.
        start: first row and column of the rectangle, int64 `[2]`.
        stop: those after its last.
        max_cells: limit of each side.
    """
    size = op.Sub(stop, start)
    block = op.Min(size, op.Div(op.Add(op.ReduceMax(size), max_cells - 1), max_cells))
    cells = op.Div(size, block)
    pixels = op.Mul(cells, block)
    start = op.Add(start, op.Div(op.Sub(size, pixels), 2))
    end = op.Add(start, pixels)
    part = op.Slice(picture, start, end, [0, 1])
    (rows, columns), (row_pixels, column_pixels) = halves(op, cells), halves(op, block)
    channels = op.Shape(part, start=2, end=3)
    # Sums over the first axes of large pieces are fast; over the last axis they take ten times as long.
    ones = op.Expand(op.Cast([1], to=UINT8), op.Concat([1], row_pixels, axis=0))
    strips = op.MatMulInteger(ones, op.Reshape(part, op.Concat(rows, row_pixels, [-1], axis=0)))
    upright = op.Transpose(op.Reshape(as_float(op, strips), op.Concat(rows, [-1], channels, axis=0)), perm=[1, 2, 0])
    flips = op.Slice(inverted, op.Slice(start, [1], [2]), op.Slice(end, [1], [2]), [0])
    upright = op.Abs(op.Sub(upright, op.Mul(flips, as_float(op, row_pixels))))
    sums = op.ReduceSum(op.Reshape(upright, op.Concat(columns, column_pixels, [-1], axis=0)), [1], keepdims=0)
    planes = op.Transpose(op.Reshape(sums, op.Concat(columns, channels, [-1], axis=0)), perm=[1, 2, 0])
    planes = op.Div(planes, as_float(op, op.Mul(row_pixels, column_pixels)))
    return View(planes, start, cells, as_float(op, block), as_float(op, pixels))
