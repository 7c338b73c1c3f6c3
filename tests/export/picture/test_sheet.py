"""Sheets on a table and canvases on a page are found by their outline, and a digit on them is read."""

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw
from scipy import ndimage

from export.picture.ink import COARSE, _fill
from export.picture.sheet import _RECTANGULARITY, _area_and_rectangularity, find_surroundings
from mnist_edge.data.drawing import Pixels, to_uint8
from tests.export import reading
from tests.export.picture.tracing import Array, Levels, traced
from tests.export.reading import ALL_DIGITS, BLACK, WHITE, Line, Share, answer, crop, draw_digit, fails, paint

Point = tuple[float, float]
Outline = list[Point]

run_find = traced(lambda op, levels: find_surroundings(op, levels, COARSE))
run_measure = traced(lambda op, inside: _area_and_rectangularity(op, inside, COARSE))
fill = traced(lambda op, planes, sheet: _fill(op, planes, op.Sub(1.0, sheet), sheet))


def find(levels: Levels) -> Array:
    """Return 1 for the cells of `[COARSE, COARSE]` on a sheet, 1 everywhere if there is none."""
    return np.asarray(1 - run_find(levels[None, None])[0, 0])


def measure(inside: Levels) -> float:
    """Return the rectangularity of a shape's cells, and check its area."""
    area, rectangularity = run_measure(inside[None, None])
    assert area == inside.sum()
    return float(rectangularity[0])


def rectangle(width: float, height: float, degrees: float = 0, middle: Point = (16, 16)) -> Outline:
    """Return the corners `(x, y)` of a rectangle that is turned around its middle."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(x * width / 2, y * height / 2) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return [(middle[0] + cosine * x - sine * y, middle[1] + sine * x + cosine * y) for x, y in corners]


def cover(outline: Outline, shape: tuple[int, int] = (COARSE, COARSE)) -> Share:
    """Return how much of each cell of `[H, W]` a polygon covers, 0 to 1."""
    samples = 512 // max(shape) or 1
    image = Image.new("L", (shape[1] * samples, shape[0] * samples))
    ImageDraw.Draw(image).polygon([(samples * x, samples * y) for x, y in outline], fill=255)
    return np.asarray(image.reduce(samples)) / 255


def lay(sheet: Share, drawn: Share, table: ArrayLike, paper: ArrayLike, ink: ArrayLike) -> Share:
    """Return levels or colors of ink on a sheet on a table, from how much of each pixel is covered by either."""
    on_sheet = np.asarray(paper) * (1 - drawn[..., None]) + np.asarray(ink) * drawn[..., None]
    laid: Share = np.asarray(table) * (1 - sheet[..., None]) + on_sheet * sheet[..., None]
    return laid


def scene(outline: Outline, digit: int = 3, middle: Point = (16, 16), height: float = 11, pen: float = 1.5) -> Levels:
    """Return the levels of a digit on a bright sheet on a dark table, `[COARSE, COARSE]`."""
    ink = draw_digit(digit, height, pen, (COARSE, COARSE), middle)
    return lay(cover(outline), ink, 40, 240, 30)[..., 0].astype(np.float32)


def seen_from_the_border(levels: Levels) -> Array:
    """Return NumPy's answer to which cells differ from the border, or have such cells on all four sides of them."""
    border = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]]).mean()
    difference = levels - border if (levels - border).sum() > 0 else border - levels
    differs = difference > difference.max() / 2
    sides = [np.rot90(np.maximum.accumulate(np.rot90(differs, turn)), -turn) for turn in range(4)]
    return np.asarray(np.logical_and.reduce(sides))


PLACES = [
    (20, 20, 0, (16, 16)),
    (15, 22, 0, (10, 14)),
    (24, 16, 0, (18, 20)),
    (18, 18, 8, (15, 17)),
    (14, 20, 20, (16, 16)),
    (20, 20, 45, (16, 16)),
    (29, 29, 0, (16, 16)),
]


@pytest.mark.parametrize("inverted", [False, True], ids=["bright sheet", "dark sheet"])
@pytest.mark.parametrize(("width", "height", "degrees", "middle"), PLACES)
def test_the_cells_of_a_sheet_are_found(
    width: float, height: float, degrees: float, middle: Point, inverted: bool
) -> None:
    outline = rectangle(width, height, degrees, middle)
    for digit in range(10):
        levels = scene(outline, digit, middle)
        sheet = find(255 - levels if inverted else levels)
        inside = seen_from_the_border(levels)
        assert (ndimage.binary_fill_holes(cover(outline) > 0.5) == inside).mean() > 0.99
        assert np.array_equal(sheet, ndimage.binary_erosion(inside, np.ones((3, 3)), border_value=1))


@pytest.mark.parametrize("inverted", [False, True], ids=["bright sheet", "dark sheet"])
def test_shading_and_noise_do_not_hide_a_sheet(inverted: bool) -> None:
    generator, light = np.random.default_rng(0), np.linspace(0.75, 1, COARSE)
    for digit in range(10):
        levels = scene(rectangle(20, 22, 5), digit) * light + generator.normal(0, 4, (COARSE, COARSE))
        sheet = find((255 - levels if inverted else levels).astype(np.float32))
        assert 300 < sheet.sum() < 400


def bold(digit: int, height: float = 22, pen: float = 5, middle: Point = (16, 16)) -> Levels:
    """Return a digit that is drawn with a wide pen, dark on bright."""
    return 230 - 200 * draw_digit(digit, height, pen, (COARSE, COARSE), middle).astype(np.float32)


def cropped(digit: int, pen: float, margin: int) -> Levels:
    """Return a digit that fills the picture up to a margin in pixels of about 120."""
    share = np.pad(crop(draw_digit(digit, 100, pen, (200, 200))), margin).astype(np.float32)
    return 230 - 200 * np.asarray(Image.fromarray(share).resize((COARSE, COARSE), Image.Resampling.BOX))


ROWS, COLUMNS = np.indices((COARSE, COARSE)) + 0.5
SHEET = rectangle(20, 20)
NO_SHEETS: dict[str, Array] = {
    "blank": np.full((COARSE, COARSE), 200),
    "noise": np.random.default_rng(0).uniform(0, 255, (COARSE, COARSE)),
    "a page without a sheet": bold(3, 14, 1.5),
    "a disk with a digit": np.where(np.hypot(ROWS - 16, COLUMNS - 16) < 11, scene(SHEET), 40),
    "an empty sheet": np.where(cover(SHEET) > 0.5, 240, 40),
    "a sheet with a blot": np.where(cover(rectangle(8, 8)) > 0.5, 40, scene(SHEET)),
    "a sheet that is covered with ink": scene(rectangle(15, 15), 8, height=12.5, pen=2.5),
    "a small sheet": scene(rectangle(9, 9), height=5, pen=1),
    "a shadow of half of the picture": bold(3, 14, 1.5) * np.where(COLUMNS < 16, 0.4, 1),
    "a shadow of a corner": bold(3, 14, 1.5) * np.where(ROWS + COLUMNS < 32, 0.4, 1),
    "a sheet that is cut off": np.roll(scene(SHEET), 8, axis=1),
    "a triangle with a digit": scene([(16, 1), (31, 31), (1, 31)], middle=(16, 22), height=8),
    "an L with a digit": np.where((ROWS < 14) & (COLUMNS > 14), 40, scene(rectangle(24, 24), middle=(16, 21))),
}


@pytest.mark.parametrize("name", NO_SHEETS)
def test_what_is_no_sheet_leaves_the_picture_whole(name: str) -> None:
    levels = NO_SHEETS[name].astype(np.float32)
    assert (find(levels) == 1).all()
    assert (find(255 - levels) == 1).all()
    assert not (find(scene(SHEET)) == 1).all()


@pytest.mark.parametrize("digit", range(10))
def test_a_bold_digit_in_the_middle_is_no_sheet(digit: int) -> None:
    for height in (12, 16, 20, 24, 28):
        for pen in (0.1, 0.13, 0.16, 0.19, 0.22, 0.25):
            assert (find(bold(digit, height, pen * height)) == 1).all()


def test_few_bold_eights_are_taken_for_sheets() -> None:
    heights, pens = range(60, 240, 6), (0.13, 0.16, 0.19)
    drawn = [draw_digit(8, height, pen * height, (320, 320), (163, 156)) for height in heights for pen in pens]
    read = [answer(paint(share)) for share in drawn]
    assert read.count("8") >= 0.97 * len(read)  # the outline of the others is as rectangular as a sheet's


@pytest.mark.parametrize("pen", [4, 10, 20, 30])
def test_a_bold_cropped_digit_is_no_sheet(pen: float) -> None:
    for digit in range(10):
        for margin in (0, 1, 4, 10, 20):
            assert (find(cropped(digit, pen, margin)) == 1).all()


def expected_rectangularity(inside: Array) -> float:
    """Return the area by that of the rectangle whose covariance is NumPy's of the cells."""
    covariance = np.cov(np.argwhere(inside).T, bias=True)
    return float(inside.sum() / (12 * math.sqrt(np.linalg.det(covariance))))


@pytest.mark.parametrize("degrees", range(13))
@pytest.mark.parametrize(("width", "height"), [(20, 20), (26, 18), (20, 14), (16, 24)])
def test_a_turned_rectangle_has_a_rectangularity_of_one(width: float, height: float, degrees: int) -> None:
    inside = cover(rectangle(width, height, degrees, (15.7, 16.4))) > 0.5
    ours = measure(inside.astype(np.float32))
    assert ours == pytest.approx(expected_rectangularity(inside), rel=1e-4)
    assert _RECTANGULARITY[0] < ours < _RECTANGULARITY[1]


def ellipse(height: float, width: float) -> Array:
    return np.asarray(np.hypot((ROWS - 16) / height, (COLUMNS - 16) / width) < 1)


SHAPES: dict[str, tuple[Array, float]] = {
    "an upright rectangle": (cover(rectangle(20, 10)) > 0.5, 200 / math.sqrt(399 * 99)),
    "a slanted rectangle": (cover([(4, 6), (22, 6), (28, 26), (10, 26)]) > 0.5, 1),
    "a circle": (ellipse(12, 12), math.pi / 3),
    "an ellipse": (ellipse(13, 8), math.pi / 3),
    "a right-angled triangle": (cover([(2, 2), (30, 2), (2, 30)]) > 0.5, math.sqrt(3) / 2),
    "two squares at a corner": (np.kron(np.eye(2), np.ones((12, 12)))[:, ::-1], 2 / math.sqrt(7)),
}
"""Shapes and by hand, from the second moments of the ideal shape, their areas by those of rectangles."""


@pytest.mark.parametrize("name", SHAPES)
def test_rectangularity_of_shapes_is_as_by_hand(name: str) -> None:
    shape, expected = SHAPES[name]
    inside = np.zeros((COARSE, COARSE), np.float32)
    inside[: shape.shape[0], : shape.shape[1]] = shape
    assert measure(inside) == pytest.approx(expected, abs=0.005)
    assert measure(inside) == pytest.approx(expected_rectangularity(inside), rel=1e-4)


@pytest.mark.parametrize(("inset", "is_sheet"), [(0.5, True), (2.5, False), (4, False)])
def test_only_a_slight_trapezoid_is_a_sheet(inset: float, is_sheet: bool) -> None:
    outline = [(6 + inset, 6.0), (26 - inset, 6.0), (26, 26.0), (6, 26.0)]
    inside = seen_from_the_border(scene(outline))
    assert measure(inside.astype(np.float32)) == pytest.approx(expected_rectangularity(inside), rel=1e-4)
    assert (_RECTANGULARITY[0] < expected_rectangularity(inside) < _RECTANGULARITY[1]) == is_sheet
    assert (find(scene(outline)).sum() < COARSE**2) == is_sheet


def test_a_bold_eight_is_hardly_less_than_rectangular() -> None:
    inside = seen_from_the_border(bold(8, 22, 4))
    assert measure(inside.astype(np.float32)) == pytest.approx(expected_rectangularity(inside), rel=1e-4)
    assert 0.95 < expected_rectangularity(inside) < 1.05


@pytest.mark.parametrize("planes", [1, 4])
def test_the_mean_of_the_sheet_lies_around_it(planes: int) -> None:
    levels = np.random.default_rng(0).uniform(0, 255, (1, planes, COARSE, COARSE)).astype(np.float32)
    sheet = cover(rectangle(14, 18, 5)) > 0.5
    filled = fill(levels, sheet[None, None].astype(np.float32))
    for ours, plane in zip(filled[0], levels[0], strict=True):
        assert np.array_equal(ours[sheet], plane[sheet])
        assert ours[~sheet] == pytest.approx(np.full((~sheet).sum(), plane[sheet].mean()), abs=1e-2)
    assert np.array_equal(fill(levels, np.ones((1, 1, COARSE, COARSE), np.float32)), levels)


SCENES: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "paper on a dark table": ((70, 50, 40), (240, 238, 230), (30, 40, 90)),
    "a dark canvas on a light page": (WHITE, (30, 30, 30), (245, 245, 245)),
    "a light canvas on a dark page": ((25, 25, 30), WHITE, BLACK),
}


def photograph(digit: int, name: str, degrees: float, pen: float) -> Pixels:
    """Return a digit on a sheet of 150×180 pixels in a picture of 320×240."""
    shape = 240, 320
    sheet = cover(rectangle(150, 180, degrees, (160, 120)), shape)
    return to_uint8(lay(sheet, draw_digit(digit, 80, pen, shape), *SCENES[name]))


THIN = "a line thinner than half a coarse cell is not seen on a sheet, so that the sheet counts as empty"


@pytest.mark.parametrize(
    ("degrees", "pen"), [(0, 7), (0, 13), (4, 7), (4, 13), (12, 7), (12, 13), fails(4, 4, because=THIN)]
)
@pytest.mark.parametrize("name", SCENES)
def test_a_digit_on_a_sheet_is_read(name: str, degrees: float, pen: float) -> None:
    pictures = [photograph(digit, name, degrees, pen) for digit in range(10)]
    assert [answer(picture) for picture in pictures] == ALL_DIGITS
    cut_off = [answer(picture[:, 95:]) for picture in pictures]  # the frame cuts off the left edge of the sheet
    assert sum(read == digit for read, digit in zip(cut_off, ALL_DIGITS, strict=True)) <= 3


def test_a_canvas_among_a_pages_words_is_read() -> None:
    for digit in range(10):
        page = np.repeat(reading.page((480, 480), 14, 3)[..., None], 3, axis=2)
        page[150:400, 120:360] = paint(draw_digit(digit, 130, 12, (250, 240)), WHITE, BLACK)
        assert answer(page) == str(digit)
    lines: list[Line] = []
    page[150:400, 120:360] = paint(reading.draw(lines, 12, (250, 240)), WHITE, BLACK)
    assert not answer(page).isdigit()
