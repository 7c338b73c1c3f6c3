"""The field suite: the same pictures every time, of every kind, and counts by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.corruptions import CORRUPTIONS
from mnist_edge.evaluation.photographs import PHOTOGRAPHS
from mnist_edge.evaluation.robustness import KINDS, evaluate_robustness, mean_accuracy, robustness_images
from runtime import Prediction, Predictor
from tools.examples import draw_examples


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_every_kind_makes_pictures_that_come_again(group: str, kind: str) -> None:
    digits = draw_digits(3)
    first, again = (list(robustness_images(group, kind, digits)) for _ in range(2))  # type: ignore[arg-type]
    for one, other, digit in zip(first, again, digits.images, strict=True):
        assert one.dtype == np.uint8
        assert np.array_equal(one, other)
        assert one.shape == ((28, 28) if group == "corruption" else one.shape)
        assert not np.array_equal(one, digit)


def test_all_kinds_are_in_the_suite() -> None:
    assert [kind for _, kind in KINDS] == [*PHOTOGRAPHS, *CORRUPTIONS]


def test_drawn_digits_are_named_in_most_photographs() -> None:
    predictor = Predictor("v2")
    results = evaluate_robustness(predictor.predict_batch, draw_digits(20), images=20)
    assert mean_accuracy(results, "photograph") > 0.9
    assert mean_accuracy(results, "corruption") > 0.85


def test_right_and_rejected_are_counted() -> None:
    def answer(digit: int) -> Prediction:
        return Prediction(digit, 0.5, (), "unlike" if digit > 7 else None)

    test = Split(draw_digits(40).images, np.repeat(np.arange(10, dtype=np.uint8), 4))
    told: list[str] = []
    results = evaluate_robustness(
        lambda images: [answer(n % 10) for n, _ in enumerate(images)], test, images=10, on_kind=told.append
    )
    assert told == [kind for _, kind in KINDS]
    assert all((found.images, found.correct, found.rejected) == (10, 10, 2) for found in results)
    assert results[0].accuracy == 1.0


def test_the_readmes_strip_is_what_the_shipped_model_says(root: Path, tmp_path: Path) -> None:
    draw_examples(tmp_path / "examples.png")
    with Image.open(tmp_path / "examples.png") as drawn, Image.open(root / "docs" / "examples.png") as committed:
        assert np.array_equal(np.asarray(drawn), np.asarray(committed)), "draw it anew with: make readme"
