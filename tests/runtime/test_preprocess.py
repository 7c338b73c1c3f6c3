"""The preparation of pictures, step by step and as a whole."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.drawing import draw_digit, draw_digits
from mnist_edge.data.mnist import Split
from runtime import Predictor
from runtime.contract import Reason
from runtime.preprocess import (
    centre,
    centre_of_mass,
    crop,
    even_pressure,
    fit_box,
    grow,
    is_native,
    prepare,
    resize,
    set_stroke_width,
    stretch,
    stroke_width,
    unite_bands,
)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (300, 200), (40, 30, 3), (40, 30, 4)])
def test_a_blank_image_becomes_a_black_digit(size: tuple[int, ...], level: int) -> None:
    steps: dict[str, NDArray[np.floating]] = {}
    prepared = prepare(np.full(size, level, np.uint8), steps=steps)
    assert prepared.rejection is Reason.BLANK
    assert prepared.digit.dtype == np.uint8
    assert np.array_equal(prepared.digit, np.zeros((28, 28)))
    assert list(steps) == ["brightness", "ink, light evened out", "as MNIST's"]


@pytest.mark.parametrize(("contrast", "rejection"), [(15, Reason.BLANK), (16, None)])
def test_a_mark_of_too_little_contrast_is_blank(contrast: int, rejection: Reason | None) -> None:
    paper = np.full((60, 60), 200, np.uint8)
    paper[10:50, 28:32] -= np.uint8(contrast)
    assert prepare(paper).rejection is rejection


def test_the_steps_have_names_and_end_in_the_digit() -> None:
    large = 255 - draw_digit(4, np.random.default_rng(0), size=150, scale=0.3)
    steps: dict[str, NDArray[np.floating]] = {}
    prepared = prepare(large, steps=steps)
    assert list(steps)[:2] == ["brightness", "ink, light evened out"]
    assert np.array_equal(list(steps.values())[-1], prepared.digit)
    assert prepared.rejection is None


def test_light_ink_on_nothing_is_seen(mnist_test: Split) -> None:
    """As white strokes of a drawing program are saved with a transparent background."""
    digit = mnist_test.images[0]
    white = np.dstack([np.full_like(digit, 255)] * 3 + [digit])
    black = np.dstack([np.zeros_like(digit)] * 3 + [digit])
    assert Predictor("v2").predict(white).digit == Predictor("v2").predict(black).digit == 7


def test_a_thin_image_takes_no_memory_to_speak_of() -> None:
    strip = np.full((3, 1_000_000), 255, np.uint8)
    strip[1, 500_000:600_000] = 0
    tracemalloc.start()
    try:
        prepare(strip)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_stroke_that_fades_is_kept_whole() -> None:
    """Above the threshold for a third of its length, and joined to that part."""
    paper = np.full((60, 60), 250, np.uint8)
    paper[10:50, 28:32] = np.linspace(40, 190, 40)[:, None]
    steps: dict[str, NDArray[np.floating]] = {}
    prepare(paper, steps=steps)
    rows = np.flatnonzero(steps["strokes"].any(axis=1))
    assert (rows[0], rows[-1]) == (10, 49)


def test_strokes_are_stretched_to_full_strength() -> None:
    faint = np.zeros((8, 8), np.float32)
    faint[2:6, 3:5] = 40
    stretched = stretch(faint, 0, faint > 20)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_a_light_hand_is_as_strong_as_a_heavy_one() -> None:
    ink = np.zeros((80, 40), np.float32)
    ink[:, 18:24] = np.linspace(255, 110, 80)[:, None]
    assert even_pressure(ink)[:, 20].min() > 230


def test_cropping_leaves_the_inks_box() -> None:
    image = np.zeros((10, 12), np.float32)
    image[2:5, 3:9] = 255
    assert crop(image).shape == (3, 6)


@pytest.mark.parametrize(
    ("shape", "fitted"), [((40, 20), (20, 10)), ((10, 100), (2, 20)), ((1, 300), (1, 20)), ((5, 5), (20, 20))]
)
def test_the_longer_side_becomes_20_pixels(shape: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit_box(np.ones(shape, np.float32)).shape == fitted


@pytest.mark.parametrize(
    ("shape", "pillows"),
    [
        ((20, 15), Image.Resampling.BILINEAR),
        ((50, 37), Image.Resampling.BILINEAR),
        ((80, 60), Image.Resampling.BICUBIC),
    ],
)
def test_resizing_is_pillows(shape: tuple[int, int], pillows: Image.Resampling) -> None:
    image = np.random.default_rng(2).uniform(0, 255, (50, 37)).astype(np.float32)
    expected = np.asarray(Image.fromarray(image).resize(shape[::-1], pillows))
    assert np.abs(resize(image, *shape) - expected).max() < 0.01


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
        assert np.array_equal(prepare(image).digit, image)


def test_an_inverted_mnist_image_comes_back(mnist_test: Split) -> None:
    for image in mnist_test.images[:1_000]:
        assert np.array_equal(prepare(255 - image).digit, image)


def test_a_drawn_digit_is_boxed_and_centred() -> None:
    for image in draw_digits(20).images:
        assert is_native(prepare(image).digit.astype(np.float32))


@pytest.mark.parametrize("width", [1, 3, 6, 12])
def test_the_width_of_a_bar_is_measured(width: int) -> None:
    bar = np.zeros((80, 40), np.float32)
    bar[5:75, 10 : 10 + width] = 255
    assert stroke_width(bar) == pytest.approx(width * 70 / (70 + width), rel=0.05)  # its two ends are edges too


@pytest.mark.parametrize("distance", [-2.0, -0.5, 0.5, 1.0, 2.5])
def test_growing_moves_the_edges(distance: float) -> None:
    bar = np.zeros((80, 40), np.float32)
    bar[5:75, 14:24] = 255
    assert grow(bar, distance).sum(axis=1)[40] / 255 == pytest.approx(10 + 2 * distance, abs=0.01)


@pytest.mark.parametrize(("width", "pixels"), [(1, 1.5), (12, 3.0), (30, 4.2)])
def test_strokes_come_to_mnists_range(width: int, pixels: float) -> None:
    """In a box of 80 pixels, of which four become one."""
    angle = np.zeros((80, 80), np.float32)
    angle[:, :width] = angle[-width:] = 255
    assert stroke_width(set_stroke_width(angle)) / 4 == pytest.approx(pixels, rel=0.15)


@pytest.mark.parametrize("start", [0, 4, 20])
def test_a_band_that_is_a_negative_is_turned_over(start: int) -> None:
    digit = draw_digit(3, np.random.default_rng(2))
    striped = digit.copy()
    striped[:, start : start + 4] = 255 - striped[:, start : start + 4]
    assert np.array_equal(unite_bands(striped), digit)
    assert np.array_equal(unite_bands(striped.T), digit.T)


def test_a_stroke_from_edge_to_edge_is_no_band() -> None:
    one = np.zeros((28, 12), np.uint8)
    one[:, 4:8] = 255
    assert np.array_equal(unite_bands(one), one)


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
