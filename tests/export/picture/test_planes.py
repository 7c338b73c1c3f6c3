"""Views are NumPy's and Pillow's block means; transparency is laid on paper as Pillow does it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from export.picture.operators import OpBuilder, Value, as_float
from export.picture.planes import inverted_columns, lay_on_paper, look
from mnist_edge.data.drawing import Pixels, draw_digit
from tests.export.picture.tracing import MAX_CELLS, Levels, model_of, traced, whole_view

SHAPES = [(1, 1), (1, 50), (50, 1), (28, 28), (96, 96), (97, 64), (480, 640), (4096, 3), (3, 4096)]


def random_picture(*shape: int) -> Pixels:
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


look_at_all = traced(whole_view)
look_at = traced(lambda op, picture, inverted, start, size: look(op, picture, inverted, start, size, MAX_CELLS))
run_lay = traced(lay_on_paper)
columns_to_invert = traced(lambda op, picture: inverted_columns(op, picture, op.Shape(picture, start=0, end=1)))


def lay(picture: Pixels) -> Pixels:
    """Return the rows that count of a picture that is laid on paper."""
    return np.asarray(run_lay(picture)[: len(picture)])


def nothing(picture: Pixels) -> Levels:
    """Return that no column is to be inverted."""
    return np.zeros((picture.shape[1], 1, 1), np.float32)


def block_means(picture: Pixels, block: tuple[int, int]) -> Levels:
    """Return NumPy's means of whole blocks in the middle of `[H, W, C]`: `[1, C, H // block, W // block]`."""
    cells = [picture.shape[axis] // block[axis] for axis in range(2)]
    top, left = (picture.shape[axis] % block[axis] // 2 for axis in range(2))
    whole = picture[top : top + cells[0] * block[0], left : left + cells[1] * block[1]].astype(np.float64)
    means: Levels = whole.reshape(cells[0], block[0], cells[1], block[1], -1).mean(axis=(1, 3), dtype=np.float32)
    return np.moveaxis(means, 2, 0)[None]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_has_the_means_of_whole_blocks(shape: tuple[int, int], channels: int) -> None:
    picture = random_picture(*shape, channels)
    view = look_at_all(picture, nothing(picture))
    side = -(-max(shape) // MAX_CELLS)  # the smallest block with which no side has more cells
    block = tuple(min(side, length) for length in shape)
    assert view.planes == pytest.approx(block_means(picture, (block[0], block[1])), abs=2e-3)
    assert view.planes.shape[:2] == (1, channels)
    assert max(view.planes.shape) <= MAX_CELLS
    assert view.start.tolist() == [length % each // 2 for length, each in zip(shape, block, strict=True)]
    assert view.pixels.tolist() == [cells * side for cells, side in zip(view.planes.shape[2:], block, strict=True)]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_view_is_pillows_reduced_image(mode: str) -> None:
    image = Image.fromarray(random_picture(7 * 69, 7 * 96, 3)).convert(mode)
    picture, reduced = (np.asarray(each).reshape(each.height, each.width, -1) for each in (image, image.reduce(7)))
    view = look_at_all(picture, nothing(picture))
    assert np.moveaxis(view.planes[0], 0, 2) == pytest.approx(reduced, abs=0.52)  # Pillow rounds, up to 0.51 away
    negative = look_at_all(255 - picture, nothing(picture))
    assert np.moveaxis(negative.planes[0], 0, 2) != pytest.approx(reduced, abs=5)


@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0), (480, 640)), ((17, 300), (18, 301)), ((100, 7), (300, 640)), ((479, 0), (480, 640))]
)
def test_a_view_of_a_part_is_that_of_its_pixels(start: tuple[int, int], stop: tuple[int, int]) -> None:
    picture = random_picture(480, 640, 3)
    part = picture[start[0] : stop[0], start[1] : stop[1]]
    view = look_at(picture, nothing(picture), np.array(start), np.subtract(stop, start))
    of_part = look_at_all(part, nothing(part))
    expected = of_part._replace(start=of_part.start + start)
    for ours, value in zip(view, expected, strict=True):
        assert ours == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("side", [97, 100, 191, 300, 500])
def test_rows_that_fill_no_block_are_left_out_at_both_ends(side: int) -> None:
    turned, picture = (random_picture(side, side, 1)[::step, ::step] for step in (-1, 1))
    view, of_turned = (look_at_all(each, nothing(each)) for each in (picture, turned))
    left_out = [view.start, side - view.start - view.pixels]
    assert np.ptp(left_out, axis=0).max() <= 1  # as many at the end as at the start, or one more
    assert 2 * max(map(max, left_out)) <= view.pixels[0] / view.planes.shape[2]
    if np.ptp(left_out) == 0:
        assert view.planes[..., ::-1, ::-1] == pytest.approx(of_turned.planes, abs=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("start", [0, 9])
def test_inverted_columns_are_seen_inverted(channels: int, start: int) -> None:
    picture = random_picture(30, 40, channels)
    inverted = np.where(np.arange(40) % 3 == 0, 255, 0)
    expected = np.abs(picture.astype(int) - inverted[:, None]).astype(np.uint8)[start:, start:]
    size = np.array([30 - start, 40 - start])
    view = look_at(picture, inverted.astype(np.float32)[:, None, None], np.array([start, start]), size)
    assert view.planes == pytest.approx(block_means(expected, (1, 1)), abs=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_opaque_pictures_stay_as_they_are(shape: tuple[int, int], channels: int) -> None:
    picture = random_picture(*shape, channels)
    assert lay(picture).tobytes() == picture.tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_an_opaque_alpha_channel_changes_no_color(shape: tuple[int, int]) -> None:
    picture = random_picture(*shape, 4)
    picture[..., 3] = 255
    picture[0, 0, :3] = 0  # something shows on white
    assert np.array_equal(lay(picture)[..., :3], picture[..., :3])


def on(picture: Pixels, level: int) -> Pixels:
    """Lay RGBA on a level of grey as Pillow does."""
    paper = Image.new("RGBA", (picture.shape[1], picture.shape[0]), (level, level, level, 255))
    return np.asarray(Image.alpha_composite(paper, Image.fromarray(picture)).convert("RGB"))


@pytest.mark.parametrize("shape", SHAPES)
def test_transparency_is_laid_on_white_as_by_pillow(shape: tuple[int, int]) -> None:
    picture = random_picture(*shape, 4)
    picture[0, 0] = (0, 0, 0, 255)
    laid = lay(picture)[..., :3].astype(int)
    assert np.abs(laid - on(picture, 255)).max() <= 1
    assert shape == (1, 1) or np.abs(laid - on(picture, 0)).max() > 100


def readers_of_rows(step: Callable[[OpBuilder, Value], Any], tmp_path: Path) -> list[str]:
    """Return the operators that read the picture's first rows in the graph that onnxruntime makes of a step's."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(model_of(step, [random_picture(2, 2, 4)])[0], options, ["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    rows = next(node.output[0] for node in nodes if node.op_type == "Slice" and node.input[0] == "input0")
    return [node.op_type for node in nodes if rows in node.input]


def test_onnxruntime_leaves_colors_in_planes(tmp_path: Path) -> None:
    assert "Transpose" in readers_of_rows(lay_on_paper, tmp_path)

    def simpler(op: OpBuilder, picture: Value) -> Any:
        planes = op.Transpose(op.Slice(picture, [0], op.Shape(picture, start=0, end=1), [0]), perm=[2, 0, 1])
        return op.Transpose(op.Relu(as_float(op, planes)), perm=[1, 2, 0])

    assert "Transpose" not in readers_of_rows(simpler, tmp_path)


@pytest.mark.parametrize("color", [(255, 255, 255), (245, 250, 240)])
def test_bright_ink_on_transparent_is_laid_on_black(color: tuple[int, int, int]) -> None:
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[..., :3] = color
    picture[..., 3] = draw_digit(5, np.random.default_rng(0), 60)
    assert np.abs(lay(picture)[..., :3].astype(int) - on(picture, 0)).max() <= 1


def test_a_little_dark_ink_is_laid_on_white() -> None:
    picture = np.full((60, 60, 4), 255, np.uint8)
    picture[..., 3] = 0
    picture[5, 5] = (100, 100, 100, 255)
    assert np.array_equal(lay(picture)[..., :3], on(picture, 255))


def split_background(left: int, right: int) -> Pixels:
    """Return a digit on paper whose left half has one level and whose right half another, each with clear ink."""
    ink = draw_digit(8, np.random.default_rng(0), 64)[..., None] > 127
    paper = np.where(np.arange(64) < 32, left, right)[None, :, None]
    return np.where(ink, 255 - paper, paper).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_bright_columns_are_inverted_beside_dark_ones(channels: int) -> None:
    picture = np.repeat(split_background(240, 10), channels, axis=2)
    picture[..., 3:] = 255  # alpha
    inverted = columns_to_invert(picture)
    assert inverted[:, 0, 0].tolist() == [255] * 32 + [0] * 32
    view = look_at_all(picture, inverted)
    ink = draw_digit(8, np.random.default_rng(0), 64) > 127
    assert np.array_equal(view.planes[0, 0] > 127, ink)


@pytest.mark.parametrize(("left", "right"), [(240, 120), (130, 10), (180, 75)])
def test_nothing_is_inverted_beside_a_grey_background(left: int, right: int) -> None:
    assert not columns_to_invert(split_background(left, right)).any()


@pytest.mark.parametrize(("paper", "expected"), [(250, 255), (5, 0), (128, 0)])
def test_an_even_background_is_inverted_whole_or_not(paper: int, expected: int) -> None:
    assert columns_to_invert(split_background(paper, paper))[:, 0, 0].tolist() == [expected] * 64
