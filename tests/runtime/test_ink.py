"""Finding ink: polarity, light, colour, against Pillow or values by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.drawing import draw_digit
from runtime.ink import (
    average_cells,
    close,
    enlarge,
    find_ink,
    ink_is_dark,
    lay_on,
    level_of_share,
    luminance,
    otsu_threshold,
    shrink,
    smooth,
)


def grey(values: object) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def strokes(size: int = 120) -> NDArray[np.uint8]:
    return draw_digit(3, np.random.default_rng(1), size=size, scale=0.3)


def test_grey_is_pillows_luminance() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)
    assert np.abs(luminance(pixels.astype(np.float32)) - expected).max() <= 1  # Pillow rounds its sums another way


def test_transparency_is_laid_on_paper() -> None:
    pixels = grey([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 51]]])
    assert luminance(lay_on(pixels, 255)).tolist() == [[0, 255, 204]]
    assert lay_on(pixels[..., 2:], 255).tolist() == [[0, 255, 204]]
    assert lay_on(pixels[..., 2:], 0).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("shape", [(2_048, 1_536), (1_025, 40), (40, 3_001), (2_500, 2_500)])
def test_a_large_image_is_averaged_over_squares(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    factor = -(-max(shape) // 1_024)
    kept = pixels[: shape[0] // factor * factor, : shape[1] // factor * factor]
    expected = np.asarray(Image.fromarray(kept).reduce(factor)).astype(int)
    assert np.abs(shrink(pixels) - expected).max() <= 0.6  # Pillow rounds


def test_otsu_parts_two_levels_in_their_middle() -> None:
    assert otsu_threshold(grey([[10, 10, 200]])) == (10 + 199) / 2


def test_otsu_is_the_best_of_all_thresholds() -> None:
    values = np.random.default_rng(1).choice([20, 25, 30, 90, 180, 190], (20, 20)).astype(np.float32)

    def variance_between(threshold: float) -> float:
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) and len(high) else -1

    best = max(variance_between(threshold) for threshold in range(256))
    assert variance_between(otsu_threshold(values)) == pytest.approx(best)


def test_ink_is_what_the_border_has_less_of() -> None:
    dark_on_light = np.full((9, 9), 200, np.float32)
    dark_on_light[3:6, 4] = 30
    assert ink_is_dark(dark_on_light)
    assert not ink_is_dark(255 - dark_on_light)


@pytest.mark.parametrize("inverted", [False, True])
def test_in_half_a_shadow_ink_is_what_is_narrow(inverted: bool) -> None:
    lit = 230 - 0.7 * strokes().astype(np.float32)
    lit[:, :60] *= 0.4
    assert ink_is_dark(255 - lit if inverted else lit) is not inverted


def test_ink_is_as_strong_in_a_shadow_as_in_the_sun() -> None:
    coverage = strokes().astype(np.float64) / 255
    light = np.where(np.arange(120) < 60, 0.4, 1.0)
    photograph = np.rint(235 * light * (1 - 0.8 * coverage)).astype(np.uint8)
    _, ink = find_ink(photograph)
    inside = (coverage == 1) & (np.abs(np.arange(120) - 60) > 12)  # the shadow's edge itself is smoothed
    assert ink[inside] == pytest.approx(0.8 * 255, abs=12)
    outside = (coverage == 0) & (np.abs(np.arange(120) - 60) > 12)
    assert ink[outside].max() < 20


@pytest.mark.parametrize("inverted", [False, True])
def test_on_even_paper_ink_is_the_difference_from_it(inverted: bool) -> None:
    _, ink = find_ink(255 - strokes() if inverted else strokes())
    assert np.abs(ink - strokes()).max() <= 1


def test_coloured_ink_as_bright_as_its_paper_is_seen() -> None:
    """Red on a green of the same luminance."""
    share = strokes()[..., None] / 255
    picture = np.rint((1 - share) * np.array([90, 160, 90]) + share * np.array([255, 76, 95])).astype(np.uint8)
    plain, ink = find_ink(picture)
    assert np.ptp(plain) < 25
    assert ink[strokes() == 255].min() > 5 * np.quantile(ink[strokes() == 0], 0.98)


def test_closing_fills_what_is_narrower_than_its_window() -> None:
    plane = np.full((30, 30), 100, np.float32)
    plane[10:13, 5:25] = 10
    assert (close(plane, 2) == 100).all()
    assert close(plane, 1)[11, 15] == 10


def test_smoothing_is_the_mean_of_a_window() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (20, 17)).astype(np.float32)
    assert smooth(plane, 2)[10, 8] == pytest.approx(plane[8:13, 6:11].mean(), rel=1e-5)
    assert smooth(np.full((5, 9), 7, np.float32), 3) == pytest.approx(7)


def test_cells_are_means_and_are_enlarged_smoothly() -> None:
    plane = np.add.outer(np.arange(100.0), np.arange(80.0)).astype(np.float32)
    cells = average_cells(plane, 20)
    assert cells.shape == (20, 16)
    assert cells[3, 4] == plane[15:20, 20:25].mean()
    assert np.abs(enlarge(cells, plane.shape) - plane)[5:-5, 5:-5].max() < 1e-3


def test_a_level_is_found_by_its_share() -> None:
    levels = np.repeat(np.arange(10, dtype=np.float32), 10)
    assert (level_of_share(levels, 0.5), level_of_share(levels, 0.81)) == (4, 8)
