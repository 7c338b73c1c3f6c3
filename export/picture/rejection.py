"""Reasons to reject a picture, whatever the network would say of it.

Each limit rejects at most 0.2 % of digits drawn by code and of digits made of MNIST's training images.
"""

import numpy as np

from export.picture.digit import Digit
from export.picture.ink import Ink
from export.picture.marks import Marks
from export.picture.operators import OpBuilder, Value, constant, ratio, within
from runtime.contract import Reason

_RIGHT_AND_BELOW = np.array([[[[1, -1], [0, 0]]], [[[1, 0], [-1, 0]]]]) / 2
"""Kernels of half the differences from the cell to the right and from the one below."""
_ANY, _NONE = 1e9, (2.0, 2.0)
"""No limit, and a range that no number is in."""
_INK = (12.0, _ANY)
"""Levels that the strongest ink on the grid is above paper."""
_NEIGHBORS_DIFFERENCE = (0.0, 0.8)
"""Of neighboring cells, against that of cells far apart."""
_SIGNAL_TO_NOISE = (5.2, _ANY)
"""Contrast of the strokes by the paper's noise."""
_LEAST_NOISE = 0.5
_STROKE_WIDTH = (0.0, 6.5)
"""Pixels of 28."""
_EVIDENCE = (0.45, _ANY)
_BORDER_SHARE = (0.0, 0.7)
"""Of the picture's sides that the digit covers. A digit cropped on all sides covers less."""
_STRIP_BORDER_SHARE, _MAX_STRIP = 0.24, 14.0
"""One side; cells of GRID. A digit that covers a side is thicker."""
_RIVAL = (0.0, 0.4)
"""Prominence of the next mark by the main one's."""
_MAIN_SHARE = (0.6, _ANY)
"""Mass of the main mark by the digit's."""


def neighbors_difference(op: OpBuilder, plane: Value) -> Value:
    """Return the mean squared difference of neighboring cells of `[1, 1, h, w]` by that of any two cells: `[1]`.

    It is near 1 for noise and near 0 for a drawing, and 1 less the mean correlation of neighbors. Beside the last
    row and column lies the mean.
    """
    deviation = op.Sub(plane, op.ReduceMean(plane))
    differences = op.Conv(deviation, constant(op, "neighbors", _RIGHT_AND_BELOW), pads=[0, 0, 1, 1])
    squares, variance = (op.ReduceSumSquare(values, [1, 2, 3], keepdims=0) for values in (differences, deviation))
    return ratio(op, squares, variance, 1e-3)


def reject(op: OpBuilder, levels: Value, ink: Ink, marks: Marks, contrast: Value, digit: Digit, native: Value) -> Value:
    """Return the code of the first `Reason` that applies, or 0: int64 `[1]`.

    Args:
        op: builds the graph.
        levels: of ink in the view of the whole picture, `[1, 1, h, w]`.
        ink: of this view.
        marks: of this ink.
        contrast: of the digit's strokes to paper, levels.
        digit: cut out of the picture.
        native: 1 if the picture is in MNIST's form already, and not to be rejected, else 0.
    """
    noise = op.Reshape(ink.noise, [1])
    strip = op.Min(op.Sub(marks.border_share, _STRIP_BORDER_SHARE), op.Sub(_MAX_STRIP, marks.thickness))
    reasons = [
        (0, native, (0.0, 0.5)),
        (Reason.BLANK, ink.highest, _INK),
        (Reason.NOISE, neighbors_difference(op, levels), _NEIGHBORS_DIFFERENCE),
        (Reason.NOISE, ratio(op, contrast, noise, _LEAST_NOISE), _SIGNAL_TO_NOISE),
        (Reason.NOISE, digit.stroke_width, _STROKE_WIDTH),
        (Reason.UNCLEAR, op.Abs(ink.evidence), _EVIDENCE),
        (Reason.EDGE, marks.border_share, _BORDER_SHARE),
        (Reason.EDGE, strip, (-_ANY, 0.0)),
        (Reason.SEVERAL_MARKS, marks.rival, _RIVAL),
        (Reason.SEVERAL_MARKS, marks.main_share, _MAIN_SHARE),
        (Reason.SEVERAL_MARKS, digit.too_wide, (-_ANY, 0.0)),
    ]
    codes, values, ranges = zip(*reasons, (0, native, _NONE), strict=True)
    first = op.ArgMin(within(op, list(zip(values, ranges, strict=True))), axis=0, keepdims=1)
    return op.Gather(constant(op, "codes", codes, np.int64), first)
