"""Tell ink from the noise of paper and sensors, and pictures that cannot show a digit."""

import itertools
from typing import NamedTuple

import numpy as np

from .contract import Reason
from .ink import Grey, level_of_share, otsu_threshold
from .parts import Marks, Mask

_PAPER_DEVIATIONS, _INK_DEVIATIONS = 2.0, 4.0
_FADED_SHARE = 0.4
"""Of the way from paper to Otsu's threshold."""
# Measured on pictures of digits, however spoilt: shares from 0.5, correlations from 0.55, ratios from 5.7.
_MIN_KEPT_SHARE = 0.3
_MIN_CORRELATION = 0.25
_MIN_SIGNAL_TO_NOISE = 5.0
_MIN_RIVAL_SHARE = 0.3
_STRIP_LENGTH, _STRIP_DEPTH = 0.95, 0.25


class InkLevels(NamedTuple):
    """Levels of a picture's ink, and the deviation of its paper's.

    Up to `background` a pixel is paper, above `faint` it is ink beside ink, and above `strong` it surely is.
    """

    paper: float
    noise: float
    background: float
    faint: float
    strong: float


def ink_levels(ink: Grey) -> InkLevels:
    """Give the levels that part ink from paper.

    Otsu's threshold is between the two; all levels are above the paper's noise. A stroke may fade to
    below the threshold and still be one (J. Canny, "A Computational Approach to Edge Detection", 1986,
    thresholds with hysteresis).
    """
    threshold = otsu_threshold(ink)
    levels = ink[ink <= threshold]
    paper = level_of_share(levels, 0.5)
    noise = 1.4826 * level_of_share(np.abs(levels - paper), 0.5)  # the deviation that half of the pixels keep to
    highest = float(ink.max()) - 1
    background, least = paper + _PAPER_DEVIATIONS * noise, paper + _INK_DEVIATIONS * noise
    faint = max(least, paper + _FADED_SHARE * (threshold - paper))
    return InkLevels(paper, noise, min(background, highest), min(faint, highest), min(max(threshold, least), highest))


def why_no_digit(ink: Grey, levels: InkLevels, marks: Marks) -> Reason | None:
    """Return why a picture can only be noise, or shows more than a digit, or None.

    Args:
        ink: the whole picture's.
        levels: of this ink.
        marks: what is taken for the digit, at least a pixel, and for something else.
    """
    if marks.share < _MIN_KEPT_SHARE:
        return Reason.NOISE
    if neighbour_correlation(ink) < _MIN_CORRELATION:
        return Reason.NOISE
    signal_to_noise = (level_of_share(ink[marks.strokes], 0.5) - levels.paper) / max(levels.noise, 1.0)
    if signal_to_noise < _MIN_SIGNAL_TO_NOISE:
        return Reason.NOISE
    if lies_along_edge(marks.strokes):
        return Reason.EDGE
    if marks.rival_share >= _MIN_RIVAL_SHARE:
        return Reason.SEVERAL_MARKS
    return None


def lies_along_edge(strokes: Mask) -> bool:
    """Tell whether marks are a strip along an edge of the picture, from one end of it to the other."""
    spans = [np.flatnonzero(strokes.any(axis=axis)) for axis in (1, 0)]
    for (along, side), (across, depth) in itertools.permutations(zip(spans, strokes.shape, strict=True)):
        is_strip = np.ptp(along) + 1 >= _STRIP_LENGTH * side and np.ptp(across) + 1 <= _STRIP_DEPTH * depth
        if is_strip and (across[0] == 0 or across[-1] == depth - 1):
            return True
    return False


def neighbour_correlation(plane: Grey) -> float:
    """Give the correlation of pixels with those below and to the right of them: near 0 for noise, near 1 for a drawing.

    A plane of one level, or of one row or column, counts as a drawing.
    """
    if min(plane.shape) < 2 or not (variance := float(plane.var())):
        return 1.0
    deviation = plane - plane.mean()
    products = (deviation[1:] * deviation[:-1]).mean() + (deviation[:, 1:] * deviation[:, :-1]).mean()
    return float(products / (2 * variance))
