"""Tell a digit's strokes from what else is on the paper: specks, lines, frames and other marks."""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.ink import COARSE, GRID
from export.picture.operators import INT64, OpBuilder, Value, constant, ratio, total

_CELLS = COARSE * COARSE
_ROUNDS, _STEPS = 4, 3
"""Of labeling, and to follow labels in each."""
_COUNT = 8
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
_ROUNDING = 1e-3
"""Of a variance."""


class Marks(NamedTuple):
    """The marks of a picture."""

    kept: Value  # 1 where the digit is, [1, 1, COARSE, COARSE]
    ends: Value  # `to_ends` of the digit, in cells of GRID, [2, 2]; all below are [1]:
    main_share: Value  # mass of the main mark, as a share of the digit's
    rival: Value  # prominence of the next mark that is not kept, as a multiple of the main one's
    border_share: Value  # share of the picture's outermost cells that the digit covers
    thickness: Value  # the shorter side of the digit's box, in cells of GRID


def _positions(op: OpBuilder) -> Value:
    """Return the numbers of the cells, row by row, from 0: `[1, 1, COARSE, COARSE]`."""
    return constant(op, "positions", np.arange(_CELLS).reshape(1, 1, COARSE, COARSE))


def label(op: OpBuilder, mask: Value) -> Value:
    """Number the connected marks of a mask `[1, 1, COARSE, COARSE]`, corners included: int64 `[_CELLS]`, 0 outside.

    The first cell must be 0. Each cell starts with its own position as label. In each round a cell takes the highest
    label around it, the cell that its former label names learns of it, and all follow the labels that they point at,
    so that the ways that labels come grow fast. 4 rounds label all but 1 of 1,000 pictures completely.
    """
    highest = _highest_around(op, op.Mul(_positions(op), mask), mask)
    labels = _follow(op, highest, highest)
    for _ in range(_ROUNDS - 1):
        plane = op.Reshape(graph.as_float(op, labels), [1, 1, COARSE, COARSE])
        highest = _highest_around(op, plane, mask)
        parents = op.ScatterElements(labels, labels, highest, axis=0, reduction="max")
        labels = _follow(op, parents, highest)
    return labels


def _highest_around(op: OpBuilder, labels: Value, mask: Value) -> Value:
    """Return the highest label in and around each cell of a mask, both `[1, 1, COARSE, COARSE]`: int64 `[_CELLS]`."""
    return op.Cast(op.Reshape(op.Mul(graph.dilate(op, labels, 3), mask), [-1]), to=INT64)


def _follow(op: OpBuilder, parents: Value, labels: Value) -> Value:
    """Replace each label by that of the cell that it names, `_STEPS` times."""
    for _ in range(_STEPS):
        labels = op.GatherElements(parents, labels)
    return labels


def find_marks(op: OpBuilder, strokes: Value) -> Marks:
    """Find the digit among the marks of `[1, 1, GRID, GRID]`, levels of ink where a mark is and 0 elsewhere.

    The main mark is the most prominent one: heavy and near the middle. Other marks near it belong to it, unless they
    are specks, too long, or lie around it, as a form's box does.
    """
    ink = op.Resize(strokes, None, None, [COARSE, COARSE], axes=[2, 3], mode="linear")  # means of 2×2 cells
    mask = graph.as_float(op, op.Greater(op.Mul(ink, _positions(op)), 0.0))  # never the first cell
    weight = op.Reshape(op.Mul(ink, mask), [_CELLS])
    cells, mass, nearness, center, variance = _measure(op, label(op, mask), weight)

    prominence = op.Mul(op.Mul(nearness, nearness), mass)
    main = op.ArgMax(prominence, axis=1, keepdims=0)
    main_cells, main_mass = op.Gather(cells, main), op.Gather(mass, main, axis=1)
    first, last = graph.extent(op, op.Reshape(main_cells, [1, 1, COARSE, COARSE]), COARSE)
    size = op.ReduceMax(op.Sub(last, first))
    beyond_box = op.ReduceMax(op.Max(op.Sub(center, last), op.Sub(first, center)), [0])
    distance = op.Div(beyond_box, size)
    spread = op.Div(op.Sqrt(op.Relu(op.ReduceMax(variance, [0]))), size)
    from_main = op.Sub(center, op.Gather(center, main, axis=1))
    around = op.ReduceMin(op.Sub(variance, op.Mul(from_main, from_main)), [0])
    lies_around = op.Greater(around, -_ROUNDING)  # the main mark, too

    is_no_speck = op.Greater(mass, op.Mul(main_mass, _MIN_STROKE_SHARE))
    is_near = op.And(op.Less(spread, _MAX_SPREAD), op.Less(op.Sub(distance, op.Div(1.0, size)), _REACH))
    is_stroke = graph.as_float(op, op.And(op.And(is_no_speck, is_near), op.Not(lies_around)))
    kept_cells = op.Max(op.MatMul(is_stroke, cells), main_cells)
    kept = op.Mul(op.Reshape(kept_cells, [1, 1, COARSE, COARSE]), mask)  # no mark at all: no cell
    fine = op.Resize(kept, None, None, [GRID, GRID], axes=[2, 3], mode="nearest")
    shown = op.Mul(fine, graph.as_float(op, op.Greater(strokes, 0.0)))
    ends = graph.to_ends(op, shown, GRID)

    to_end = op.Sub(distance, op.Mul(spread, _TO_END))
    is_close = graph.as_float(op, op.And(op.Less(spread, _MAX_CLOSE_SPREAD), op.Less(to_end, _CLOSE)))
    is_dropped = op.Sub(1.0, op.Max(is_stroke, graph.as_float(op, lies_around)))
    rivals = op.Mul(op.Mul(prominence, is_dropped), op.Add(op.Mul(is_close, _CLOSE_WEIGHT - 1), 1.0))
    sides = op.Sub(op.ReduceSum(ends, [0], keepdims=0), float(GRID))
    digit_mass = op.Add(op.MatMul(kept_cells, weight), 1e-6)
    return Marks(
        kept,
        ends,
        op.Div(op.Squeeze(main_mass, [0]), digit_mass),
        ratio(op, op.ReduceMax(rivals, [1], keepdims=0), op.ReduceMax(prominence, [1], keepdims=0), 1e-6),
        total(op, op.Mul(kept, graph.border_weights(op, COARSE))),
        op.ReduceMin(sides, [0], keepdims=1),
    )


def _measure(op: OpBuilder, labels: Value, weight: Value) -> tuple[Value, Value, Value, Value, Value]:
    """Measure the marks that have most ink near the middle, given the labels and weights `[_CELLS]` of all cells.

    Returns:
        Their cells, `[_COUNT, _CELLS]`; their masses and their nearness to the middle, 0 to 1, `[1, _COUNT]`; the means
        and the variances of their rows and columns, `[2, _COUNT]`. Where there are fewer marks, the others have a mass
        of 0.
    """
    middles = np.arange(COARSE) + 0.5
    rows, columns = np.meshgrid(middles, middles, indexing="ij")
    near_middle = rows * (COARSE - rows) * columns * (COARSE - columns) * (2 / COARSE) ** 4
    kinds = np.stack([np.ones_like(rows), near_middle, rows, columns, rows**2, columns**2]).reshape(6, _CELLS)
    values = op.Mul(constant(op, "kinds", kinds), weight)
    near_ink = op.Gather(values, 1)
    by_label = op.ScatterElements(op.Sub(near_ink, near_ink), labels, near_ink, axis=0, reduction="add")
    names = op.TopK(by_label, [_COUNT], axis=0, _outputs=2)[1]
    cells = graph.as_float(op, op.Equal(op.Unsqueeze(names, [1]), labels))
    mass, means = op.Split(op.Gemm(values, cells, transB=1), [1, 5], axis=0, _outputs=2)
    near, center, squares = op.Split(ratio(op, means, mass, 1e-3), [1, 2, 2], axis=0, _outputs=3)
    return cells, mass, near, center, op.Sub(squares, op.Mul(center, center))
