"""Pictures as people have them: the shipped preparation and networks, the whole way."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.drawing import draw_digit, draw_digits
from mnist_edge.data.mnist import Split
from runtime import Predictor, Reason


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (300, 200), (40, 30, 3), (40, 30, 4)])
def test_a_blank_picture_is_a_rejected_black_digit(shape: tuple[int, ...], level: int) -> None:
    digit, reason = Predictor().prepare(np.full(shape, level, np.uint8))
    assert reason is Reason.BLANK
    assert not digit.any()


def test_light_ink_on_nothing_is_seen(mnist_test: Split) -> None:
    """As white strokes of a drawing program are saved with a transparent background."""
    digit = mnist_test.images[0]
    white = np.dstack([np.full_like(digit, 255)] * 3 + [digit])
    black = np.dstack([np.zeros_like(digit)] * 3 + [digit])
    assert Predictor("v2").predict(white).digit == Predictor("v2").predict(black).digit == 7


def test_mnists_own_images_pass_unchanged(mnist_test: Split) -> None:
    predictor = Predictor()
    for image in mnist_test.images[:1_000]:
        assert np.array_equal(predictor.prepare(image).digit, image)
        assert np.array_equal(predictor.prepare(255 - image).digit, image)


def test_a_negative_is_the_same_digit() -> None:
    """To one level: sums of floats are rounded."""
    predictor = Predictor()
    for side, image in enumerate(draw_digits(40).images):
        framed = np.pad(image, side)
        negative, positive = (predictor.prepare(pixels).digit.astype(int) for pixels in (255 - framed, framed))
        assert np.abs(negative - positive).max() <= 1


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
def test_a_digit_is_recognized_however_it_is_shown(variant: str) -> None:
    predictor = Predictor("v2")
    named = [predictor.predict(_variants(digit, 100 + digit)[variant]).digit for digit in range(10)]
    assert sum(actual == digit for digit, actual in enumerate(named)) >= 9, named
