"""Tell a digit's strokes from what else is on the paper: specks, rules, the frame of a form's field."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ink import Grey

Mask = NDArray[np.bool_]

_MIN_SHARE = 0.01
"""Parts of less than this share of the largest are specks."""
_MIN_STROKE_SHARE = 0.04
_REACH = 0.22
"""A second stroke has at least this share of the first's area, and is not farther away than this share of its size."""
_RIVAL_HEIGHT = 0.6
_EDGE = 0.08
"""A border lies within this share of the picture's longer side from its edge."""
_RIM = 0.1
"""A frame lies within this share of its own shorter side from its own edges."""
_MOSTLY = 0.8
_MAX_RULES = 12
_RULE_SLOPES = np.linspace(-0.12, 0.12, 25)
_RULE_COVER = 0.6
"""A rule shows in at least this share of the picture's columns."""


class Marks(NamedTuple):
    """A digit's strokes, and what else is there.

    `share` is the strokes' of the picture's marks without borders and frames; `rival_share` is the area of the
    largest of the other marks that are as tall as a digit beside it would be, over that of the strokes.
    """

    strokes: Mask
    share: float
    rival_share: float


@dataclass(frozen=True, eq=False)
class Part:
    """A connected part: its number in the map of labels, its pixels' rows and columns, the picture's shape."""

    label: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    shape: tuple[int, int]

    @property
    def area(self) -> int:
        """Number of pixels."""
        return len(self.rows)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First and last row, first and last column."""
        return int(self.rows.min()), int(self.rows.max()), int(self.columns.min()), int(self.columns.max())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        top, bottom, left, right = self.box
        return bottom - top + 1, right - left + 1

    def within(self, distance: int, box: tuple[int, int, int, int]) -> float:
        """Give the share of the pixels that are nearer than a distance to a box's sides, from inside."""
        top, bottom, left, right = box
        near_row = (self.rows < top + distance) | (self.rows > bottom - distance)
        near_column = (self.columns < left + distance) | (self.columns > right - distance)
        return float((near_row | near_column).mean())


def keep_digit(mask: Mask, certain: Mask) -> Marks:
    """Keep the parts of a mask that are a digit's strokes: the largest near the middle, and what belongs to it.

    Args:
        mask: ink, of which some may be dirt.
        certain: where ink is strong; a part without any is dirt.
    """
    labels = label_parts(mask)
    parts = [part for part in list_parts(labels) if certain[part.rows, part.columns].any()]
    if not parts:
        return Marks(mask, 1.0, 0.0)
    candidates = [part for part in parts if not is_border(part) and not is_frame(part, parts)]
    if not candidates or max(part.area for part in candidates) < 2 * _MIN_SHARE * parts[0].area:
        candidates = parts
    main = max(candidates, key=_prominence)
    strokes = [main, *(part for part in candidates if part is not main and _belongs(part, main))]
    others = int(np.count_nonzero(mask)) - sum(part.area for part in parts if part not in candidates)
    area = sum(part.area for part in strokes)
    rivals = [part.area for part in candidates if part not in strokes and part.size[0] >= _RIVAL_HEIGHT * main.size[0]]
    kept = np.isin(labels, [part.label for part in strokes])
    return Marks(kept, area / max(1, others), max(rivals, default=0) / area)


def label_parts(mask: Mask) -> NDArray[np.intp]:
    """Number the parts of a mask that touch, corners included, from 1 on; 0 is none.

    Runs of a row are the nodes of a graph, joined where they touch a run of the next row; the least
    number spreads along the joins.
    """
    starts = mask.copy()
    starts[:, 1:] &= ~mask[:, :-1]
    runs = np.cumsum(starts.ravel()).reshape(mask.shape) * mask
    upper, lower = runs[:-1], runs[1:]
    pairs = [(upper, lower), (upper[:, 1:], lower[:, :-1]), (upper[:, :-1], lower[:, 1:])]
    joins = np.concatenate(
        [np.stack([one[both], other[both]]) for one, other in pairs for both in [(one > 0) & (other > 0)]], 1
    )
    least = np.arange(runs.max() + 1)
    while True:
        lower_of_two = least[joins].min(axis=0)
        spread = least.copy()
        np.minimum.at(spread, joins[0], lower_of_two)
        np.minimum.at(spread, joins[1], lower_of_two)
        spread = spread[spread]
        if np.array_equal(spread, least):
            break
        least = spread
    numbers = np.zeros(len(least), np.intp)
    kept = np.unique(least[1:])
    numbers[1:] = np.searchsorted(kept, least[1:]) + 1
    return numbers[runs]


def list_parts(labels: NDArray[np.intp]) -> list[Part]:
    """List the parts that are no specks, the largest first."""
    areas = np.bincount(labels.ravel())[1:]
    if not len(areas):
        return []
    large = np.flatnonzero(areas >= max(_MIN_SHARE * areas.max(), 1)) + 1
    large = large[np.argsort(-areas[large - 1], kind="stable")]
    found = []
    for label in large[:100]:
        rows, columns = np.nonzero(labels == label)
        found.append(Part(int(label), rows, columns, (labels.shape[0], labels.shape[1])))
    return found


def is_border(part: Part) -> bool:
    """Tell whether a part is a rest of something at the picture's edge, or a line from edge to edge."""
    height, width = part.shape
    top, bottom, left, right = part.box
    touched = (top == 0) + (left == 0) + (bottom == height - 1) + (right == width - 1)
    distance = max(1, round(_EDGE * max(height, width)))
    if touched and part.within(distance, (0, height - 1, 0, width - 1)) >= _MOSTLY:
        return True
    shares = sorted((part.size[0] / height, part.size[1] / width))
    return touched >= 2 and shares[1] > 0.95 and shares[0] < 0.2


def is_frame(part: Part, parts: list[Part]) -> bool:
    """Tell whether a part is a box that was printed around others."""
    top, bottom, left, right = part.box
    if min(part.size) < 7 or max(part.size) < 0.4 * max(part.shape):
        return False
    if part.within(max(1, round(_RIM * min(part.size))), part.box) < _MOSTLY:
        return False
    inside = 0
    for other in parts:
        other_top, other_bottom, other_left, other_right = other.box
        if other is not part and top <= other_top and other_bottom <= bottom:
            inside += other.area if left <= other_left and other_right <= right else 0
    return inside >= _EDGE * part.area


def _prominence(part: Part) -> float:
    """Give a part's area, less by up to 60 % the farther it is from the middle."""
    height, width = part.shape
    away = np.hypot(part.rows.mean() - (height - 1) / 2, part.columns.mean() - (width - 1) / 2)
    return float(part.area * (1 - 0.6 * away / np.hypot(height / 2, width / 2)))


def _belongs(part: Part, main: Part) -> bool:
    """Tell whether a part is another stroke of the digit that the main part is of."""
    top, bottom, left, right = part.box
    main_top, main_bottom, main_left, main_right = main.box
    gap = max(top - main_bottom, main_top - bottom, left - main_right, main_left - right, 0)
    size = max(main.size)
    return part.area >= _MIN_STROKE_SHARE * main.area and gap <= _REACH * size and max(part.size) <= 1.2 * size


def remove_rules(mask: Mask, ink: Grey) -> Mask:
    """Take printed lines out of a mask: straight, from edge to edge, thinner or fainter than what else is there.

    Where a stroke crosses a line, what is taller than the line stays.
    """
    return _remove_level_rules(_remove_level_rules(mask, ink).T, ink.T).T


def _remove_level_rules(mask: Mask, ink: Grey) -> Mask:
    height, width = mask.shape
    if min(height, width) < 16:
        return mask
    for _ in range(_MAX_RULES):
        columns, tops, bottoms = _vertical_runs(mask)
        lengths, middles = bottoms - tops + 1, (tops + bottoms) / 2
        thin = lengths <= max(2, height // 24)
        if np.count_nonzero(thin) < _RULE_COVER * width:
            return mask
        slope, offset, cover = _best_line(columns[thin], middles[thin], width)
        on_line = np.abs(middles - slope * (columns - width / 2) - offset) <= 1.6
        found = columns[on_line & thin]
        from_edge_to_edge = len(found) and found.min() <= _EDGE * width and found.max() >= (1 - _EDGE) * width
        if cover < _RULE_COVER * width or not from_edge_to_edge:
            return mask
        thickness = float(np.sort(lengths[on_line & thin])[len(found) // 2])
        taken = on_line & (lengths <= 1.5 * thickness + 1)
        rest = mask.copy()
        for column, top, bottom in zip(columns[taken], tops[taken], bottoms[taken], strict=True):
            rest[top : bottom + 1, column] = False
        if not rest.any() or not _differs(mask & ~rest, thickness, rest, ink):
            return mask
        mask = rest
    return mask


def _vertical_runs(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Give the column, the first and the last row of each run of a column."""
    upright = np.pad(mask.T, ((0, 0), (1, 1)))
    columns, tops = np.nonzero(upright[:, 1:-1] & ~upright[:, :-2])
    _, bottoms = np.nonzero(upright[:, 1:-1] & ~upright[:, 2:])
    return columns, tops, bottoms


def _best_line(columns: NDArray[np.intp], rows: NDArray[np.float64], width: int) -> tuple[float, float, int]:
    """Give the slope and the row at mid-width of the line that most columns have a point near, and their number."""
    best = (0.0, 0.0, 0)
    for slope in _RULE_SLOPES:
        offsets = np.floor(rows - slope * (columns - width / 2)).astype(np.intp)
        offsets -= (lowest := int(offsets.min()))
        hits = np.zeros((int(offsets.max()) + 2, width), np.bool_)
        hits[offsets, columns] = hits[offsets + 1, columns] = True  # a line between two rows counts in both
        counts = hits.sum(axis=1)
        row = int(counts.argmax())
        if counts[row] > best[2]:
            best = (float(slope), float(row + lowest), int(counts[row]))
    return best


def _differs(line: Mask, thickness: float, rest: Mask, ink: Grey) -> bool:
    """Tell whether a line is thinner or fainter than the rest."""
    padded = np.pad(rest, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    outline = max(1, int(np.count_nonzero(rest & ~inner)))
    rest_thickness = 2 * int(np.count_nonzero(rest)) / outline
    return bool(thickness <= 0.6 * rest_thickness or ink[line].mean() < 0.75 * ink[rest].mean())
