"""Find a sheet of paper on a table, or a canvas on a page, so that the digit is looked for on it alone."""

import numpy as np

from export.picture import operators as graph
from export.picture.operators import OpBuilder, Value, constant, highest_of, total, within

_SHARE = (0.14, 1.0)
"""Of the picture that a sheet covers."""
_BORDER_SHARE = (0.0, 0.1)
"""Of the outermost cells that belong to the sheet."""
_INK_SHARE = (0.01, 0.25)
"""Of the sheet that is not of its color."""
_PEN_WINDOW = 5
"""Ink on a sheet is narrower, in cells."""
_RECTANGULARITY = (0.995, 1.011)
"""Sheets on this grid have 1.003 in the mean. Bold digits are farther from it."""


def find_surroundings(op: OpBuilder, levels: Value, side: int) -> Value:
    """Return 1 for cells around a sheet, 0 on it, 0 everywhere if there is none: `[1, 1, side, side]`, as the levels.

    A sheet is what differs from the picture's border, with the ink that it surrounds. It must be large, a rectangle,
    not cut off, and have a little narrow ink on it.
    """
    border = graph.border_weights(op, side)
    difference = op.Sub(levels, total(op, op.Mul(levels, border)))
    difference = op.Mul(difference, op.Sign(total(op, difference)))
    differs = graph.as_float(op, op.Greater(difference, op.Mul(highest_of(op, difference), 0.5)))
    # Cells with a cell that differs on all four sides of them, or that differ themselves.
    before = np.tri(side)
    to_both_ends = constant(op, "to_both_ends", [[before, before.T]])
    sides = op.Min(op.MatMul(differs, to_both_ends), op.MatMul(to_both_ends, differs), 1.0)
    inside = op.Min(*graph.halves(op, sides, axis=1))
    outside = op.Sub(1.0, inside)
    no_ink = op.Add(outside, differs)

    area, rectangularity = _area_and_rectangularity(op, inside, side)
    properties = [
        (op.Mul(area, 1 / side**2), _SHARE),
        (total(op, op.Mul(inside, border)), _BORDER_SHARE),
        (op.Div(op.Sub(float(side**2), total(op, no_ink)), area), _INK_SHARE),
        (op.ReduceMin(graph.dilate(op, no_ink, _PEN_WINDOW), [1, 2, 3], keepdims=0), (1.0, 2.0)),
        (rectangularity, _RECTANGULARITY),
    ]
    # With the outermost cells of the sheet, part of which lie beside it.
    return op.Mul(graph.dilate(op, outside, 3), op.ReduceMin(within(op, properties)))


def _area_and_rectangularity(op: OpBuilder, inside: Value, side: int) -> tuple[Value, Value]:
    """Return the area of a shape, and that by the area of the rectangle with the same second moments, `[1]` each.

    The rectangle may be turned or slanted. It is 1.05 for an ellipse, and less than 1 for shapes with dents.

    A rectangle's variances are its sides² / 12, and the determinant of all moments up to the second is that of the
    covariances times the area³. So the rectangle's area is 12·√(determinant / area³).
    """
    middles = (np.arange(side) + 0.5 - side / 2) * 12**0.5
    moments = graph.along_both(op, "shape_powers", np.array([np.ones(side), middles, middles**2]), inside)
    flat = op.Reshape(moments, [-1])  # of the rows' power 0, 1 and 2 times the columns'
    area = op.Max(op.Gather(flat, [0]), 1.0)
    matrix = constant(op, "moments_matrix", [[0, 1, 3], [1, 2, 4], [3, 4, 6]], np.int64)
    determinant = op.Det(op.Gather(flat, matrix))
    return area, op.Mul(op.Mul(area, area), op.Sqrt(op.Div(area, op.Max(determinant, 1.0))))
