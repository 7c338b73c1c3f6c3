"""The robustness suite: reproducible pictures of each kind, and counts checked by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.corruptions import CORRUPTIONS
from mnist_edge.evaluation.photographs import PHOTOGRAPHS
from mnist_edge.evaluation.robustness import (
    KINDS,
    Group,
    evaluate_robustness,
    mean_accuracy,
    mean_rejected,
    robustness_images,
)
from runtime import Prediction, Predictor, Reason, Rejection
from tools.examples import draw_examples


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_each_kind_changes_the_digit_and_is_reproducible(group: Group, kind: str) -> None:
    digits = draw_digits(3)
    pictures, repeated = (list(robustness_images(group, kind, digits)) for _ in range(2))
    for picture, again, digit in zip(pictures, repeated, digits.images, strict=True):
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, again)
        assert picture.shape == (28, 28) if group == "corruption" else picture.shape[2:] == (3,)
        assert not np.array_equal(picture, digit)


@pytest.mark.parametrize("seed", range(5))
def test_an_outline_follows_the_edge_of_a_square(seed: int) -> None:
    square = np.zeros((28, 28), np.uint8)
    square[8:20, 8:20] = 255
    outline = CORRUPTIONS["outline"](square, np.random.default_rng(seed))
    assert outline[10:18, 10:18].max() == outline[:6].max() == outline[:, 22:].max() == 0
    assert np.maximum(outline[7, 8:20], outline[8, 8:20]).min() > 100
    assert np.maximum(outline[8:20, 19], outline[8:20, 20]).min() > 100


@pytest.mark.parametrize("seed", range(5))
def test_spatter_adds_separate_spots_and_erases_nothing(seed: int) -> None:
    line = np.zeros((28, 28), np.uint8)
    line[14, 2:26] = 255
    added = CORRUPTIONS["spatter"](line, np.random.default_rng(seed)).astype(int) - line
    assert added.min() >= 0
    spots, count = ndimage.label(added > 40)
    assert count >= 4
    assert np.bincount(spots.ravel())[1:].max() < 60
    assert added[[13, 15]].any()  # some touch the line
    assert CORRUPTIONS["spatter"](0 * line, np.random.default_rng(seed)).any()


def test_suite_contains_all_photographs_and_corruptions() -> None:
    assert [kind for _, kind in KINDS] == [*PHOTOGRAPHS, *CORRUPTIONS]


@pytest.mark.slow
def test_v2_is_accurate_on_photographed_and_corrupted_digits() -> None:
    predictor = Predictor("v2")
    results = evaluate_robustness(predictor.predict_batch, draw_digits(20), images=20)
    assert mean_accuracy(results, "photograph") > 0.9
    assert mean_accuracy(results, "corruption") > 0.85


def test_correct_and_rejected_pictures_are_counted() -> None:
    """Of the digits 0 to 9, 0 is taken for 1, and 8 and 9 are rejected."""

    def predict_batch(images: Iterator[NDArray[np.uint8]]) -> list[Prediction]:
        unlike = Rejection(Reason.IMPLAUSIBLE, "unlike")
        return [
            Prediction(max(1, digit), 0.5, 0.9, (), unlike if digit > 7 else None) for digit, _ in enumerate(images)
        ]

    test = Split(draw_digits(40).images, np.repeat(np.arange(10, dtype=np.uint8), 4))
    announced: list[str] = []
    results = evaluate_robustness(predict_batch, test, images=10, on_kind=announced.append)
    assert announced == [kind for _, kind in KINDS]
    assert all((result.images, result.correct, result.rejected) == (10, 9, 2) for result in results)
    assert results[0].accuracy == 0.9
    assert mean_rejected([*results[:3], replace(results[0], rejected=6)], results[0].group) == pytest.approx(0.3)


def test_readme_picture_shows_the_shipped_models_answers(root: Path, tmp_path: Path) -> None:
    draw_examples(tmp_path / "examples.png")
    with Image.open(tmp_path / "examples.png") as drawn, Image.open(root / "docs" / "examples.png") as committed:
        assert np.array_equal(np.asarray(drawn), np.asarray(committed)), "out of date; run: make readme"
