"""Look at a picture, or at a part of it: its channels, averaged over whole blocks of pixels."""

from typing import NamedTuple

import numpy as np

from export.picture.operators import UINT8, OpBuilder, Value, as_float, constant, halves

_DECIDED_LEVELS = 72.0
"""From mid-grey: a column whose ends differ by more is told to be dark or bright."""
_LEAST_INK = 239.0
"""A picture with transparency whose darkest level on white is higher shows nothing there."""
_END = 1 << 31
"""Of an axis of any length."""


class View(NamedTuple):
    """A part of a picture on a grid of cells, each the mean of a block of pixels."""

    planes: Value  # [1, C, h, w]
    start: Value  # first row and column, int64 [2]
    pixels: Value  # height and width of all cells in pixels, int64 [2]


def lay_on_paper(op: OpBuilder, picture: Value) -> Value:
    """Lay RGBA on white, or on black where white shows nothing. Grey and RGB come back unchanged.

    A picture is uint8 `[H, W, C]`; a fourth channel stays, but means nothing any more. The graph has no branches: the
    work is done on the first H or 0 rows, which come before those of the picture itself. The first H rows count.
    """
    all_rows = op.Div(op.Shape(picture, start=2, end=3), 4)  # 1 with four channels, 0 with fewer
    rows = op.Mul(op.Shape(picture, start=0, end=1), all_rows)
    # Arithmetic on interleaved channels takes ten times as long. Without the change of shape, onnxruntime's
    # optimizations would move the transposition behind it.
    upright = op.Transpose(op.Slice(picture, [0], rows, [0]), perm=[2, 0, 1])
    planes = as_float(op, op.Reshape(upright, [0, -1]))
    alpha = op.Slice(planes, [-1], [_END], [0])
    on_black = op.Mul(planes, op.Mul(alpha, 1 / 255))
    transparent = op.Sub(255.0, alpha)
    on_white = op.Add(on_black, transparent)
    darkest = op.ReduceMin(op.Slice(op.ReduceMin(on_white, [1]), [0], [3], [0]))  # without alpha
    shows_ink = as_float(op, op.LessOrEqual(darkest, _LEAST_INK))
    laid = op.Add(on_black, op.Mul(transparent, shows_ink))
    levels = op.Reshape(op.Cast(op.Round(laid), to=UINT8), op.Shape(upright), allowzero=1)
    done = op.Transpose(levels, perm=[1, 2, 0])
    return op.Concat(done, picture, axis=0)


def inverted_columns(op: OpBuilder, picture: Value, height: Value) -> Value:
    """Return 255 for columns to be inverted, so that a picture has one background, else 0: `[W, 1, 1]`.

    The first and last pixel of a column tell its background. Nothing is inverted unless all of them are clearly dark
    or clearly bright. Where all are bright everything is inverted, which changes nothing: see `find_ink`.
    """
    last = op.Sub(height, 1)
    ends = op.Slice(op.Gather(picture, op.Concat([0], last, axis=0), axis=0), [0], [3], [2])  # without alpha
    means = op.ReduceMean(as_float(op, ends), [0, 2])
    from_grey = op.Sub(op.Reshape(means, [-1, 1, 1]), 127.5)
    decided = op.Greater(op.ReduceMin(op.Abs(from_grey)), _DECIDED_LEVELS)
    return op.Mul(as_float(op, op.And(op.Greater(from_grey, 0.0), decided)), 255.0)


def look(op: OpBuilder, picture: Value, inverted: Value, start: Value | list[int], size: Value, max_cells: int) -> View:
    """Average a rectangle of a picture over equal blocks, so that no side has more than `max_cells` cells.

    Rows and columns that fill no block are left out, less than half a cell at each end.

    Args:
        op: builds the graph.
        picture: uint8 `[H, W, C]`.
        inverted: of `inverted_columns`.
        start: first row and column of the rectangle, int64 `[2]`.
        size: its height and width.
        max_cells: limit of each side.
    """
    block = op.Min(size, op.Div(op.Add(op.ReduceMax(size), max_cells - 1), max_cells))
    cells = op.Div(size, block)
    pixels = op.Mul(cells, block)
    first = op.Add(start, op.Div(op.Sub(size, pixels), 2))
    end = op.Add(first, pixels)
    part = op.Slice(picture, first, end, [0, 1])
    (rows, columns), (row_pixels, column_pixels) = halves(op, cells), halves(op, block)
    channels = op.Shape(part, start=2, end=3)
    # Sums over the first axes of large pieces are fast; over the last axis they take ten times as long.
    ones = op.Expand(constant(op, "byte_1", [1], np.uint8), row_pixels)
    strips = op.MatMulInteger(ones, op.Reshape(part, op.Concat(rows, row_pixels, [-1], axis=0)))
    upright = op.Transpose(op.Reshape(as_float(op, strips), op.Concat([0, -1], channels, axis=0)), perm=[1, 2, 0])
    flips = op.Slice(inverted, op.Slice(first, [1], [2]), op.Slice(end, [1], [2]), [0])
    summands = as_float(op, row_pixels)
    upright = op.Abs(op.Sub(upright, op.Mul(flips, summands)))
    means = op.ReduceMean(op.Reshape(upright, op.Concat(columns, column_pixels, [-1], axis=0)), [1], keepdims=0)
    planes = op.Transpose(op.Reshape(means, op.Concat([1], columns, channels, [-1], axis=0)), perm=[0, 2, 3, 1])
    return View(op.Div(planes, summands), first, pixels)
