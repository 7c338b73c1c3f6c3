"""The preparation of pictures, step by step and as a whole."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data import Split
from mnist_edge.drawing import draw_digit, draw_digits
from runtime import Predictor
from runtime.errors import BlankImageError
from runtime.preprocess import (
    MAX_SIDE,
    bright_ink,
    centre,
    centre_of_mass,
    crop,
    fit_box,
    is_native,
    otsu_threshold,
    prepare,
    resize,
    shrink_to_grey,
    stretch,
    to_grey,
)


def grey(values: object) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def test_grey_is_pillows_luminance() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)
    assert np.abs(to_grey(pixels) - expected).max() <= 1  # Pillow rounds its integer sums another way


def test_transparency_is_laid_on_white() -> None:
    pixels = np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    assert to_grey(pixels).tolist() == [[0, 255, 204]]
    assert to_grey(pixels[..., 2:]).tolist() == [[0, 255, 204]]


def test_light_ink_on_nothing_is_seen(mnist_test: Split) -> None:
    """As white strokes of a drawing program are saved with a transparent background."""
    digit = mnist_test.images[0]
    white = np.dstack([np.full_like(digit, 255)] * 3 + [digit])
    assert np.array_equal(prepare(white), digit)


@pytest.mark.parametrize("shape", [(2_048, 1_536), (1_025, 40), (40, 3_001), (2_500, 2_500)])
def test_a_large_image_is_averaged_over_squares(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    factor = -(-max(shape) // MAX_SIDE)
    expected = np.asarray(Image.fromarray(pixels).convert("L").reduce(factor)).astype(int)
    assert np.abs(shrink_to_grey(pixels) - expected).max() <= 1


def test_a_thin_image_takes_no_memory_to_speak_of() -> None:
    strip = np.full((3, 1_000_000), 255, np.uint8)
    strip[1, 500_000:600_000] = 0
    tracemalloc.start()
    try:
        prepare(strip)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


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
    assert np.array_equal(bright_ink(dark_on_light), 255 - dark_on_light)
    assert np.array_equal(bright_ink(255 - dark_on_light), 255 - dark_on_light)


def test_where_the_border_is_even_ink_is_the_smaller_part() -> None:
    half = np.zeros((4, 4), np.float32)
    half[:2] = 255
    half[1, 1] = 0
    assert np.array_equal(bright_ink(half), half)
    assert np.array_equal(bright_ink(255 - half), half)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (300, 200)])
def test_blank_images_are_refused(size: tuple[int, int], level: int) -> None:
    with pytest.raises(BlankImageError, match="the image is blank") as caught:
        prepare(np.full(size, level, np.uint8))
    assert isinstance(caught.value, ValueError)


def test_faint_ink_is_stretched_to_full_strength() -> None:
    faint = np.full((8, 8), 100, np.float32)
    faint[2:6, 3:5] = 140
    stretched = stretch(faint)
    assert stretched[0, 0] == 0
    assert stretched[3, 3] == 255


def test_cropping_leaves_the_inks_box() -> None:
    image = np.zeros((10, 12), np.float32)
    image[2:5, 3:9] = 255
    assert crop(image).shape == (3, 6)


@pytest.mark.parametrize(
    ("shape", "fitted"), [((40, 20), (20, 10)), ((10, 100), (2, 20)), ((1, 300), (1, 20)), ((5, 5), (20, 20))]
)
def test_the_longer_side_becomes_20_pixels(shape: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit_box(np.ones(shape, np.float32)).shape == fitted


def test_resizing_is_pillows_bilinear_filter() -> None:
    image = np.random.default_rng(2).uniform(0, 255, (50, 37)).astype(np.float32)
    for height, width in ((20, 15), (80, 60), (50, 37)):
        expected = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        assert np.abs(resize(image, height, width) - expected).max() < 0.01


def test_the_centre_of_mass_goes_to_the_middle() -> None:
    ink = np.zeros((20, 10), np.float32)
    ink[:, :2] = 100
    ink[0, 9] = 1
    field = centre(ink)
    assert field.shape == (28, 28)
    assert field.sum() == ink.sum()
    assert all(13.5 <= middle <= 14.5 for middle in centre_of_mass(field))


def test_a_lopsided_digit_stays_inside_the_field() -> None:
    ink = np.zeros((20, 20), np.float32)
    ink[0] = 255
    ink[19, 19] = 1
    assert centre(ink).sum() == ink.sum()


def test_mnists_own_images_pass_unchanged(mnist_test: Split) -> None:
    for image in mnist_test.images:
        assert np.array_equal(prepare(image), image)


def test_an_inverted_mnist_image_comes_back(mnist_test: Split) -> None:
    for image in mnist_test.images[:1_000]:
        assert np.array_equal(prepare(255 - image), image)


def test_a_drawn_digit_is_native_once_prepared() -> None:
    for image in draw_digits(20).images:
        prepared = prepare(image)
        assert is_native(prepared.astype(np.float32))
        assert np.array_equal(prepare(prepared), prepared)


def _variants(digit: int, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Show one drawn digit in the ways that people have digits."""
    generator = np.random.default_rng(seed)
    large = draw_digit(digit, generator, size=150, scale=0.3)
    dark = 255 - large
    paper = (230 - 0.6 * large.astype(float) + generator.normal(0, 3, large.shape)).clip(0, 255).astype(np.uint8)
    blue = np.dstack([dark, dark, np.maximum(dark, 140)])
    transparent = np.dstack([np.zeros_like(large)] * 3 + [large])
    return {
        "bright on dark": large,
        "dark on light": dark,
        "pencil on grey paper": paper,
        "blue ink": blue,
        "transparent": transparent,
        "wide picture": np.pad(dark, ((10, 40), (300, 20)), constant_values=255),
        "tiny": np.asarray(Image.fromarray(large).resize((24, 24), Image.Resampling.BILINEAR)),
    }


@pytest.mark.parametrize("variant", _variants(0, 0))
def test_a_digit_is_recognised_however_it_is_shown(variant: str) -> None:
    predictor = Predictor("v2")
    named = [predictor.predict(_variants(digit, 100 + digit)[variant]).digit for digit in range(10)]
    assert sum(found == digit for digit, found in enumerate(named)) >= 9, named
