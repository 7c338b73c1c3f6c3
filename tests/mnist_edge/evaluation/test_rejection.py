"""The rejection suite: the same pictures every time, and shares counted by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.rejection import evaluate_rejection, non_digit_images
from runtime import Prediction, Predictor


@pytest.mark.parametrize("kind", NON_DIGITS)
def test_every_kind_makes_pictures_that_come_again(kind: str) -> None:
    first, again = (list(non_digit_images(kind, 8)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert all(picture.dtype == np.uint8 and picture.ndim == 2 for picture in first)
    assert len({picture.tobytes() for picture in first}) > 1


def test_shares_are_counted_by_group_and_threshold() -> None:
    """Half of every kind is seen to be none by the preparation; the others have a confidence of 0.6."""

    def answer(images: Iterator[NDArray[np.uint8]]) -> list[Prediction]:
        return [Prediction(1, 0.6, (), "noise" if index % 2 else None) for index, _ in enumerate(images)]

    digits = np.linspace(0.5, 1.0, 1001)
    found = evaluate_rejection(answer, digits, reject_below=0.55)
    assert found.own.digits == pytest.approx(0.1, abs=1e-3)
    assert (found.own.blank_or_noise, found.own.unseen_class) == (0.5, 0.5)
    assert set(found.kinds.values()) == {0.5}
    assert [point.digits for point in found.curve] == pytest.approx([0.001, 0.002, 0.005, 0.01, 0.02, 0.05], abs=1e-3)
    strict = evaluate_rejection(answer, digits, reject_below=0.61).own
    assert (strict.blank_or_noise, strict.unseen_class) == (1.0, 1.0)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_shipped_models_reject_noise_and_keep_their_promise(model: str) -> None:
    predictor = Predictor(model)
    for kind in ("blank", "uniform noise", "gaussian noise", "specks"):
        answers = predictor.predict_batch(non_digit_images(kind, 20))
        assert sum(answer.rejected is not None for answer in answers) == 20, kind
