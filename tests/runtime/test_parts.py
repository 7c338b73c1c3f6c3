"""Telling strokes from specks, rules and frames."""

from collections import deque

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.parts import is_frame, keep_digit, label_parts, list_parts, remove_rules

Mask = NDArray[np.bool_]


def flooded(mask: Mask) -> NDArray[np.int64]:
    """Label parts by flooding each from its first pixel."""
    labels = np.zeros(mask.shape, np.int64)
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        number, waiting = labels.max() + 1, deque([start])
        labels[start] = number
        while waiting:
            row, column = waiting.popleft()
            for other in np.ndindex(3, 3):
                near = (row + other[0] - 1, column + other[1] - 1)
                inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                if inside and mask[near] and not labels[near]:
                    labels[near] = number
                    waiting.append(near)
    return labels


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.45, 0.6, 1.0])
def test_parts_are_those_of_a_flood(share: float) -> None:
    for seed in range(5):
        mask = np.random.default_rng(seed).random((23, 31)) < share
        found, expected = label_parts(mask), flooded(mask)
        pairs = {(int(one), int(other)) for one, other in zip(found.ravel(), expected.ravel(), strict=True)}
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        assert found.max() == expected.max()


def test_a_spiral_is_one_part() -> None:
    mask = np.zeros((41, 41), np.bool_)
    top, left, bottom, right = 0, 0, 40, 40
    while top < bottom:
        mask[top, left : right + 1] = mask[top : bottom + 1, right] = mask[bottom, left + 2 : right + 1] = True
        mask[top + 2 : bottom + 1, left + 2] = True
        top, left, bottom, right = top + 4, left + 4, bottom - 4, right - 4
    assert label_parts(mask).max() == flooded(mask).max()


@pytest.fixture
def seven() -> Mask:
    """A 7 with its bar apart: two strokes."""
    mask = np.zeros((100, 100), np.bool_)
    mask[25:30, 30:65] = True
    for row in range(30, 80):
        mask[row, 60 - (row - 30) // 2 : 65 - (row - 30) // 2] = True
    mask[52:56, 62:75] = True
    return mask


def kept(mask: Mask) -> Mask:
    return keep_digit(mask, mask).strokes


def test_strokes_near_each_other_stay_together(seven: Mask) -> None:
    found, share, rival_share = keep_digit(seven, seven)
    assert np.array_equal(found, seven)
    assert (share, rival_share) == (1.0, 0.0)


@pytest.mark.parametrize(("gap", "belongs"), [(0, True), (1, True), (12, True), (13, False)])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_stroke_belongs_within_its_reach(gap: int, belongs: bool, turns: int) -> None:
    """Of 0.22 times the main stroke's 60 pixels, from pixel to pixel, on each side of it."""
    mask = np.zeros((120, 120), np.bool_)
    mask[30:90, 50:54] = True
    other = mask.copy()
    other[40:70, 54 + gap : 58 + gap] = True
    found = keep_digit(np.rot90(other, turns), np.rot90(other, turns)).strokes
    assert np.array_equal(found, np.rot90(other if belongs else mask, turns))


@pytest.mark.parametrize(("length", "in_the_middle"), [(40, False), (42, True)])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_digit_is_what_is_large_and_near_the_middle(length: int, in_the_middle: bool, turns: int) -> None:
    """A mark of 60 by 4 pixels, 38 from the middle of 100 by 100, counts for 163 of its 240."""
    at_the_side, near_the_middle = np.zeros((2, 100, 100), np.bool_)
    at_the_side[20:80, 86:90] = True
    near_the_middle[50 - length // 2 : 50 + length // 2, 48:52] = True
    found = kept(np.rot90(at_the_side | near_the_middle, turns))
    assert np.array_equal(found, np.rot90(near_the_middle if in_the_middle else at_the_side, turns))


def test_specks_go(seven: Mask) -> None:
    dirty = seven.copy()
    dirty[5, 5] = dirty[90, 80] = dirty[40:42, 20] = True
    assert np.array_equal(kept(dirty), seven)


def test_the_rest_of_something_at_the_edge_goes(seven: Mask) -> None:
    dirty = seven.copy()
    dirty[:, :6] = True
    dirty[95:, 40:90] = True
    found, share, rival_share = keep_digit(dirty, dirty)
    assert np.array_equal(found, seven)
    assert (share, rival_share) == (1.0, 0.0)  # borders do not count


def test_a_frame_around_goes(seven: Mask) -> None:
    dirty = seven.copy()
    dirty[8:92, 8:92] |= ~np.pad(np.ones((80, 80), np.bool_), 2)
    assert np.array_equal(kept(dirty), seven)


@pytest.mark.parametrize(("inside", "is_one"), [(0, False), (72, False), (75, True)])
def test_a_frame_has_something_inside(inside: int, is_one: bool) -> None:
    """At least 8 % of its own area, here 924 pixels."""
    mask = np.zeros((100, 100), np.bool_)
    mask[10:90, 10:90] = True
    mask[13:87, 13:87] = False
    mask[40 : 40 + inside // 3, 40:43] = True
    parts = list_parts(label_parts(mask))
    assert is_frame(parts[0], parts) is is_one


def test_a_zero_with_a_speck_inside_is_no_frame() -> None:
    rows, columns = np.mgrid[-1:1:100j, -1:1:100j]
    radius = np.hypot(rows, columns * 1.3)
    zero = (radius > 0.75) & (radius < 0.9)
    dirty = zero.copy()
    dirty[48:52, 48:52] = True
    assert np.array_equal(kept(dirty) & zero, zero)


def test_what_is_nowhere_strong_is_dirt(seven: Mask) -> None:
    dirty = seven.copy()
    dirty[60:75, 66:80] = True
    assert np.array_equal(keep_digit(dirty, seven).strokes, seven)


def test_where_nothing_is_strong_all_is_kept(seven: Mask) -> None:
    assert keep_digit(seven, np.zeros_like(seven)) == (seven, 1.0, 0.0)


def test_nothing_has_no_parts() -> None:
    assert list_parts(label_parts(np.zeros((4, 4), np.bool_))) == []


def test_a_lone_line_is_no_rule() -> None:
    line = np.zeros((60, 60), np.bool_)
    line[30] = True
    assert np.array_equal(remove_rules(line, line * 200.0), line)


@pytest.mark.parametrize(("level", "goes"), [(149.0, True), (151.0, False)])
def test_a_line_as_thick_as_strokes_is_a_rule_if_fainter(seven: Mask, level: float, goes: bool) -> None:
    """By a quarter, of the strokes' 200."""
    line = np.zeros_like(seven)
    line[85:89] = True
    found = remove_rules(seven | line, np.where(seven, 200.0, np.where(line, level, 0.0)))
    assert np.array_equal(found, seven if goes else seven | line)


def test_no_more_than_a_page_of_rules_goes(seven: Mask) -> None:
    rules = np.zeros_like(seven)
    rules[3::7] = True
    ink = np.where(seven, 200.0, np.where(rules, 90.0, 0.0))
    found = remove_rules(seven | rules, ink)
    assert np.count_nonzero(rules.all(1)) == 14
    assert np.count_nonzero((found & rules)[:, :20].all(1)) == 2


def test_two_marks_of_a_size_are_half_of_the_picture_each() -> None:
    mask = np.zeros((60, 120), np.bool_)
    mask[20:40, 15:20] = mask[20:40, 100:105] = True
    found, share, rival_share = keep_digit(mask, mask)
    assert np.count_nonzero(found) == 100
    assert (share, rival_share) == (0.5, 1.0)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.06])
def test_rules_go_and_strokes_that_cross_them_stay(seven: Mask, upright: bool, slope: float) -> None:
    rules = np.zeros_like(seven)
    for start in (10, 40, 70):
        rows = np.round(start + slope * np.arange(100)).astype(int)
        rules[rows, np.arange(100)] = True
    rules = rules.T if upright else rules
    ink = np.where(seven, 200.0, np.where(rules, 90.0, 0.0))
    found = remove_rules(seven | rules, ink)
    assert np.count_nonzero(found & ~seven) <= 10
    assert np.count_nonzero(seven & ~found) <= 0.12 * np.count_nonzero(seven)


def test_the_bar_of_a_tightly_cut_seven_is_no_rule(seven: Mask) -> None:
    tight = seven[25:80, 30:75][:, :36]
    assert np.array_equal(remove_rules(tight, tight * 200.0), tight)


def test_a_tightly_cut_one_is_no_rule() -> None:
    one = np.zeros((80, 20), np.bool_)
    one[:, 8:12] = True
    assert np.array_equal(remove_rules(one, one * 200.0), one)
