"""Labels and sums are SciPy's; of drawn marks the digit is kept, and specks, frames and neighbors are not."""

import numpy as np
import pytest
from scipy import ndimage

from export.picture import marks as marks_module
from export.picture import rejection
from export.picture.ink import COARSE, GRID
from export.picture.marks import _measure, find_marks, label
from mnist_edge.data.drawing import draw_digit
from tests.export.picture.tracing import Array, Levels, traced

Point = tuple[float, float]

number = traced(label)
find = traced(find_marks)


def labels_of(mask: Array) -> Array:
    """Return the labels of `[COARSE, COARSE]`, whose first cell is made 0."""
    cells = mask.astype(np.float32)
    cells[0, 0] = 0
    labels: Array = number(cells[None, None]).reshape(COARSE, COARSE)
    return labels


def scipys(mask: Array) -> Array:
    """Return SciPy's labels of the same cells, corners connected."""
    cells = mask.copy()
    cells[0, 0] = 0
    labels: Array = ndimage.label(cells, np.ones((3, 3)))[0]
    return labels


def is_finer(labels: Array, others: Array) -> bool:
    """Return whether all cells with the same label have the same other label."""
    return len(np.unique(np.stack([labels.ravel(), others.ravel()]), axis=1).T) == len(np.unique(labels))


def are_same(labels: Array, others: Array) -> bool:
    """Return whether two labelings part the cells in the same way."""
    return is_finer(labels, others) and is_finer(others, labels)


def spiral(gap: int) -> Array:
    """Return a path that winds inwards over `[COARSE, COARSE]`, `gap - 1` cells between its arms."""
    mask, row, column, turns = np.zeros((COARSE, COARSE), bool), 1, 0, 0
    mask[row, column] = True
    while True:
        steps, (down, right) = 0, [(0, 1), (1, 0), (0, -1), (-1, 0)][turns % 4]
        while 0 <= row + down < COARSE and 0 <= column + right < COARSE:
            ahead = [(row + down * step, column + right * step) for step in range(1, gap + 1)]
            if any(mask[cell] for cell in ahead if max(cell) < COARSE):
                break
            row, column, steps = row + down, column + right, steps + 1
            mask[row, column] = True
        if steps < 2:
            return mask
        turns += 1


@pytest.mark.parametrize("percent", [0, 2, 10, 20, 30, 35, 40, 45, 50, 60, 80, 100])
def test_labels_part_random_cells_as_scipy_does(percent: int) -> None:
    for seed in range(20):
        mask = np.random.default_rng(seed).random((COARSE, COARSE)) < percent / 100
        labels = labels_of(mask)
        assert are_same(labels, scipys(mask))
        marked = labels[labels > 0]
        assert np.array_equal(labels.ravel()[marked], marked)  # a label is a cell of its mark


@pytest.mark.parametrize("digit", range(10))
def test_labels_part_drawn_digits_as_scipy_does(digit: int) -> None:
    for seed in range(5):
        ink = draw_digit(digit, np.random.default_rng(seed), COARSE, scale=0.45) > 60
        assert are_same(labels_of(ink), scipys(ink))


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize(("gap", "parts"), [(6, 1), (4, 1), (3, 2), (2, 3)])
def test_only_a_dense_spiral_stays_in_parts(gap: int, parts: int, turn: int) -> None:
    mask = np.rot90(spiral(gap), turn)
    labels, expected = labels_of(mask), scipys(mask)
    assert expected.max() == 1
    assert is_finer(labels, expected)  # parts of one mark, never of two
    assert len(np.unique(labels[labels > 0])) <= parts


def test_labels_touch_at_corners_but_not_over_a_gap() -> None:
    mask = np.zeros((COARSE, COARSE), bool)
    mask[[3, 4, 5], [3, 4, 5]] = mask[7, 5] = True
    labels = labels_of(mask)
    assert labels[3, 3] == labels[4, 4] == labels[5, 5] != labels[7, 5]
    assert not are_same(labels, ndimage.label(mask)[0])  # which connects sides only


def test_marks_are_measured_as_by_numpy() -> None:
    generator = np.random.default_rng(0)
    weight = (generator.uniform(0, 255, (COARSE, COARSE)) * (generator.random((COARSE, COARSE)) < 0.2)).astype(
        np.float32
    )
    weight[0, 0] = 0
    labels = labels_of(weight > 0)
    of_marks, mass, near, center, variance = traced(_measure)(labels.ravel(), weight.ravel())
    names = [np.unique(labels.ravel()[of_mark == 1]).item() for of_mark in of_marks]
    assert len(set(names)) == marks_module._COUNT < len(np.unique(labels))
    cells = np.indices((COARSE, COARSE)) + 0.5
    nearness = np.prod(1 - (cells / (COARSE / 2) - 1) ** 2, axis=0)  # 1 in the middle, 0 at the edges
    near_ink = ndimage.sum_labels(weight * nearness, labels, np.unique(labels))
    assert set(names) == set(np.unique(labels)[np.argsort(near_ink)[-len(names) :]])
    for number, name in enumerate(names):
        assert np.array_equal(of_marks[number], labels.ravel() == name)
        of_mark = weight * (labels == name)
        assert mass[0, number] == pytest.approx(of_mark.sum(), rel=1e-4)
        assert near[0, number] == pytest.approx(np.average(nearness, weights=of_mark), rel=1e-4)
        means = [np.average(axis, weights=of_mark) for axis in cells]
        squares = [np.average((axis - mean) ** 2, weights=of_mark) for axis, mean in zip(cells, means, strict=True)]
        assert center[:, number] == pytest.approx(means, rel=1e-4)
        assert variance[:, number] == pytest.approx(squares, abs=1e-2)
    near_mass = ndimage.sum_labels(weight * nearness, labels, np.arange(1, labels.max() + 1))
    assert set(names) == set(np.argsort(near_mass)[-len(names) :] + 1)


def line(start: Point, stop: Point, width: float = 4, level: float = 200) -> Levels:
    """Return a stroke with round ends on `[GRID, GRID]`, from row and column to row and column."""
    cells = np.indices((GRID, GRID)).transpose(1, 2, 0) + 0.5
    first, along = np.array(start), np.array(stop, float) - start
    share = ((cells - first) @ along / max(along @ along, 1e-9)).clip(0, 1)
    distance = np.linalg.norm(cells - first - share[..., None] * along, axis=2)
    return np.where(distance <= width / 2, level, 0).astype(np.float32)


def digit_at(row: int, column: int, size: int, digit: int = 3) -> Levels:
    """Return a drawn digit whose square of `size` begins at a row and a column of `[GRID, GRID]`."""
    plane = np.zeros((GRID, GRID), np.float32)
    ink = draw_digit(digit, np.random.default_rng(digit), size, scale=0.45)
    plane[row : row + size, column : column + size] = ink
    return plane


def coarse(strokes: Levels) -> Array:
    """Return in which of `[COARSE, COARSE]` cells strokes are."""
    return np.asarray(strokes.reshape(COARSE, 2, COARSE, 2).any(axis=(1, 3)))


MIDDLE = (16, 16, 32)
FRAME = sum(
    line(*ends, width=2) for ends in [((4, 4), (4, 60)), ((4, 60), (60, 60)), ((60, 60), (60, 4)), ((60, 4), (4, 4))]
)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(
    "place", [MIDDLE, (0, 0, 20), (0, 44, 20), (44, 0, 20), (40, 40, 24), (0, 0, 64), (44, 22, 20)]
)
def test_a_lone_digit_is_kept_wherever_it_lies(place: tuple[int, int, int], digit: int) -> None:
    strokes = digit_at(*place, digit=digit)
    marks = find(strokes[None, None])
    assert np.array_equal(marks.kept[0, 0] > 0, coarse(strokes))
    ((rows, columns),) = ndimage.find_objects((strokes > 0).astype(int))
    assert marks.ends.tolist() == [[GRID - rows.start, GRID - columns.start], [rows.stop, columns.stop]]
    assert marks.rival == 0
    assert marks.main_share == pytest.approx(1)


OTHERS = {
    "specks": line((8, 8), (8, 8), 3) + line((50, 12), (50, 12), 3) + line((30, 52), (30, 52), 2),
    "a speck beside the digit": line((30, 50), (30, 50), 3),
    "a frame": FRAME,
    "a rule far below": line((62, 2), (62, 62), 2),
    "another digit in the corner": digit_at(0, 0, 14, digit=7),
}
IN_TWO_STROKES = {
    "a 5 with a bar": [((22, 24), (30, 24)), ((30, 24), (40, 40)), ((40, 40), (46, 24)), ((16, 26), (16, 42))],
    "a 4 with a stem": [((14, 28), (34, 20)), ((34, 20), (34, 34)), ((18, 40), (50, 40))],
    "a 7 with a loose dash": [((14, 20), (14, 44)), ((14, 44), (50, 28)), ((34, 16), (34, 25))],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_part_of_the_digit_is_dropped(other: Levels) -> None:
    strokes = digit_at(*MIDDLE)
    assert not (coarse(strokes) & coarse(other)).any()
    marks = find(np.maximum(strokes, other)[None, None])
    assert np.array_equal(marks.kept[0, 0] > 0, coarse(strokes))


@pytest.mark.parametrize("strokes", IN_TWO_STROKES.values(), ids=IN_TWO_STROKES.keys())
def test_further_strokes_of_a_digit_are_kept(strokes: list[tuple[Point, Point]]) -> None:
    digit = np.maximum.reduce([line(*ends) for ends in strokes])
    assert scipys(coarse(digit)).max() == 2
    assert np.array_equal(find(digit[None, None]).kept[0, 0] > 0, coarse(digit))


@pytest.mark.parametrize(("gap", "is_kept"), [(6, True), (8, False), (16, False)])
def test_a_stem_is_kept_or_a_rival(gap: int, is_kept: bool) -> None:
    bowl = [((10, 26), (10, 38)), ((10, 26), (20, 26)), ((20, 26), (20, 38)), ((10, 38), (20, 38))]
    nine = np.maximum.reduce([line(*ends) for ends in [*bowl, ((20 + gap, 38), (60, 38))]])
    marks = find(nine[None, None])
    assert np.array_equal(marks.kept[0, 0] > 0, coarse(nine)) == is_kept
    assert (marks.rival == 0) if is_kept else (marks.rival > rejection._RIVAL[1])


def test_the_more_central_of_two_equal_marks_is_kept() -> None:
    central, other = digit_at(20, 20, 24), digit_at(0, 0, 24)
    marks = find(np.maximum(central, np.where(coarse(central).repeat(2, 0).repeat(2, 1), 0, other))[None, None])
    assert np.array_equal(marks.kept[0, 0] > 0, coarse(central))
    assert 0 < marks.rival < 1


@pytest.mark.parametrize(("gap", "is_rival"), [(4, False), (24, True)])
def test_a_second_mark_is_a_stroke_or_a_rival(gap: int, is_rival: bool) -> None:
    strokes = np.maximum(line((14, 30 - gap / 2), (50, 30 - gap / 2)), line((14, 34 + gap / 2), (50, 34 + gap / 2)))
    marks = find(strokes[None, None])
    assert (marks.rival > 0.5) == is_rival
    assert marks.main_share == pytest.approx(1 if is_rival else 0.5, abs=0.01)


@pytest.mark.parametrize(
    ("strokes", "share", "thickness"),
    [
        (line((0, 0), (0, 64)), 31 / 124, 2),  # the first cell is never ink
        (line((2, 0), (2, 64)), 33 / 124, 4),
        (line((0, 0), (64, 0), 12), 35 / 124, 6),
        (line((32, 0), (32, 40)), 2 / 124, 4),
        (line((32, 10), (32, 50)), 0, 4),
        (digit_at(*MIDDLE), 0, 20),
    ],
)
def test_border_share_is_of_the_outermost_cells(strokes: Levels, share: float, thickness: int) -> None:
    marks = find(strokes[None, None])
    covered = coarse(strokes)
    covered[0, 0] = covered[1:-1, 1:-1] = False
    assert marks.border_share == pytest.approx(covered.sum() / (4 * COARSE - 4), abs=1e-5)
    assert marks.border_share == pytest.approx(share, abs=1e-5)
    assert marks.thickness == thickness


def test_no_strokes_make_no_mark() -> None:
    marks = find(np.zeros((1, 1, GRID, GRID), np.float32))
    assert not marks.kept.any()
    assert all(np.isfinite(value).all() for value in marks)
