"""Written digits are reproducible, legible and inside the picture; the suite has other strokes than training."""

from collections.abc import Iterator

import numpy as np
import pytest

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import SIDE, STYLES, Styles, write_digit, write_skeleton
from runtime import Predictor

BOTH: tuple[Styles, ...] = ("training", "held out")
PER_STYLE = 8


def written(styles: Styles) -> Iterator[tuple[int, Pixels]]:
    for digit, skeletons in enumerate(STYLES[styles]):
        for index, skeleton in enumerate(skeletons.values()):
            generator = np.random.default_rng((digit, index))
            yield from ((digit, write_skeleton(skeleton, generator)) for _ in range(PER_STYLE))


def share_read(predictor: Predictor, pictures: list[Pixels], digits: tuple[int, ...]) -> float:
    predictions = predictor.predict_batch(iter(pictures))
    return float(np.mean([prediction.digit == digit for prediction, digit in zip(predictions, digits, strict=True)]))


def test_the_same_seed_writes_the_same_digits() -> None:
    def several(seed: int) -> list[Pixels]:
        generator = np.random.default_rng(seed)
        return [write_digit(digit, generator) for digit in range(10)]

    assert np.array_equal(several(3), several(3))
    assert not np.array_equal(several(3), several(4))


@pytest.mark.parametrize("styles", BOTH)
def test_all_styles_have_ink_and_a_margin(styles: Styles) -> None:
    for digit, picture in written(styles):
        assert picture.shape == (SIDE, SIDE), digit
        assert picture.dtype == np.uint8
        assert 0.01 < (picture > 127).mean() < 0.4, digit
        assert not any(edge.any() for edge in (picture[:3], picture[-3:], picture[:, :3], picture[:, -3:])), digit


@pytest.mark.parametrize("styles", BOTH)
def test_a_digit_is_written_in_all_of_its_styles(styles: Styles, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []
    monkeypatch.setattr("mnist_edge.data.handwriting.write_skeleton", lambda strokes, _: chosen.append(strokes))
    for digit in range(10):
        generator = np.random.default_rng(digit)
        for _ in range(100):
            write_digit(digit, generator, styles)
    assert set(chosen) == {skeleton for skeletons in STYLES[styles] for skeleton in skeletons.values()}


def test_training_has_none_of_the_held_out_skeletons() -> None:
    training, held_out = (
        {skeleton for skeletons in STYLES[styles] for skeleton in skeletons.values()} for styles in BOTH
    )
    assert not training & held_out
    assert all(len(skeletons) >= 2 for styles in BOTH for skeletons in STYLES[styles])


@pytest.mark.parametrize("styles", BOTH)
def test_the_shipped_v2_reads_the_digits(styles: Styles) -> None:
    digits, pictures = zip(*written(styles), strict=True)
    assert share_read(Predictor(), list(pictures), digits) >= 0.95


def test_the_shipped_v2_misreads_digits_upside_down() -> None:
    digits, pictures = zip(*written("training"), strict=True)
    assert share_read(Predictor(), [picture[::-1] for picture in pictures], digits) < 0.6
