"""Building blocks of the preparation graph.

Every function here and in the modules beside it adds nodes to the graph that `op` builds and returns their outputs.
Shapes are those of the graph's tensors; levels are float32, 0 to 255. `[2]` and `[2, 1]` are rows and columns.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnxscript import OpBuilder, ir

__all__ = ["OpBuilder", "Value"]

Value: TypeAlias = ir.Value
FLOAT, INT64, UINT8 = ir.DataType.FLOAT, ir.DataType.INT64, ir.DataType.UINT8


def constant(op: OpBuilder, name: str, values: ArrayLike, dtype: DTypeLike = np.float32) -> Value:
    """Return a constant; a name always has the same values."""
    known = op.builder.graph.initializers.get(name)
    return known or op.initializer(ir.tensor(np.asarray(values, dtype)), name)


def as_float(op: OpBuilder, values: Value) -> Value:
    """Return integers or truth values as float32."""
    return op.Cast(values, to=FLOAT)


def halves(op: OpBuilder, values: Value, axis: int = 0) -> tuple[Value, Value]:
    """Split an axis into two equal parts."""
    first, second = op.Split(values, num_outputs=2, axis=axis, _outputs=2)
    return first, second


def total(op: OpBuilder, plane: Value) -> Value:
    """Return the sum of `[1, 1, n, n]`: `[1]`."""
    return op.ReduceSum(plane, [1, 2, 3], keepdims=0)


def highest_of(op: OpBuilder, plane: Value) -> Value:
    """Return the highest level of `[1, 1, n, n]`: `[1]`."""
    return op.ReduceMax(plane, [1, 2, 3], keepdims=0)


def within(op: OpBuilder, numbers: Sequence[tuple[Value, tuple[float, float]]]) -> Value:
    """Return for each of n numbers `[1]` 1 if it is in its range, from the least to the highest, else 0: `[n]`."""
    values, ranges = zip(*numbers, strict=True)
    together = op.Concat(*values, axis=0)
    least, most = np.array(ranges).T.tolist()
    return as_float(op, op.Equal(together, op.Min(op.Max(together, least), most)))


def ratio(op: OpBuilder, dividend: Value, divisor: Value, least: float) -> Value:
    """Divide by a number, or by `least` where the number is smaller."""
    return op.Div(dividend, op.Max(divisor, least))


def interpolation(count: int, source_count: int, reach: float | None = None) -> NDArray[np.float64]:
    """Return the matrix `[count, source_count]` that resamples an axis linearly; each row sums to 1.

    `reach` is where the triangular weights end, in source cells; by default one cell of the coarser side.
    """
    step = source_count / count
    middles = (np.arange(count) + 0.5) * step - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(source_count) - middles[:, None]) / (reach or max(step, 1)))
    normalized: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalized


def along_both(op: OpBuilder, name: str, matrix: NDArray[np.float64], planes: Value) -> Value:
    """Apply a constant matrix `[m, n]` to the rows and to the columns of planes `[…, n, n]`: `[…, m, m]`."""
    of_columns = constant(op, f"{name}_of_columns", matrix.T)
    return op.MatMul(op.MatMul(constant(op, name, matrix), planes), of_columns)


def dilate(op: OpBuilder, planes: Value, window: int) -> Value:
    """Return the maximum over a window around each cell of `[1, K, n, n]`; an odd number of cells, at most 31.

    Larger windows are 100 times as slow in onnxruntime.
    """
    return op.MaxPool(planes, kernel_shape=[window, window], pads=[window // 2] * 4)


def extent(op: OpBuilder, mask: Value, side: int) -> tuple[Value, Value]:
    """Return the first row and column of the cells that are 1 in `[1, 1, side, side]`, and those after the last.

    Returns:
        `[2, 1]` each; for no cells the first is after the last.
    """
    ends = to_ends(op, mask, side, keepdims=1)
    return op.Sub(float(side), op.Gather(ends, 0)), op.Gather(ends, 1)


def to_ends(op: OpBuilder, mask: Value, side: int, keepdims: int = 0) -> Value:
    """Return how far the cells that are 1 in `[1, 1, side, side]` reach: `[2, 2]`, or `[2, 2, 1]` with `keepdims`.

    First from the end of the rows and columns back to the first of them, then from the start to the end of the last.
    """
    shown = op.Concat(op.ReduceMax(mask, [3], keepdims=0), op.ReduceMax(mask, [2], keepdims=0), axis=1)
    steps = constant(op, f"steps_{side}", [[np.arange(side, 0, -1)], [np.arange(1, side + 1)]])
    return op.ReduceMax(op.Mul(shown, steps), [2], keepdims=keepdims)


def border_weights(op: OpBuilder, side: int) -> Value:
    """Return the weights `[side, side]` that give the mean of the outermost cells."""
    inner = np.zeros((side - 2, side - 2))
    return constant(op, f"border_{side}", np.pad(inner, 1, constant_values=1 / (4 * side - 4)))


def centers(op: OpBuilder, side: int) -> Value:
    """Return the middles of the cells of an axis, 0.5 and so on: `[side]`."""
    return constant(op, f"centers_{side}", np.arange(side) + 0.5)


def between(op: OpBuilder, positions: Value, first: Value, last: Value) -> Value:
    """Return 1 for positions between two others, 0 for those elsewhere."""
    return as_float(op, op.And(op.Greater(positions, first), op.Less(positions, last)))


def box_mask(op: OpBuilder, side: int, first: Value, last: Value) -> Value:
    """Return 1 for the cells between two rows and between two columns, `[2, 1]` each: `[side, side]`."""
    rows, columns = halves(op, between(op, centers(op, side), first, last))
    return op.Mul(op.Transpose(rows, perm=[1, 0]), columns)


def center_of_mass(op: OpBuilder, plane: Value, side: int) -> Value:
    """Return the mean row and column of `[side, side]`, weighted by its levels: `[2, 1]`."""
    powers = np.array([np.ones(side), np.arange(side) + 0.5])
    moments = op.Reshape(along_both(op, f"powers_{side}", powers, plane), [4, 1])  # mass, by column, by row
    return ratio(op, op.Gather(moments, [2, 1]), op.Gather(moments, [0]), 1e-3)
