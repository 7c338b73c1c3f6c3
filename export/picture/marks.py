"""Tell a digit's strokes from what else is on the paper: specks, lines, frames and other marks."""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.ink import COARSE, GRID
from export.picture.operators import INT64, OpBuilder, Value, constant, ratio, total

_CELLS = COARSE * COARSE
_ROUNDS = 5
_COUNT = 16
"""Marks that are compared: those of most ink near the middle. Others are dropped."""
_MIN_STROKE_SHARE = 0.04
"""Of the main mark's mass: less is a speck."""
_MAX_SPREAD, _MAX_CLOSE_SPREAD = 0.45, 0.7
"""Standard deviation of a stroke's cells, as a share of the main mark's size: of a stroke that belongs to the digit,
and of one that might; 0.29 for a line of this length."""
_REACH, _CLOSE = 0.22, 0.4
"""From the main mark's box, as a share of its size: to the middle of a stroke that belongs to the digit, and to the
near end of one that might."""
_TO_END = 3**0.5
"""From the middle of a line to its end, in standard deviations."""
_CLOSE_WEIGHT = 3.0
"""A mark that might belong to the digit and is dropped is that much more of a rival."""


class Marks(NamedTuple):
    """The marks of a picture."""

    kept: Value  # 1 where the digit is, [1, 1, COARSE, COARSE]
    first: Value  # row and column where the digit begins, in cells of GRID, [2, 1]
    last: Value  # those after its end
    main_share: Value  # mass of the main mark, as a share of the digit's
    rival: Value  # prominence of the next mark that is not kept, as a multiple of the main one's
    border_share: Value  # share of the picture's outermost cells that the digit covers
    thickness: Value  # the shorter side of the digit's box, cells of GRID


def _positions(op: OpBuilder) -> Value:
    """Return the numbers of the cells, row by row, from 0: `[1, 1, COARSE, COARSE]`."""
    return constant(op, "positions", np.arange(_CELLS).reshape(1, 1, COARSE, COARSE))


def label(op: OpBuilder, mask: Value) -> Value:
    """Number the connected marks of a mask `[1, 1, COARSE, COARSE]`, corners included: int64 `[_CELLS]`, 0 outside.

    The first cell must be 0. Each cell starts with its own position as label. In each round a cell takes the highest
    label around it, the cell that its former label names learns of it, and all follow the labels that they point at,
    so that the way that labels come doubles. 5 rounds label all but 1 of 1,000 pictures completely.
    """
    parents = highest = _highest_around(op, op.Mul(_positions(op), mask), mask)
    labels: Value = op.GatherElements(parents, op.GatherElements(parents, highest))
    for _ in range(_ROUNDS - 1):
        plane = op.Reshape(graph.as_float(op, labels), [1, 1, COARSE, COARSE])
        highest = _highest_around(op, plane, mask)
        parents = op.ScatterElements(labels, labels, highest, axis=0, reduction="max")
        labels = op.GatherElements(parents, op.GatherElements(parents, highest))
    return labels


def _highest_around(op: OpBuilder, labels: Value, mask: Value) -> Value:
    """Return the highest label in and around each cell of a mask, both `[1, 1, COARSE, COARSE]`: int64 `[_CELLS]`."""
    return op.Cast(op.Reshape(op.Mul(graph.dilate(op, labels, 3), mask), [-1]), to=INT64)


def sum_by_label(op: OpBuilder, labels: Value, values: Value, count: int) -> Value:
    """Add up `count` kinds of values `[count, _CELLS]` by label: `[_CELLS, count]`, each sum at its label."""
    zeros = op.ConstantOfShape([_CELLS, count])
    return op.ScatterND(zeros, op.Unsqueeze(labels, [1]), op.Transpose(values, perm=[1, 0]), reduction="add")


def find_marks(op: OpBuilder, strokes: Value) -> Marks:
    """Find the digit among the marks of `[1, 1, GRID, GRID]`, levels of ink where a mark is and 0 elsewhere.

    The main mark is the most prominent one: heavy and near the middle. Other marks near it belong to it, unless they
    are specks, too long, or lie around it, as a form's box does.
    """
    ink = op.AveragePool(strokes, kernel_shape=[2, 2], strides=[2, 2])
    mask = graph.as_float(op, op.Greater(op.Mul(ink, _positions(op)), 0.0))  # never the first cell
    weight = op.Mul(ink, mask)
    labels = label(op, mask)

    names, mass, nearness, center, variance = _measure(op, labels, weight)
    prominence = op.Mul(op.Mul(nearness, nearness), mass)
    main = op.ArgMax(prominence, axis=0, keepdims=0)
    main_name, main_mass = op.Gather(names, main), op.Gather(mass, main)
    is_main = graph.as_float(op, op.Equal(op.Reshape(labels, [COARSE, COARSE]), main_name))
    first, last = (op.Reshape(end, [1, 2]) for end in graph.extent(op, is_main, COARSE))
    size = op.ReduceMax(op.Sub(last, first))
    beyond_box = op.Max(op.Sub(center, last), op.Sub(first, center))
    distance = op.Div(op.ReduceMax(beyond_box, [1]), size)
    spread = op.Div(op.Sqrt(op.Relu(op.ReduceMax(variance, [1]))), size)
    from_main = op.Sub(center, op.Gather(center, main))
    lies_around = op.Greater(op.ReduceMin(op.Sub(variance, op.Mul(from_main, from_main)), [1]), 0.0)

    is_no_speck = op.Greater(mass, op.Mul(main_mass, _MIN_STROKE_SHARE))
    is_near = op.And(op.Less(spread, _MAX_SPREAD), op.Less(op.Sub(distance, op.Div(1.0, size)), _REACH))
    is_stroke = op.And(op.And(is_no_speck, is_near), op.Not(lies_around))
    is_kept = graph.as_float(op, op.Or(is_stroke, op.Equal(op.Unsqueeze(names, [1]), main_name)))
    by_name = op.ScatterElements(op.ConstantOfShape([_CELLS]), names, op.Reshape(is_kept, [-1]), axis=0)
    kept = op.Mul(op.Reshape(op.GatherElements(by_name, labels), [1, 1, COARSE, COARSE]), mask)
    fine = op.Resize(kept, None, None, [GRID, GRID], axes=[2, 3], mode="nearest")
    shown = op.Mul(fine, graph.as_float(op, op.Greater(strokes, 0.0)))
    ends = graph.extent(op, op.Reshape(shown, [GRID, GRID]), GRID)

    to_end = op.Sub(distance, op.Mul(spread, _TO_END))
    is_close = graph.as_float(op, op.And(op.Less(spread, _MAX_CLOSE_SPREAD), op.Less(to_end, _CLOSE)))
    is_dropped = op.Sub(1.0, op.Max(is_kept, graph.as_float(op, lies_around)))
    rivals = op.Mul(op.Mul(prominence, is_dropped), op.Add(op.Mul(is_close, _CLOSE_WEIGHT - 1), 1.0))
    return Marks(
        kept,
        *ends,
        op.Squeeze(ratio(op, main_mass, total(op, op.Mul(kept, weight)), 1e-6)),
        op.Squeeze(ratio(op, op.ReduceMax(rivals), op.Gather(prominence, main), 1e-6)),
        total(op, op.Mul(kept, graph.border_weights(op, COARSE))),
        op.ReduceMin(op.Sub(*reversed(ends)), keepdims=0),
    )


def _measure(op: OpBuilder, labels: Value, weight: Value) -> tuple[Value, Value, Value, Value, Value]:
    """Return the labels of the marks that have most ink near the middle, `[_COUNT]`, and measures of each.

    These are its mass and its nearness to the middle, 0 to 1, `[_COUNT, 1]`, and the mean and the variance of its rows
    and columns, `[_COUNT, 2]`. Where there are fewer marks, the others have a mass of 0.
    """
    middles = np.arange(COARSE) + 0.5
    rows, columns = np.meshgrid(middles, middles, indexing="ij")
    nearness = rows * (COARSE - rows) * columns * (COARSE - columns) * (2 / COARSE) ** 4
    kinds = np.stack([np.ones_like(rows), nearness, rows, columns, rows**2, columns**2]).reshape(6, _CELLS)
    sums = sum_by_label(op, labels, op.Mul(constant(op, "kinds", kinds), op.Reshape(weight, [1, -1])), 6)
    near_mass = op.MatMul(sums, constant(op, "second", np.eye(6)[:, 1:2]))
    names = op.Reshape(op.TopK(near_mass, [_COUNT], axis=0, _outputs=2)[1], [-1])
    mass, means = op.Split(op.Gather(sums, names), [1, 5], axis=1, _outputs=2)
    near, center, squares = op.Split(ratio(op, means, mass, 1e-3), [1, 2, 2], axis=1, _outputs=3)
    return names, mass, near, center, op.Sub(squares, op.Mul(center, center))
