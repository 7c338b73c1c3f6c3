"""Growth is SciPy's, widths are those of drawn lines, the box is Pillow's, and MNIST's images pass unchanged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from PIL import Image
from scipy import ndimage
from skimage.morphology import medial_axis

from export.parity import open_session
from export.picture import digit as digit_module
from export.picture.digit import (
    BOX_SIZE,
    DIGIT_GRID,
    SIZE,
    Digit,
    _interpolate,
    box,
    grow,
    own_pixels,
    set_stroke_width,
    stroke_width,
    to_box,
)
from export.picture.ink import COARSE, find_ink, project
from export.picture.operators import OpBuilder, Value
from mnist_edge.data.drawing import Pixels, draw_digit
from mnist_edge.data.mnist import Split
from tests.export import reading
from tests.export.picture.tracing import Array, Levels, traced, whole_view

Point = tuple[float, float]
LINES = [((24, 7), (24, 41)), ((7, 24), (41, 24)), ((7, 7), (41, 41)), ((41, 7), (7, 41)), ((7, 17), (41, 31))]

run_grow = traced(grow)
width_of = traced(stroke_width)
set_width = traced(set_stroke_width)
box_of = traced(box)


def _fit(op: OpBuilder, plane: Value) -> Value:
    first, last = box(op, plane)
    return to_box(op, Digit(plane, first, last, stroke_width=first, too_wide=first))  # neither of which is used


run_fit = traced(_fit)


def fit(plane: Levels) -> Array:
    """Return what the graph makes of a digit's plane `[1, 1, DIGIT_GRID, DIGIT_GRID]`: `[28, 28]`."""
    return np.asarray(run_fit(plane)[0, 0])


def grow_by(plane: Levels, cells: float) -> Levels:
    """Return what the graph makes of growing `[1, 1, DIGIT_GRID, DIGIT_GRID]`, without its first two axes."""
    return np.asarray(run_grow(plane, np.array([cells], np.float32))[0, 0])


def line(start: Point, stop: Point, width: float) -> Levels:
    """Return a smooth-edged stroke with round ends on the digit's grid, `[1, 1, DIGIT_GRID, DIGIT_GRID]`."""
    fine = DIGIT_GRID * 8
    cells = (np.indices((fine, fine)).transpose(1, 2, 0) + 0.5) / 8
    along = np.subtract(stop, start)
    share = ((cells - start) @ along / (along @ along)).clip(0, 1)
    inside = np.linalg.norm(cells - start - share[..., None] * along, axis=2) <= width / 2
    levels = 255 * inside.reshape(DIGIT_GRID, 8, DIGIT_GRID, 8).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(levels[None, None], np.float32)


def drawn(digit: int) -> Levels:
    """Return a drawn digit on the digit's grid, `[1, 1, DIGIT_GRID, DIGIT_GRID]`."""
    ink = draw_digit(digit, np.random.default_rng(digit), DIGIT_GRID, scale=0.43)
    return ink[None, None].astype(np.float32)


def medial_width(plane: Levels) -> float:
    """Return twice the mean distance of scikit-image's medial axis from the edges of strokes."""
    axis, distance = medial_axis(plane[0, 0] > 127, return_distance=True, rng=0)
    return float(2 * distance[axis].mean())


def morphed(plane: Levels, cells: int) -> Array:
    """Return SciPy's dilation by a number of cells, or erosion if it is negative."""
    step, outside = (ndimage.grey_dilation, -np.inf) if cells > 0 else (ndimage.grey_erosion, np.inf)
    return np.asarray(step(plane[0, 0], 2 * abs(cells) + 1, mode="constant", cval=outside))


@pytest.mark.parametrize("cells", [-3, -2, -1, 1, 2, 3])
def test_growth_by_whole_cells_is_scipys(cells: int) -> None:
    for plane in (drawn(8), np.random.default_rng(0).uniform(0, 255, (1, 1, DIGIT_GRID, DIGIT_GRID))):
        levels = plane.astype(np.float32)
        assert grow_by(levels, cells) == pytest.approx(morphed(levels, cells), abs=1e-3)
        assert grow_by(levels, -cells) != pytest.approx(morphed(levels, cells), abs=10)


@pytest.mark.parametrize("sign", [1, -1])
def test_growth_by_part_of_a_cell_lies_between(sign: int) -> None:
    plane = drawn(3)
    expected = 0.75 * morphed(plane, 2 * sign) + 0.25 * morphed(plane, 3 * sign)
    assert grow_by(plane, 2.25 * sign) == pytest.approx(expected, abs=1e-3)
    assert np.array_equal(grow_by(plane, 0), plane[0, 0])
    farthest = digit_module._MAX_GROWTH
    assert np.array_equal(grow_by(plane, 9 * sign), morphed(plane, farthest * sign))


@pytest.mark.parametrize("ends", LINES)
@pytest.mark.parametrize("width", [2, 3, 4, 6, 8, 10])
def test_stroke_width_is_that_of_drawn_lines(width: float, ends: tuple[Point, Point]) -> None:
    # Measured: up to 21 % more along the axes, up to 19 % less on the diagonal, where a square window reaches farther.
    assert width_of(line(*ends, width)) == pytest.approx(width, rel=0.22)
    assert width_of(line(*ends, 2 * width)) != pytest.approx(width, rel=0.22)


@pytest.mark.parametrize("digit", range(10))
def test_stroke_width_is_twice_the_medial_axis_distance(digit: int) -> None:
    plane = drawn(digit)
    assert width_of(plane) == pytest.approx(medial_width(plane), rel=0.1)  # measured: 9 % off


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("pen", [1, 2, 5, 9])
def test_strokes_come_into_mnists_range_of_widths(digit: int, pen: int) -> None:
    skeleton = medial_axis(drawn(digit)[0, 0] > 127, rng=0)
    plane = 255 * ndimage.grey_dilation(skeleton.astype(np.float32), (pen, pen))[None, None]
    result = set_width(plane)
    width = result.stroke_width[0]
    rows, columns = np.nonzero(plane[0, 0])
    assert result.too_wide[0] == pytest.approx(np.ptp(columns) + 1 - digit_module._MAX_ASPECT * (np.ptp(rows) + 1))
    pixel = max(np.ptp(rows) + 1, np.ptp(columns) + 1) / BOX_SIZE
    assert width == pytest.approx(width_of(plane) / pixel, rel=1e-3)
    least, most = digit_module._MIN_STROKE_WIDTH, digit_module._MAX_STROKE_WIDTH
    aim = np.clip(width, least, most)
    moved = (aim - width) / 2 * pixel
    assert result.first[:, 0] == pytest.approx([rows.min() - moved, columns.min() - moved], abs=1e-3)
    assert result.last[:, 0] == pytest.approx([rows.max() + 1 + moved, columns.max() + 1 + moved], abs=1e-3)
    if least < width < most:
        assert result.plane == pytest.approx(plane, abs=0.1)
    else:
        assert abs(width_of(result.plane) / pixel - aim) < 0.7 * abs(width - aim)


@pytest.mark.parametrize("digit", range(10))
def test_the_box_is_scipys_of_strong_cells(digit: int) -> None:
    plane = np.maximum(drawn(digit), 0.3 * 255)  # all around it is fainter
    ((rows, columns),) = ndimage.find_objects((plane[0, 0] >= 0.36 * 255).astype(int))
    first, last = box_of(plane.astype(np.float32))
    assert first[:, 0].tolist() == [rows.start, columns.start]
    assert last[:, 0].tolist() == [rows.stop, columns.stop]


@pytest.mark.parametrize("step", [0.05, 0.3, 0.7])
def test_planes_are_interpolated_as_by_scipy(step: float) -> None:
    planes = np.random.default_rng(0).uniform(0, 255, (1, 2, COARSE, COARSE)).astype(np.float32)
    positions = (np.array([[-1.0], [3.2]]) + step * np.arange(DIGIT_GRID)).astype(np.float32)
    ours = traced(_interpolate)(planes, positions)
    at = np.meshgrid(*(positions - 0.5), indexing="ij")
    for plane, values in zip(planes[0], ours[0], strict=True):
        assert values == pytest.approx(ndimage.map_coordinates(plane, at, order=1, mode="nearest"), abs=2e-2)
        assert values != pytest.approx(ndimage.map_coordinates(plane, at, order=0, mode="nearest"), abs=10)


@pytest.mark.parametrize(("height", "width", "size"), [(64, 64, 40), (480, 640, 300), (500, 200, 90), (97, 191, 30)])
def test_the_digit_is_pillows_part_of_the_picture(prepare_onnx: ModelProto, height: int, width: int, size: int) -> None:
    session = open_session(prepare_onnx)
    for digit in range(10):
        share = reading.draw_digit(digit, size, size / 9, (height, width))
        plane = session.run(["step.strokes"], {"picture": reading.paint(share)})[0][0, 0] / 255
        (rows, columns), shown = (ndimage.find_objects((ink > 0.5).astype(int))[0] for ink in (plane, share))
        shape = rows.stop - rows.start, columns.stop - columns.start
        assert 28 <= max(shape) <= DIGIT_GRID - 2 * digit_module._MARGIN
        ink = Image.fromarray((255 * share[shown]).astype(np.uint8))
        expected = np.asarray(ink.resize(shape[::-1], Image.Resampling.BILINEAR))
        # Measured: at least 0.86, and mirrored at most 0.63.
        assert np.corrcoef(plane[rows, columns].ravel(), expected.ravel())[0, 1] > 0.85
        assert np.corrcoef(plane[rows, columns].ravel(), expected[:, ::-1].ravel())[0, 1] < 0.65


@pytest.mark.parametrize("digit", range(10))
def test_the_box_is_pillows_smaller_image(digit: int) -> None:
    plane = drawn(digit)[0, 0]
    ((rows, columns),) = ndimage.find_objects((plane >= 0.36 * 255).astype(int))
    image = Image.fromarray(plane[rows, columns].astype(np.uint8))
    scale = BOX_SIZE / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    assert max(size) == BOX_SIZE

    def difference(method: Image.Resampling, turned: bool = False) -> float:
        small = np.asarray(image.resize(size, method), np.float64)[:: -1 if turned else 1]
        padded = np.pad(small, SIZE)
        ours = fit(plane[None, None])
        places = np.ndindex(SIZE + size[1], SIZE + size[0])
        windows = (padded[row : row + SIZE, column : column + SIZE] for row, column in places)
        return min(float(np.abs(window - ours).mean()) for window in windows)

    assert difference(Image.Resampling.BILINEAR) < 5.5  # measured: 2.6 to 5.3 levels
    assert difference(Image.Resampling.BILINEAR, turned=True) > 5.5


@pytest.mark.parametrize("digit", range(10))
def test_the_center_of_mass_comes_to_the_middle(digit: int) -> None:
    for plane in (drawn(digit), drawn(digit)[..., ::-1], np.roll(drawn(digit), 3, axis=3)):
        center = np.array(ndimage.center_of_mass(fit(plane))) + 0.5
        assert np.abs(center - (SIZE / 2 + 0.5)).max() < 0.55  # half a pixel, and what rounding levels adds


def test_a_lopsided_digit_stays_inside() -> None:
    plane = np.zeros((1, 1, DIGIT_GRID, DIGIT_GRID), np.float32)
    plane[..., 4:44, 20:22] = 255
    plane[..., 39:44, 8:34] = 255
    pixels = fit(plane)
    rows = np.flatnonzero((pixels > 60).any(axis=1))
    assert (rows[0], rows[-1]) == (0, BOX_SIZE - 1)
    scale = (40 / BOX_SIZE) ** 2
    assert pixels.sum() == pytest.approx(plane.sum() / scale, rel=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (40, 40)])
def test_the_longer_side_of_any_box_is_twenty_pixels(shape: tuple[int, int]) -> None:
    plane = np.zeros((1, 1, DIGIT_GRID, DIGIT_GRID), np.float32)
    plane[..., 4 : 4 + shape[0], 4 : 4 + shape[1]] = 255
    pixels = fit(plane)
    assert np.array_equal(pixels, np.rint(pixels))
    rows, columns = np.nonzero(pixels > pixels.max() / 2)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == BOX_SIZE
    assert not fit(np.zeros_like(plane)).any()


def _own(op: OpBuilder, picture: Value) -> Any:
    view = whole_view(op, picture)
    return own_pixels(op, picture, project(op, find_ink(op, view), view.planes))


own = traced(_own)
KINDS: dict[str, Callable[[Pixels], Pixels]] = {
    "grey": lambda image: image[..., None],
    "negative": lambda image: 255 - image[..., None],
    "rgb": lambda image: np.repeat(image[..., None], 3, axis=2),
    "opaque": lambda image: np.stack([image, image, image, np.full_like(image, 255)], axis=2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_mnist_images_are_native_and_unchanged(mnist_test: Split, mnist_train: Split, kind: str) -> None:
    step = 1 if kind == "grey" else 20
    for split in (mnist_test, mnist_train):
        for image in split.images[::step]:
            pixels, is_native = own(KINDS[kind](image))
            assert is_native
            assert np.array_equal(pixels[0, 0], image)


def native() -> Pixels:
    """Draw a digit in MNIST's form: 20 rows of ink, its center of mass within half a pixel of the middle."""
    ink = draw_digit(6, np.random.default_rng(1), BOX_SIZE, scale=0.5)
    row, column = np.rint(SIZE / 2 - np.array(ndimage.center_of_mass(ink))).astype(int)
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    pixels[row : row + BOX_SIZE, column : column + BOX_SIZE] = ink
    return pixels


NOT_NATIVE = {
    "off center": np.roll(native(), 2, axis=1),
    "too high": np.roll(native(), -2, axis=0),
    "a row more": np.pad(native(), ((0, 1), (0, 0))),
    "a column more": np.pad(native(), ((0, 0), (0, 1))),
    "doubled": native().repeat(2, 0).repeat(2, 1),
    "a grey border": np.maximum(native(), np.pad(np.zeros((26, 26), np.uint8), 1, constant_values=60)),
    "faint": (native() * 0.7).astype(np.uint8),
    "smaller": np.pad(np.asarray(Image.fromarray(native()).resize((22, 22))), 3),
    "blank": np.zeros((28, 28), np.uint8),
    "a photograph": np.linspace(0, 255, 784).reshape(28, 28).astype(np.uint8),
}


def test_a_digit_drawn_in_mnists_form_is_native() -> None:
    assert own(native()[..., None])[1]


@pytest.mark.parametrize("picture", NOT_NATIVE.values(), ids=NOT_NATIVE.keys())
def test_pictures_in_another_form_are_not_native(picture: Pixels) -> None:
    assert not own(picture[..., None])[1]
    assert not own(255 - picture[..., None])[1]
