"""Tell a digit's strokes from what else is on the paper: specks, lines, frames and other marks."""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.ink import COARSE, GRID
from export.picture.operators import INT64, OpBuilder, Value, constant, ratio, total

_CELLS = COARSE * COARSE
_ROUNDS = 5
_MIN_STROKE_SHARE = 0.04
"""Of the main mark's mass: less is a speck."""
_REACH = 0.22
"""Of the main mark's size: other strokes of the digit are not farther away."""
_AROUND_SHARE = 0.25
"""A mark around the main one has less of its mass in the main one's box."""


class Marks(NamedTuple):
    """The marks of a picture."""

    kept: Value  # 1 where the digit is, [1, 1, COARSE, COARSE]
    first: Value  # row and column where the digit begins, in cells of GRID, [2, 1]
    last: Value  # those after its end
    main_share: Value  # mass of the main mark, as a share of the digit's
    rival: Value  # prominence of the next mark that is not kept, as a multiple of the main one's
    edge_share: Value  # largest share of a side of the picture that the digit covers


def label(op: OpBuilder, mask: Value) -> Value:
    """Number the connected marks of a mask `[1, 1, COARSE, COARSE]`, corners included: int64 `[_CELLS]`, 0 outside.

    The first cell must be 0. Each cell starts with its own position as label. In each round a cell takes the highest
    label around it, the cell that its former label names learns of it, and all follow the labels that they point at,
    so that the way that labels come doubles. 5 rounds label all but 1 of 1,000 pictures completely.
    """
    plane = op.Mul(constant(op, "positions", np.arange(_CELLS).reshape(1, 1, COARSE, COARSE)), mask)
    labels = op.Cast(op.Reshape(plane, [-1]), to=INT64)
    for _ in range(_ROUNDS):
        highest = op.Cast(op.Reshape(op.Mul(graph.dilate(op, plane, 3), mask), [-1]), to=INT64)
        parents = op.ScatterElements(labels, labels, highest, axis=0, reduction="max")
        labels = op.GatherElements(parents, op.GatherElements(parents, highest))
        plane = op.Reshape(graph.as_float(op, labels), [1, 1, COARSE, COARSE])
    return labels


def sum_by_label(op: OpBuilder, labels: Value, values: Value, count: int) -> Value:
    """Add up `count` kinds of values `[count, _CELLS]` by label: `[count, _CELLS]`, each sum at its label."""
    targets, zeros = op.Expand(labels, [count, _CELLS]), op.Expand(0.0, [count, _CELLS])
    return op.ScatterElements(zeros, targets, values, axis=1, reduction="add")


def find_marks(op: OpBuilder, strokes: Value) -> Marks:
    """Find the digit among the marks of `[1, 1, GRID, GRID]`, levels of ink where a mark is and 0 elsewhere.

    The main mark is the most prominent one: heavy and near the middle. Other marks near it belong to it, unless they
    are specks or lie around it, as a form's box does.
    """
    not_first = constant(op, "not_first", np.arange(_CELLS).reshape(1, 1, COARSE, COARSE) > 0)
    weight = op.Mul(op.AveragePool(strokes, kernel_shape=[2, 2], strides=[2, 2]), not_first)
    mask = graph.as_float(op, op.Greater(weight, 0.0))
    labels, weights = label(op, mask), op.Reshape(weight, [1, -1])

    middles, ones = np.arange(COARSE) + 0.5, np.ones(COARSE)
    nearness = middles / COARSE * (1 - middles / COARSE)
    rows = constant(op, "row_weights", np.stack([ones, nearness, middles, ones])[:, :, None])
    columns = constant(op, "column_weights", np.stack([ones, nearness, ones, middles])[:, None])
    moments = op.Mul(op.Reshape(op.Mul(rows, columns), [4, -1]), weights)
    mass, means = op.Split(sum_by_label(op, labels, moments, 4), [1, 3], axis=0, _outputs=2)
    to_middle, center = op.Split(ratio(op, means, mass, 1e-3), [1, 2], axis=0, _outputs=2)
    prominence = op.Mul(op.Mul(to_middle, to_middle), mass)
    main = op.ArgMax(prominence, axis=1, keepdims=0)

    is_main = graph.as_float(op, op.Equal(op.Reshape(labels, [COARSE, COARSE]), main))
    first, last = graph.extent(op, is_main, COARSE)
    reach = op.Add(op.Mul(op.ReduceMax(op.Sub(last, first)), _REACH), 1.0)
    near = graph.box_mask(op, COARSE, op.Sub(first, reach), op.Add(last, reach))
    boxes = op.Reshape(op.Concat(graph.box_mask(op, COARSE, first, last), near, axis=0), [2, -1])
    in_box, in_reach = graph.halves(op, sum_by_label(op, labels, op.Mul(boxes, weights), 2))
    is_central = op.ReduceMin(graph.between(op, center, first, last), [0])
    lies_around = graph.as_float(op, op.Greater(op.Mul(is_central, op.Mul(mass, _AROUND_SHARE)), in_box))
    main_mass = op.Gather(mass, main, axis=1)
    is_near, is_speck = op.Greater(in_reach, op.Mul(mass, 0.5)), op.Less(mass, op.Mul(main_mass, _MIN_STROKE_SHARE))
    is_kept = op.Mul(graph.as_float(op, op.And(is_near, op.Not(is_speck))), op.Sub(1.0, lies_around))

    kept = op.Mul(op.Reshape(op.Gather(op.Reshape(is_kept, [-1]), labels), [1, 1, COARSE, COARSE]), mask)
    fine = op.Resize(kept, None, None, [GRID, GRID], axes=[2, 3], mode="nearest")
    shown = op.Mul(fine, graph.as_float(op, op.Greater(strokes, 0.0)))
    rivals = op.Mul(prominence, op.Sub(1.0, op.Max(is_kept, lies_around)))
    top_and_bottom = op.ReduceMean(op.Gather(kept, [0, -1], axis=2), [3], keepdims=0)
    left_and_right = op.ReduceMean(op.Gather(kept, [0, -1], axis=3), [2], keepdims=0)
    return Marks(
        kept,
        *graph.extent(op, op.Reshape(shown, [GRID, GRID]), GRID),
        ratio(op, main_mass, total(op, op.Mul(kept, weight)), 1e-6),
        ratio(op, op.ReduceMax(rivals), op.Gather(prominence, main, axis=1), 1e-6),
        op.ReduceMax(op.Max(top_and_bottom, left_and_right)),
    )
