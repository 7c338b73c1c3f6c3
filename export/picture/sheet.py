"""Find a sheet of paper on a table, or a canvas on a page, so that the digit is looked for on it alone."""

import numpy as np

from export.picture import operators as graph
from export.picture.operators import OpBuilder, Value, constant, ratio, total

_MIN_SHARE = 0.14
"""Of the picture that a sheet covers."""
_MAX_BORDER_SHARE = 0.1
"""Of the outermost cells that belong to the sheet."""
_MIN_INK, _MAX_INK = 0.01, 0.25
"""Share of the sheet that is not of its color."""
_PEN_WINDOW = 5
"""Ink on a sheet is narrower, in cells."""
_RECTANGLE, _MAX_DEVIATION = 1.003, 0.008
"""Of `_rectangularity`: its mean over sheets on this grid, and how far it may be from that. Bold digits are farther."""


def find_sheet(op: OpBuilder, levels: Value, side: int) -> Value:
    """Return 1 for cells of `[side, side]` on a sheet, 0 around it, 1 everywhere if there is none: `[1, side, side]`.

    A sheet is what differs from the picture's border, with the ink that it surrounds. It must be large, a rectangle,
    not cut off, and have a little narrow ink on it.
    """
    border = graph.border_weights(op, side)
    difference = op.Sub(levels, total(op, op.Mul(levels, border)))
    difference = op.Mul(difference, op.Sign(total(op, difference)))
    differs = graph.as_float(op, op.Greater(difference, op.Mul(op.ReduceMax(difference, keepdims=0), 0.5)))
    # Cells with a cell that differs on all four sides of them, or that differ themselves.
    before = np.tri(side).T
    to_both_ends = constant(op, "to_both_ends", np.concatenate([before, before.T], axis=1))
    left, right = graph.halves(op, op.MatMul(differs, to_both_ends), axis=1)
    above, below = graph.halves(op, op.MatMul(op.Transpose(to_both_ends, perm=[1, 0]), differs))
    inside = op.Min(left, right, above, below, 1.0)
    outside = op.Reshape(op.Sub(1.0, inside), [1, 1, side, side])
    no_ink = op.Add(outside, op.Reshape(differs, [1, 1, side, side]))

    area = total(op, inside)
    ink_share = ratio(op, op.Sub(float(side**2), total(op, no_ink)), area, 1.0)
    excess = op.Max(
        op.Sub(_MIN_SHARE, op.Mul(area, 1 / side**2)),
        op.Sub(total(op, op.Mul(inside, border)), _MAX_BORDER_SHARE),
        op.Sub(op.Abs(op.Sub(ink_share, (_MIN_INK + _MAX_INK) / 2)), (_MAX_INK - _MIN_INK) / 2),
        op.Sub(0.5, op.ReduceMin(graph.dilate(op, no_ink, _PEN_WINDOW), keepdims=0)),
        op.Sub(op.Abs(op.Sub(_rectangularity(op, inside, side), _RECTANGLE)), _MAX_DEVIATION),
    )
    # Without the outermost cells, part of which lie beside the sheet.
    around = op.Mul(graph.dilate(op, outside, 3), graph.as_float(op, op.LessOrEqual(excess, 0.0)))
    return op.Sub(1.0, op.Squeeze(around, [0]))


def _rectangularity(op: OpBuilder, inside: Value, side: int) -> Value:
    """Return the area of a shape by that of the rectangle, turned or slanted at will, with the same second moments.

    It is 1.05 for an ellipse, and less than 1 for shapes with dents. (A rectangle's variances are its sides² / 12.)
    """
    middles = np.arange(side) + 0.5 - side / 2
    powers = constant(op, "shape_powers", [np.ones(side), middles, middles**2])
    moments = op.Reshape(graph.along_both(op, powers, inside), [9])
    area = op.Max(op.Gather(moments, [0]), 1.0)
    means = op.Div(moments, area)
    center = op.Gather(means, [1, 3])
    variances = op.Sub(op.Gather(means, [2, 6]), op.Mul(center, center))
    covariance = op.Sub(op.Gather(means, [4]), op.ReduceProd(center))
    determinant = op.Sub(op.ReduceProd(variances), op.Mul(covariance, covariance))
    return op.Squeeze(op.Div(area, op.Mul(op.Sqrt(op.Max(determinant, 1e-3)), 12.0)))
