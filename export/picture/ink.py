"""Find a picture's ink: which of dark and bright it is, in which color it shows best, and how much lies on a cell."""

from typing import NamedTuple

import numpy as np
from onnxscript import ir

from export.picture import operators as graph
from export.picture.operators import OpBuilder, Value, constant, highest_of, ratio, total
from export.picture.planes import View
from export.picture.sheet import find_surroundings

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
_FIRST_THRESHOLD = 0.42
"""Of the highest level."""
_FADED_SHARE = 0.4
"""Of the way from paper to the threshold: a stroke may fade so far."""
_TO_DARK = -0.01
"""Where there is hardly any evidence, ink is dark: rounding must not decide."""


class Ink(NamedTuple):
    """What is on the paper."""

    weights: Value  # [1, C, 1, 1], and
    offset: Value  # [1]: turn channels into levels of ink, bright on dark
    evidence: Value  # [1], of bright ink (positive) or dark ink (negative), -2.5 to 2.5; 0 is undecided
    levels: Value  # [1, 1, GRID, GRID], bright ink
    paper: Value  # [1, 1, COARSE, COARSE], the level that is not ink; 255 around a sheet
    ink: Value  # [1, 1, GRID, GRID], level above paper
    highest: Value  # [1], of it
    strokes: Value  # [1, 1, GRID, GRID], ink where a mark is, else 0
    background: Value  # [1, 1], ink is above it
    noise: Value  # [1, 1], of the paper: standard deviation


def project(op: OpBuilder, ink: Ink, planes: Value) -> Value:
    """Return the levels of ink, bright on dark, in the channels `[1, C, h, w]`: `[1, 1, h, w]`."""
    return op.Conv(planes, ink.weights, ink.offset)


def find_ink(op: OpBuilder, view: View) -> Ink:
    """Find the ink in a view of a whole picture, or of the sheet of paper in it.

    Ink is narrow, so that differences from the surroundings are skewed towards it, and the border of a picture is
    paper. Both are weighed; where they contradict each other, the evidence is small.
    """
    channels = op.Resize(view.planes, None, None, [GRID, GRID], axes=[2, 3], mode="linear")
    halved = op.Resize(channels, None, None, [COARSE, COARSE], axes=[2, 3], mode="linear")  # means of 2×2 cells
    colors = _colors(op, op.Shape(view.planes, start=1, end=2))
    coarse = op.Conv(halved, colors)
    around = find_surroundings(op, op.Gather(coarse, [0], axis=1), COARSE)
    on_sheet = op.Sub(1.0, around)
    coarse = _fill(op, coarse, around, on_sheet)

    blur = graph.interpolation(COARSE, COARSE, COARSE * _STROKE_REACH)
    difference = op.Sub(coarse, graph.along_both(op, "blur", blur, coarse))
    cubes = op.Mul(op.Mul(difference, difference), difference)
    skewness = op.ReduceSum(cubes, [0, 2, 3], keepdims=0)
    # A grey picture has one color; the first of the equal products is the highest.
    preference = constant(op, "preference", [_LUMINANCE_PREFERENCE, 1, 1, 1])
    best = op.ArgMax(op.Mul(op.Abs(skewness), preference), axis=0, keepdims=1)
    narrow = op.Gather(ratio(op, skewness, op.ReduceL1(cubes, [0, 2, 3], keepdims=0), 1e-3), best)
    plane = op.Gather(coarse, best, axis=1)
    evidence = op.Sum(narrow, op.Mul(_darkness_of_border(op, plane), _BORDER_WEIGHT), _TO_DARK)
    sign = op.Sign(evidence)
    weights = op.Mul(op.Gather(colors, best), sign)
    offset = op.Mul(op.Sub(1.0, sign), 127.5)  # 255 less the level for dark ink

    levels = op.Conv(channels, weights, offset)
    paper = op.Max(find_paper(op, op.Add(op.Mul(plane, sign), offset)), op.Mul(around, 255.0))
    ink = op.Relu(op.Sub(levels, graph.along_both(op, "upsampling", graph.interpolation(GRID, COARSE), paper)))
    highest = highest_of(op, ink)
    return Ink(weights, offset, evidence, levels, paper, ink, highest, *find_strokes(op, ink, highest))


def _colors(op: OpBuilder, channels: Value) -> Value:
    """Return the colors to compare as weights of C channels: `[K, C, 1, 1]`; K = 4, or 1 for a grey picture."""
    of_channels = np.zeros((5, 4, 4, 1, 1))
    of_channels[1, 0, 0] = 1
    of_channels[3, :, :3, 0, 0] = of_channels[4, :, :3, 0, 0] = _COLORS
    ends = op.Concat(op.Mul(channels, channels), channels, axis=0)
    colors = op.Slice(op.Gather(constant(op, "colors", of_channels), channels), [0, 0], ends, [1, 2])
    return op.Squeeze(colors, [0])


def _fill(op: OpBuilder, planes: Value, around: Value, on_sheet: Value) -> Value:
    """Return planes `[1, K, COARSE, COARSE]` with the mean level on the sheet everywhere around it."""
    kept = op.Mul(planes, on_sheet)
    mean = op.Div(op.ReduceSum(kept, [2, 3]), total(op, on_sheet))
    return op.Add(kept, op.Mul(mean, around))


def _darkness_of_border(op: OpBuilder, plane: Value) -> Value:
    """Return how far the border of `[1, 1, COARSE, COARSE]` lies below the middle of all levels: -1 to 1, `[1]`."""
    highest, lowest = highest_of(op, plane), op.ReduceMin(plane, [1, 2, 3], keepdims=0)
    border = total(op, op.Mul(plane, graph.border_weights(op, COARSE)))
    return ratio(op, op.Sub(op.Add(highest, lowest), op.Mul(border, 2.0)), op.Sub(highest, lowest), 1.0)


def find_paper(op: OpBuilder, levels: Value) -> Value:
    """Return the level of the paper under the bright ink of `[1, 1, COARSE, COARSE]`.

    A grey opening removes what is narrower than its window (P. Soille, "Morphological Image Analysis", 2003, section
    4.5). Before it, the plane that fits the levels best is subtracted: at the border an opening flattens a slope.
    """
    axis = np.linspace(-1, 1, COARSE)
    basis = np.array([np.full(COARSE, COARSE**-0.5), axis / np.linalg.norm(axis)])
    moments = graph.along_both(op, "slopes", basis, levels)
    slope = graph.along_both(op, "of_slopes", basis.T, op.Mul(moments, constant(op, "no_twist", [[1, 1], [1, 0]])))
    eroded = op.Neg(graph.dilate(op, op.Sub(slope, levels), _PAPER_WINDOW))
    return op.Relu(op.Add(graph.dilate(op, eroded, _PAPER_WINDOW), slope))


def find_strokes(op: OpBuilder, ink: Value, highest: Value) -> tuple[Value, Value, Value]:
    """Separate marks from paper in `[1, 1, GRID, GRID]`: return the marks, the background's level and the noise.

    The threshold is midway between the means of what is above and below it (T. Ridler and S. Calvard, "Picture
    thresholding using an iterative selection method", 1978); a good start makes one step enough. Every second row is
    enough for the statistics.
    """
    row = op.Reshape(op.Slice(ink, [0], [GRID], [2], [2]), [1, -1])
    ones = op.ConstantOfShape([1, GRID * GRID // 2], value=ir.tensor(np.ones(1, np.float32)))
    powers = op.Concat(ones, row, op.Mul(row, row), axis=0)
    below = _sums_below(op, powers, row, op.Mul(highest, _FIRST_THRESHOLD))
    both = op.Concat(below, op.Sub(op.Gemm(ones, powers, transB=1), below), axis=0)
    count, mass, _square = op.Split(both, num_outputs=3, axis=1, _outputs=3)
    threshold = op.ReduceMean(ratio(op, mass, count, 1.0))
    mean, deviation = _paper_levels(op, powers, row, threshold)
    mean, cut_off = _paper_levels(op, powers, row, op.Add(mean, deviation))
    noise = op.Mul(cut_off, _OF_CUT_OFF)
    fades_to = op.Max(op.Mul(noise, _FAINTEST_DEVIATIONS), op.Mul(op.Sub(threshold, mean), _FADED_SHARE))
    faintest = op.Min(op.Add(mean, fades_to), op.Mul(highest, 0.9))
    strokes = op.Mul(ink, graph.as_float(op, op.Greater(ink, faintest)))
    return strokes, op.Add(mean, op.Mul(noise, _BACKGROUND_DEVIATIONS)), noise


def _sums_below(op: OpBuilder, powers: Value, row: Value, limit: Value) -> Value:
    """Return the number, the sum and the sum of squares of the levels `[1, n]` up to a limit: `[1, 3]`.

    `powers` is `[3, n]`: ones, levels and their squares.
    """
    return op.Gemm(graph.as_float(op, op.LessOrEqual(row, limit)), powers, transB=1)


def _paper_levels(op: OpBuilder, powers: Value, row: Value, limit: Value) -> tuple[Value, Value]:
    """Return the mean and the standard deviation of the levels up to a limit, `[1, 1]` each."""
    sums = _sums_below(op, powers, row, limit)
    count, mass, square = op.Split(sums, num_outputs=3, axis=1, _outputs=3)
    count = op.Max(count, 1.0)
    mean = op.Div(mass, count)
    variance = op.Sub(op.Div(square, count), op.Mul(mean, mean))
    return mean, op.Sqrt(op.Relu(variance))
