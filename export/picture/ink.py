"""Find a picture's ink: which of dark and bright it is, in which color it shows best, and how much lies on a cell."""

from typing import NamedTuple

import numpy as np

from export.picture import operators as graph
from export.picture.operators import OpBuilder, Value, constant, ratio, total
from export.picture.planes import View

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
_BACKGROUND_DEVIATIONS, _FAINTEST_DEVIATIONS = 2.0, 3.0
"""Of the paper's noise: up to the first all is paper, up to the second no mark begins."""
_FADED_SHARE = 0.4
"""Of the way from paper to the threshold: a stroke may fade so far."""


class Ink(NamedTuple):
    """What is on the paper."""

    weights: Value  # [1, C], and
    offset: Value  # [1, 1]: turn channels into levels of ink, bright on dark
    evidence: Value  # of bright ink (positive) or dark ink (negative), -2.5 to 2.5; 0 is undecided
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
    """Find the ink in a view of a whole picture.

    Ink is narrow, so that differences from the surroundings are skewed towards it, and the border of a picture is
    paper. Both are weighed; where they contradict each other, the evidence is small.
    """
    channels = op.Shape(view.planes, start=0, end=1)
    resized = op.Resize(op.Unsqueeze(view.planes, [0]), None, None, [GRID, GRID], axes=[2, 3], mode="linear")
    grid = op.Reshape(resized, op.Concat(channels, [GRID * GRID], axis=0))
    of_channels = np.zeros((5, 4, 4))
    of_channels[1, :, 0] = 1
    of_channels[3, :, :3] = of_channels[4, :, :3] = _COLORS
    colors = op.Slice(op.Gather(constant(op, "colors", of_channels), channels), [0], channels, [2])  # [1, 4, C]
    halved = op.Resize(resized, None, None, [COARSE, COARSE], axes=[2, 3], mode="linear")  # means of 2×2 cells
    coarse_grid = op.Reshape(halved, op.Concat(channels, [COARSE * COARSE], axis=0))
    coarse = op.Reshape(op.MatMul(colors, coarse_grid), [4, COARSE, COARSE])

    blur = constant(op, "blur", graph.interpolation(COARSE, COARSE, COARSE * _STROKE_REACH))
    difference = op.Sub(coarse, graph.along_both(op, blur, coarse))
    cubes = op.Mul(op.Mul(difference, difference), difference)
    skewness = op.ReduceSum(cubes, [1, 2], keepdims=0)
    preference = constant(op, "preference", [_LUMINANCE_PREFERENCE, 1, 1, 1])
    best = op.ArgMax(op.Mul(op.Abs(skewness), preference), axis=0, keepdims=1)
    narrow = ratio(op, op.Gather(skewness, best), total(op, op.Abs(op.Gather(cubes, best))), 1e-3)
    evidence = op.Add(narrow, op.Mul(_darkness_of_border(op, op.Gather(coarse, best)), _BORDER_WEIGHT))
    sign = op.Where(op.Greater(evidence, 0.0), 1.0, -1.0)
    weights = op.Mul(op.Reshape(op.Gather(colors, best, axis=1), [1, -1]), sign)
    offset = op.Mul(op.Sub(1.0, sign), 127.5)  # 255 less the level for dark ink

    levels = op.Reshape(op.Add(op.MatMul(weights, grid), offset), [1, 1, GRID, GRID])
    paper = find_paper(op, op.Reshape(op.Add(op.MatMul(weights, coarse_grid), offset), [1, 1, COARSE, COARSE]))
    upsampling = constant(op, "upsampling", graph.interpolation(GRID, COARSE))
    ink = op.Relu(op.Sub(levels, graph.along_both(op, upsampling, paper)))
    return Ink(weights, offset, evidence, levels, paper, ink, *find_strokes(op, ink))


def _darkness_of_border(op: OpBuilder, plane: Value) -> Value:
    """Return how far the border of `[1, COARSE, COARSE]` lies below the middle of all levels: -1 to 1."""
    highest, lowest = op.ReduceMax(plane, keepdims=0), op.ReduceMin(plane, keepdims=0)
    border = total(op, op.Mul(plane, border_weights(op, COARSE)))
    return ratio(op, op.Sub(op.Add(highest, lowest), op.Mul(border, 2.0)), op.Sub(highest, lowest), 1.0)


def border_weights(op: OpBuilder, side: int) -> Value:
    """Return the weights `[side, side]` that give the mean of the outermost cells."""
    inner = np.zeros((side - 2, side - 2))
    return constant(op, f"border_{side}", np.pad(inner, 1, constant_values=1 / (4 * side - 4)))


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
    return op.Add(opened, slope)


def find_strokes(op: OpBuilder, ink: Value) -> tuple[Value, Value, Value]:
    """Separate marks from paper in `[1, 1, GRID, GRID]`: return the marks, the background's level and the noise.

    The threshold is midway between the means of what is above and below it (T. Ridler and S. Calvard, "Picture
    thresholding using an iterative selection method", 1978), in two steps.
    """
    highest = op.ReduceMax(ink, keepdims=0)
    threshold = op.Mul(highest, 0.5)
    for _ in range(2):
        above = graph.as_float(op, op.Greater(ink, threshold))
        count, mass = total(op, above), total(op, op.Mul(ink, above))
        low = ratio(op, op.Sub(total(op, ink), mass), op.Sub(float(GRID * GRID), count), 1.0)
        threshold = op.Mul(op.Add(low, ratio(op, mass, count, 1.0)), 0.5)
    mean, deviation = _paper_levels(op, ink, threshold, 1.25)  # of a normal distribution
    mean, noise = _paper_levels(op, ink, op.Add(mean, deviation), 2.0)  # of one that is cut off at one deviation
    fades_to = op.Max(op.Mul(noise, _FAINTEST_DEVIATIONS), op.Mul(op.Sub(threshold, mean), _FADED_SHARE))
    faintest = op.Min(op.Add(mean, fades_to), op.Mul(highest, 0.9))
    strokes = op.Mul(ink, graph.as_float(op, op.Greater(ink, faintest)))
    return strokes, op.Add(mean, op.Mul(noise, _BACKGROUND_DEVIATIONS)), noise


def _paper_levels(op: OpBuilder, ink: Value, limit: Value, deviations: float) -> tuple[Value, Value]:
    """Return the mean of the levels up to a limit, and the mean absolute difference from it times `deviations`."""
    paper = graph.as_float(op, op.LessOrEqual(ink, limit))
    count = total(op, paper)
    mean = ratio(op, total(op, op.Mul(ink, paper)), count, 1.0)
    spread = ratio(op, total(op, op.Mul(op.Abs(op.Sub(ink, mean)), paper)), count, 1.0)
    return mean, op.Mul(spread, deviations)
