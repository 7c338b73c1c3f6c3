"""Reasons to reject a picture, whatever the network would say of it.

Each limit rejects at most 0.2 % of digits drawn by code and of digits made of MNIST's training images.
"""

from export.picture.digit import Digit
from export.picture.ink import Ink
from export.picture.marks import Marks
from export.picture.operators import INT64, OpBuilder, Value, as_float, ratio, total
from runtime.contract import Reason

_MIN_INK = 12.0  # levels that the strongest ink on the grid is above paper
_MIN_CORRELATION = 0.2
_MIN_SIGNAL_TO_NOISE = 5.2  # contrast of the strokes by the paper's noise
_MAX_STROKE_WIDTH = 6.5  # pixels of 28
_MIN_EVIDENCE = 0.45
_MAX_BORDER_SHARE = 0.7  # of a digit cropped on all sides
_STRIP_BORDER_SHARE = 0.24  # a side of the picture
_MAX_STRIP = 14.0  # cells of GRID; a digit that covers a side is thicker
_MAX_RIVAL = 0.4  # prominence of the next mark by the main one's
_MIN_MAIN_SHARE = 0.6  # mass of the main mark by the digit's
_MAX_ASPECT = 1.65  # width by height
_END = 1 << 31  # of an axis of any length


def correlation(op: OpBuilder, plane: Value) -> Value:
    """Return the correlation of the cells of `[1, 1, h, w]` with those below and to the right of them.

    It is near 0 for noise and near 1 for a drawing. The last cell of a row is compared with the next row's first.
    """
    deviation = op.Reshape(op.Sub(plane, op.ReduceMean(plane)), [-1])
    products = [
        total(op, op.Mul(op.Slice(deviation, step, [_END], [0]), op.Slice(deviation, [0], op.Neg(step), [0])))
        for step in (op.Cast([1], to=INT64), op.Shape(plane, start=3, end=4))
    ]
    variance = total(op, op.Mul(deviation, deviation))
    return ratio(op, op.Mul(op.Add(*products), 0.5), variance, 1e-3)


def reject(op: OpBuilder, levels: Value, ink: Ink, marks: Marks, contrast: Value, digit: Digit) -> Value:
    """Return the code of the first `Reason` that applies, or 0: int64 `[1]`.

    Args:
        op: builds the graph.
        levels: of ink in the view of the whole picture, `[1, 1, h, w]`.
        ink: of this view.
        marks: of this ink.
        contrast: of the digit's strokes to paper, levels.
        digit: cut out of the picture.
    """
    excess = {
        Reason.BLANK: [op.Sub(_MIN_INK, op.ReduceMax(ink.ink, keepdims=0))],
        Reason.NOISE: [
            op.Sub(_MIN_CORRELATION, correlation(op, levels)),
            op.Sub(op.Mul(op.Max(ink.noise, 0.5), _MIN_SIGNAL_TO_NOISE), contrast),
            op.Sub(digit.stroke_width, _MAX_STROKE_WIDTH),
        ],
        Reason.UNCLEAR: [op.Sub(_MIN_EVIDENCE, op.Abs(ink.evidence))],
        Reason.EDGE: [
            op.Sub(marks.border_share, _MAX_BORDER_SHARE),
            op.Min(op.Sub(marks.border_share, _STRIP_BORDER_SHARE), op.Sub(_MAX_STRIP, marks.thickness)),
        ],
        Reason.SEVERAL_MARKS: [
            op.Sub(marks.rival, _MAX_RIVAL),
            op.Sub(_MIN_MAIN_SHARE, marks.main_share),
            op.Sub(digit.aspect, _MAX_ASPECT),
        ],
    }
    margins = [op.Reshape(op.Max(*values), [1]) for values in excess.values()]
    applies = as_float(op, op.Greater(op.Concat(*margins, [1.0], axis=0), 0.0))
    first = op.ArgMax(applies, axis=0, keepdims=1)
    return op.Gather(op.Cast([*(int(reason) for reason in excess), 0], to=INT64), first)
