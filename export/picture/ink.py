"""Find a picture's ink: which of dark and bright it is, in which color it shows best, and how much lies on a cell."""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.operators import OpBuilder, Value, constant, ratio, total
from export.picture.planes import View
from export.picture.sheet import find_sheet

GRID = 64
"""Cells a side of the grid on which a digit is looked for, whatever the picture's shape."""
COARSE = 32
"""Cells a side of the grid for what changes slowly: paper and connected marks."""

_COLORS = np.array([[0.299, 0.587, 0.114], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
"""Planes that are compared: luminance by ITU-R BT.601, red, green, blue."""
_LUMINANCE_PREFERENCE = 8.0
"""A color must stand out twice as much as luminance to be preferred; skewness grows with the third power."""
_STROKE_REACH = 1 / 4
"""Strokes are narrower, as a share of the picture's side."""
_BORDER_WEIGHT = 1.5
_PAPER_WINDOW = 13
"""Coarse cells; strokes are narrower."""
_BACKGROUND_DEVIATIONS, _FAINTEST_DEVIATIONS = 2.3, 3.5
"""Of the paper's noise: up to the first all is paper, up to the second no mark begins."""
_OF_CUT_OFF = 1.3
"""Paper's standard deviation by that of its levels up to one deviation above the mean, if it is normal."""
_FADED_SHARE = 0.4
"""Of the way from paper to the threshold: a stroke may fade so far."""


class Ink(NamedTuple):
    """What is on the paper."""

    weights: Value  # [1, C], and
    offset: Value  # [1]: turn channels into levels of ink, bright on dark
    evidence: Value  # [1], of bright ink (positive) or dark ink (negative), -2.5 to 2.5; 0 is undecided
    levels: Value  # [1, 1, GRID, GRID], bright ink
    paper: Value  # [1, 1, COARSE, COARSE], the level that is not ink
    ink: Value  # [1, 1, GRID, GRID], level above paper
    strokes: Value  # [1, 1, GRID, GRID], ink where a mark is, else 0
    background: Value  # level above paper up to which there is no ink
    noise: Value  # standard deviation of the paper


def project(op: OpBuilder, ink: Ink, view: View) -> Value:
    """Return the levels of ink in a view, `[1, 1, h, w]`."""
    channels = op.Reshape(view.planes, op.Concat(op.Shape(view.planes, start=0, end=1), [-1], axis=0))
    levels = op.Add(op.MatMul(ink.weights, channels), ink.offset)
    return op.Reshape(levels, op.Concat([1, 1], view.cells, axis=0))


def find_ink(op: OpBuilder, view: View) -> Ink:
    """Find the ink in a view of a whole picture, or of the sheet of paper in it.

    Ink is narrow, so that differences from the surroundings are skewed towards it, and the border of a picture is
    paper. Both are weighed; where they contradict each other, the evidence is small.
    """
    grid, colors, coarse = _look_in_colors(op, view)
    sheet = find_sheet(op, op.Squeeze(op.Slice(coarse, [0], [1], [0]), [0]), COARSE)
    coarse = _fill_around(op, sheet, coarse)

    blur = constant(op, "blur", graph.interpolation(COARSE, COARSE, COARSE * _STROKE_REACH))
    difference = op.Sub(coarse, graph.along_both(op, blur, coarse))
    cubes = op.Mul(op.Mul(difference, difference), difference)
    skewness = op.ReduceSum(cubes, [1, 2], keepdims=0)
    preferred = constant(op, "preference", [_LUMINANCE_PREFERENCE, 1, 1, 1])
    preference = op.Slice(preferred, [0], op.Shape(skewness), [0])
    best = op.ArgMax(op.Mul(op.Abs(skewness), preference), axis=0, keepdims=1)
    narrow = ratio(op, op.Gather(skewness, best), total(op, op.Abs(op.Gather(cubes, best))), 1e-3)
    plane = op.Gather(coarse, best)
    evidence = op.Add(narrow, op.Mul(_darkness_of_border(op, plane), _BORDER_WEIGHT))
    sign = op.Where(op.Greater(evidence, 0.0), 1.0, -1.0)
    weights = op.Mul(op.Reshape(op.Gather(colors, best, axis=1), [1, -1]), sign)
    offset = op.Mul(op.Sub(1.0, sign), 127.5)  # 255 less the level for dark ink

    levels = op.Reshape(op.Add(op.MatMul(weights, grid), offset), [1, 1, GRID, GRID])
    paper = find_paper(op, op.Unsqueeze(op.Add(op.Mul(plane, sign), offset), [0]))
    upsampling = constant(op, "upsampling", graph.interpolation(GRID, COARSE))
    above = op.Relu(op.Sub(levels, graph.along_both(op, upsampling, paper)))
    on_sheet = op.Resize(op.Unsqueeze(sheet, [0]), None, None, [GRID, GRID], axes=[2, 3], mode="nearest")
    ink = op.Mul(above, on_sheet)
    return Ink(weights, offset, evidence, levels, paper, ink, *find_strokes(op, ink))


def _look_in_colors(op: OpBuilder, view: View) -> tuple[Value, Value, Value]:
    """Return the channels on the grid, `[C, GRID²]`; the colors to compare, as weights of channels; the coarse planes.

    There are K = 4 colors, or 1 for a grey picture: weights `[1, K, C]`, planes `[K, COARSE, COARSE]`.
    """
    channels = op.Shape(view.planes, start=0, end=1)
    resized = op.Resize(op.Unsqueeze(view.planes, [0]), None, None, [GRID, GRID], axes=[2, 3], mode="linear")
    grid = op.Reshape(resized, op.Concat(channels, [GRID * GRID], axis=0))
    of_channels = np.zeros((5, 4, 4))
    of_channels[1, 0, 0] = 1
    of_channels[3, :, :3] = of_channels[4, :, :3] = _COLORS
    ends = op.Concat(op.Mul(channels, channels), channels, axis=0)
    colors = op.Slice(op.Gather(constant(op, "colors", of_channels), channels), [0, 0], ends, [1, 2])
    halved = op.Resize(resized, None, None, [COARSE, COARSE], axes=[2, 3], mode="linear")  # means of 2×2 cells
    coarse = op.MatMul(colors, op.Reshape(halved, op.Concat(channels, [COARSE * COARSE], axis=0)))
    return grid, colors, op.Reshape(coarse, [-1, COARSE, COARSE])


def _fill_around(op: OpBuilder, sheet: Value, planes: Value) -> Value:
    """Return planes `[K, COARSE, COARSE]` with the mean level on the sheet everywhere around it."""
    on_sheet = op.Mul(planes, sheet)
    mean = op.Div(op.ReduceSum(on_sheet, [1, 2]), total(op, sheet))
    return op.Add(on_sheet, op.Mul(mean, op.Sub(1.0, sheet)))


def _darkness_of_border(op: OpBuilder, plane: Value) -> Value:
    """Return how far the border of `[1, COARSE, COARSE]` lies below the middle of all levels: -1 to 1."""
    highest, lowest = op.ReduceMax(plane, keepdims=0), op.ReduceMin(plane, keepdims=0)
    border = total(op, op.Mul(plane, graph.border_weights(op, COARSE)))
    return ratio(op, op.Sub(op.Add(highest, lowest), op.Mul(border, 2.0)), op.Sub(highest, lowest), 1.0)


def find_paper(op: OpBuilder, levels: Value) -> Value:
    """Return the level of the paper under the bright ink of `[1, 1, COARSE, COARSE]`.

    A grey opening removes what is narrower than its window (P. Soille, "Morphological Image Analysis", 2003, section
    4.5). Before it, the plane that fits the levels best is subtracted: at the border an opening flattens a slope.
    """
    axis = np.linspace(-1, 1, COARSE)
    basis = constant(op, "slopes", [np.full(COARSE, COARSE**-0.5), axis / np.linalg.norm(axis)])
    moments = op.Mul(graph.along_both(op, basis, levels), constant(op, "no_twist", [[1, 1], [1, 0]]))
    slope = op.MatMul(op.MatMul(op.Transpose(basis, perm=[1, 0]), moments), basis)
    opened = graph.dilate(op, graph.erode(op, op.Sub(levels, slope), _PAPER_WINDOW), _PAPER_WINDOW)
    return op.Relu(op.Add(opened, slope))


def find_strokes(op: OpBuilder, ink: Value) -> tuple[Value, Value, Value]:
    """Separate marks from paper in `[1, 1, GRID, GRID]`: return the marks, the background's level and the noise.

    The threshold is midway between the means of what is above and below it (T. Ridler and S. Calvard, "Picture
    thresholding using an iterative selection method", 1978), in two steps. Every second row is enough for the
    statistics.
    """
    row = op.Reshape(op.Slice(op.Reshape(ink, [GRID // 2, 2 * GRID]), [0], [GRID], [1]), [1, -1])
    ones = graph.as_float(op, op.GreaterOrEqual(row, 0.0))
    powers = op.Concat(ones, row, op.Mul(row, row), axis=0)
    everywhere = op.Gemm(ones, powers, transB=1)
    highest = op.ReduceMax(ink, keepdims=0)
    threshold = op.Mul(highest, 0.5)
    for _ in range(2):
        below = _sums_below(op, powers, threshold)
        both = op.Concat(below, op.Sub(everywhere, below), axis=0)
        count, mass, _square = op.Split(both, num_outputs=3, axis=1, _outputs=3)
        threshold = op.ReduceMean(ratio(op, mass, count, 1.0), keepdims=0)
    mean, deviation = _paper_levels(op, powers, threshold)
    mean, cut_off = _paper_levels(op, powers, op.Add(mean, deviation))
    noise = op.Mul(cut_off, _OF_CUT_OFF)
    fades_to = op.Max(op.Mul(noise, _FAINTEST_DEVIATIONS), op.Mul(op.Sub(threshold, mean), _FADED_SHARE))
    faintest = op.Min(op.Add(mean, fades_to), op.Mul(highest, 0.9))
    strokes = op.Mul(ink, graph.as_float(op, op.Greater(ink, faintest)))
    return strokes, op.Add(mean, op.Mul(noise, _BACKGROUND_DEVIATIONS)), noise


def _sums_below(op: OpBuilder, powers: Value, limit: Value) -> Value:
    """Return the number, the sum and the sum of squares of the levels up to a limit: `[1, 3]`.

    `powers` is `[3, n]`: ones, levels and their squares.
    """
    return op.Gemm(graph.as_float(op, op.LessOrEqual(op.Gather(powers, [1]), limit)), powers, transB=1)


def _paper_levels(op: OpBuilder, powers: Value, limit: Value) -> tuple[Value, Value]:
    """Return the mean and the standard deviation of the levels up to a limit, scalars."""
    count, mass, square = op.Split(op.Squeeze(_sums_below(op, powers, limit), [0]), num_outputs=3, axis=0, _outputs=3)
    count = op.Max(count, 1.0)
    mean = op.Div(mass, count)
    variance = op.Sub(op.Div(square, count), op.Mul(mean, mean))
    return op.Squeeze(mean), op.Squeeze(op.Sqrt(op.Relu(variance)))
