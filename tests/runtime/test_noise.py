"""Ink is told from noise, and noise alone from drawings."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.drawing import draw_digit
from runtime.contract import Reason
from runtime.noise import ink_levels, neighbour_correlation, why_no_digit
from runtime.parts import Marks
from runtime.preprocess import prepare


def test_ink_is_above_the_papers_noise() -> None:
    generator = np.random.default_rng(0)
    ink = np.abs(generator.normal(0, 6, (100, 100)))
    ink[40:60, 48:52] = 200
    levels = ink_levels(ink)
    assert 6 < levels.background < levels.faint <= levels.strong < 200
    assert np.count_nonzero(ink > levels.faint) < 100 + 80
    assert levels.noise == pytest.approx(6 * 0.6, rel=0.3)  # of the absolute value of a normal deviate


def test_levels_of_two_are_between_them() -> None:
    """Otsu's threshold is half way; four tenths of the way to it a stroke has faded."""
    ink = np.full((20, 20), 20.0)
    ink[5:15, 9:11] = 200
    levels = ink_levels(ink)
    assert (levels.paper, levels.noise, levels.background) == (20, 0, 20)
    assert levels.strong == pytest.approx(110, abs=1)
    assert levels.faint == pytest.approx(20 + 0.4 * 90, abs=0.5)


def specks(generator: np.random.Generator) -> NDArray[np.uint8]:
    return (generator.random((90, 90)) < 0.05).astype(np.uint8) * np.uint8(255)


def levels_as_likely(generator: np.random.Generator) -> NDArray[np.uint8]:
    return generator.integers(0, 256, (28, 28), dtype=np.uint8)


def grain(generator: np.random.Generator) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(generator.normal(128, 20, (80, 80)).clip(0, 255)).astype(np.uint8)
    return levels


def clouds(generator: np.random.Generator) -> NDArray[np.uint8]:
    coarse = Image.fromarray(generator.integers(0, 256, (9, 9), dtype=np.uint8))
    return np.asarray(coarse.resize((90, 90), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("make", [specks, levels_as_likely, grain])
def test_noise_is_no_digit(make: object) -> None:
    for seed in range(20):
        assert prepare(make(np.random.default_rng(seed))).rejection is Reason.NOISE  # type: ignore[operator]


def test_most_clouds_are_no_digit() -> None:
    reasons = [prepare(clouds(np.random.default_rng(seed))).rejection for seed in range(20)]
    assert sum(reason is not None for reason in reasons) >= 12


@pytest.mark.parametrize("deviation", [0, 10, 25])
def test_a_digit_in_noise_is_one(deviation: float) -> None:
    for digit in range(10):
        generator = np.random.default_rng(digit)
        paper = 235.0 - 0.8 * draw_digit(digit, generator, size=90, scale=0.3)
        noisy = np.rint((paper + generator.normal(0, deviation, paper.shape)).clip(0, 255)).astype(np.uint8)
        assert prepare(noisy).rejection is None


def test_light_from_one_side_is_no_digit() -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        light = np.linspace(generator.uniform(90, 160), generator.uniform(170, 240), 80)[:, None]
        paper = np.rint((light + generator.normal(0, 3, (80, 80))).clip(0, 255)).astype(np.uint8)
        for turned in (paper, paper.T, paper[::-1], paper.T[:, ::-1]):
            assert prepare(np.ascontiguousarray(turned)).rejection is not None


def test_a_one_from_edge_to_edge_is_a_digit() -> None:
    paper = np.full((60, 60), 240, np.uint8)
    paper[:, 26:32] = 30
    assert prepare(paper).rejection is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"share": 0.29}, Reason.NOISE),
        ({"specks": 0.2}, Reason.NOISE),
        ({"grain": 60, "ink": 140}, Reason.NOISE),
        ({"left": 0}, Reason.EDGE),
        ({"rival_share": 0.29}, None),
        ({"rival_share": 0.3}, Reason.SEVERAL_MARKS),
    ],
)
def test_a_change_to_a_bar_gives_the_reason(change: dict[str, float], reason: Reason | None) -> None:
    """The bar of 40 × 4 pixels goes from top to bottom."""
    bar = {"share": 0.3, "rival_share": 0.0, "specks": 0.0, "grain": 3, "ink": 200, "left": 18, **change}
    generator = np.random.default_rng(0)
    ink = np.abs(generator.normal(0, bar["grain"], (40, 40)))
    ink[generator.random((40, 40)) < bar["specks"]] = 255
    strokes = np.zeros((40, 40), bool)
    strokes[:, int(bar["left"]) : int(bar["left"]) + 4] = True
    ink[strokes] = bar["ink"]
    assert why_no_digit(ink, ink_levels(ink), Marks(strokes, bar["share"], bar["rival_share"])) is reason


def test_two_digits_are_not_one() -> None:
    generator = np.random.default_rng(0)
    for digit in range(10):
        two = [255 - draw_digit(shown, generator, size=60, scale=0.25) for shown in (digit, 3)]
        assert prepare(np.concatenate(two, axis=1)).rejection is Reason.SEVERAL_MARKS


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        (np.indices((8, 8)).sum(axis=0) % 2, -1.0),
        (np.kron(np.indices((2, 2)).sum(axis=0) % 2, np.ones((50, 50))), 0.98),
        (np.zeros((5, 5)), 1.0),
        (np.arange(9.0)[None], 1.0),
    ],
)
def test_the_correlation_of_neighbours(plane: NDArray[np.float64], expected: float) -> None:
    assert neighbour_correlation(plane) == pytest.approx(expected, abs=0.01)
