"""Polarity, color, paper and threshold of drawn pictures, whose ink and paper are known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_isodata

from export.picture import ink as ink_module
from export.picture.ink import COARSE, GRID, find_ink, find_paper, project
from export.picture.operators import OpBuilder, Value
from mnist_edge.data.drawing import Pixels, draw_digit, to_uint8
from tests.export.picture.tracing import Array, Levels, traced, whole_view

LUMINANCE = [0.299, 0.587, 0.114]

find = traced(lambda op, picture: find_ink(op, whole_view(op, picture)))
paper_of = traced(find_paper)


def drawn(digit: int, size: int = GRID, seed: int = 0) -> Array:
    """Return how much of each pixel is ink, 0 to 1, `[size, size, 1]`."""
    return draw_digit(digit, np.random.default_rng(seed), size)[..., None] / 255


def painted(share: Array, ink: tuple[float, ...], paper: tuple[float, ...]) -> Pixels:
    """Return ink in one color on paper in another, `[H, W, C]`."""
    return to_uint8(np.array(paper) * (1 - share) + np.array(ink) * share)


def opened_about_plane(levels: Levels) -> Array:
    """Return SciPy's grey opening of what `levels` are above NumPy's plane of least squares, and that plane."""
    rows, columns = np.indices(levels.shape).reshape(2, -1)
    basis = np.stack([np.ones(levels.size), rows, columns], axis=1)
    plane = (basis @ np.linalg.lstsq(basis, levels.ravel().astype(np.float64))[0]).reshape(levels.shape)
    window = ink_module._PAPER_WINDOW
    eroded = ndimage.grey_erosion(levels - plane, window, mode="constant", cval=np.inf)
    opened: Array = ndimage.grey_dilation(eroded, window, mode="constant", cval=-np.inf) + plane
    return opened


def test_paper_on_a_level_picture_is_scipys_opening() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (COARSE // 2, COARSE // 2)).astype(np.float32)
    level = np.block([[plane, plane[:, ::-1]], [plane[::-1], plane[::-1, ::-1]]])  # symmetrical: it slopes nowhere
    eroded = ndimage.grey_erosion(level, ink_module._PAPER_WINDOW, mode="constant", cval=np.inf)
    expected = ndimage.grey_dilation(eroded, ink_module._PAPER_WINDOW, mode="constant", cval=-np.inf)
    assert paper_of(level[None, None])[0, 0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_paper_is_opened_about_the_plane_of_best_fit(seed: int) -> None:
    levels = np.random.default_rng(seed).uniform(0, 255, (COARSE, COARSE)).astype(np.float32)
    levels += np.linspace(0, 200, COARSE, dtype=np.float32)
    assert paper_of(levels[None, None])[0, 0] == pytest.approx(opened_about_plane(levels), abs=1e-2)


@pytest.mark.parametrize("digit", [0, 1, 8])
@pytest.mark.parametrize("rise", [(0, 120), (120, 0), (-60, 90)])
def test_paper_under_strokes_is_the_slope(digit: int, rise: tuple[int, int]) -> None:
    rows, columns = np.indices((COARSE, COARSE)) / COARSE
    slope = 100 + rise[0] * rows + rise[1] * columns
    levels = (slope + 80 * drawn(digit, COARSE)[..., 0]).astype(np.float32)
    paper = paper_of(levels[None, None])[0, 0]
    assert np.abs(paper - slope).max() < 12  # up to 11: strokes tilt the plane of best fit
    plain = ndimage.grey_opening(levels, ink_module._PAPER_WINDOW)
    assert np.abs(plain - slope).max() > 12


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(("paper", "ink"), [(0, 255), (255, 0), (100, 185), (200, 136), (20, 40)])
def test_ink_is_what_is_narrow(digit: int, paper: int, ink: int) -> None:
    share = drawn(digit)
    result = find(painted(share, (ink,), (paper,)))
    assert (result.evidence > 1) if ink > paper else (result.evidence < -1)
    assert result.weights.ravel().tolist() == [1 if ink > paper else -1]
    assert np.corrcoef(result.ink.ravel(), share.ravel())[0, 1] > 0.95
    assert result.ink.max() == pytest.approx(abs(ink - paper), abs=2)


def halves() -> Pixels:
    picture = np.zeros((GRID, GRID, 1), np.uint8)
    picture[:, GRID // 2 :] = 255
    return picture


def checkerboard() -> Pixels:
    rows, columns = np.indices((GRID, GRID)) // 8
    squares: Pixels = ((rows + columns) % 2).astype(np.uint8)[..., None]
    return squares * np.uint8(255)


@pytest.mark.parametrize("picture", [halves(), 255 - halves(), checkerboard(), np.full((9, 9, 1), 77, np.uint8)])
def test_evidence_is_small_where_neither_is_ink(picture: Pixels) -> None:
    assert abs(find(picture).evidence) < 0.02


@pytest.mark.parametrize("step", [1, -1])
def test_ink_is_dark_where_rounding_would_decide(step: int) -> None:
    slope = np.arange(0, 250, 2, dtype=np.uint8)[::step, None].repeat(20, axis=1)
    for picture in (slope, 255 - slope, slope.T):
        assert find(np.ascontiguousarray(picture[..., None])).weights.item() == -1
    assert find(painted(drawn(3), (250,), (5,))).weights.item() == 1


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 148, 0), (0, 0, 255), (30, 30, 200)])
def test_ink_as_bright_as_its_paper_shows_by_its_color(color: tuple[int, int, int]) -> None:
    share, grey = drawn(3), np.dot(LUMINANCE, color)
    result = find(painted(share, color, (grey, grey, grey)))
    assert result.ink.max() > 50
    assert np.corrcoef(result.ink.ravel(), share.ravel())[0, 1] > 0.95
    assert abs(grey - np.dot(LUMINANCE, np.rint(np.full(3, grey)))) < 0.51  # luminance alone shows nothing


@pytest.mark.parametrize(("ink", "paper"), [((20, 20, 20), (250, 250, 250)), ((36, 52, 120), (244, 241, 230))])
def test_luminance_is_preferred_where_it_shows_ink(ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    result = find(painted(drawn(3), ink, paper))
    assert result.weights[0, :, 0, 0] == pytest.approx([-weight for weight in LUMINANCE])


def test_an_alpha_channel_has_no_weight() -> None:
    picture = painted(drawn(3), (20, 20, 20), (250, 250, 250))
    with_alpha = np.dstack([picture, np.random.default_rng(0).integers(0, 256, (GRID, GRID), dtype=np.uint8)])
    for ours, expected in zip(find(with_alpha)[2:], find(picture)[2:], strict=True):
        assert ours == pytest.approx(expected, abs=1e-3)
    assert find(with_alpha).weights[0, 3] == 0


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_levels_are_the_weighted_channels(channels: int) -> None:
    picture = np.random.default_rng(channels).integers(0, 256, (GRID, GRID, channels), dtype=np.uint8)

    def step(op: OpBuilder, picture: Value) -> tuple[Value, ...]:
        view = whole_view(op, picture)
        result = find_ink(op, view)
        return result.weights, result.offset, result.levels, project(op, result, view.planes)

    weights, offset, levels, projected = traced(step)(picture)
    assert levels[0, 0] == pytest.approx(picture @ weights[0, :, 0, 0] + offset.item(), abs=1e-3)
    assert projected == pytest.approx(levels, abs=1e-3)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("deviation", [0, 2, 6])
def test_strokes_are_the_drawn_ink(digit: int, deviation: int) -> None:
    share, generator = drawn(digit), np.random.default_rng(digit)
    noise = generator.normal(0, deviation, share.shape)
    result = find(to_uint8(painted(share, (190,), (60,)) + noise))
    strokes = result.strokes.squeeze() > 0
    assert strokes[share.squeeze() == 1].all()
    assert not (strokes & (share.squeeze() == 0)).any()
    assert np.array_equal(result.strokes, np.where(result.strokes > 0, result.ink, 0))


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("ink", [90, 150, 250])
def test_all_above_scikit_images_isodata_is_stroke(digit: int, ink: int) -> None:
    noise = np.random.default_rng(digit).normal(0, 3, (GRID, GRID, 1))
    result = find(to_uint8(painted(drawn(digit), (ink,), (30,)) + noise))
    threshold = threshold_isodata(result.ink.squeeze())
    strokes = result.ink[result.strokes > 0]
    assert (result.strokes[result.ink > threshold] > 0).all()
    assert 0.2 * threshold < strokes.min() <= threshold  # strokes may fade below it


@pytest.mark.parametrize("deviation", [2, 4, 8, 16])
@pytest.mark.parametrize("digit", [2, 3, 4])
def test_noise_is_the_papers_deviation(deviation: int, digit: int) -> None:
    share = drawn(digit)
    noise = np.random.default_rng(digit).normal(0, deviation, share.shape)
    result = find(to_uint8(painted(share, (213,), (60,)) + noise))
    # What is darker than the paper's level is cut off, and the faint edges of strokes add to it: measured 0.78 to 1.22.
    assert 0.75 * deviation < result.noise < 1.25 * deviation
    paper = result.ink.squeeze()[share.squeeze() == 0]
    assert (paper <= result.background).mean() > 0.95
    assert (paper <= result.background / 2).mean() < 0.95
