"""The rejection suite: reproducible pictures, and fractions computed by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS
from mnist_edge.evaluation.rejection import evaluate_rejection, non_digit_images
from runtime import Prediction, Predictor, Reason, Rejection
from runtime.predictor import Classification


@pytest.mark.parametrize("kind", NON_DIGITS)
def test_each_kind_is_varied_and_reproducible(kind: str) -> None:
    pictures, repeated = (list(non_digit_images(kind, 8)) for _ in range(2))
    assert all(np.array_equal(picture, again) for picture, again in zip(pictures, repeated, strict=True))
    assert all(picture.dtype == np.uint8 and (picture.ndim == 2 or picture.shape[2] == 3) for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) > 1


def test_fractions_are_counted_by_group_and_threshold() -> None:
    """The preparation rejects half of each kind, and all crops of photographs; the rest has a plausibility of 0.6."""

    def predict_batch(images: Iterator[NDArray[np.uint8]]) -> list[Prediction]:
        noise = Rejection(Reason.NOISE, "noise")
        return [
            Prediction(1, 0.9, 0.6, (), noise if index % 2 or image.ndim == 3 else None)
            for index, image in enumerate(images)
        ]

    scores, confidences = (np.linspace(lowest, 1.0, 1001, dtype=np.float32) for lowest in (0.5, 0.7))
    digits = Classification(np.zeros(1001, np.int64), confidences[:, None], scores)
    kinds: list[str] = []
    result = evaluate_rejection(predict_batch, digits, reject_below=0.55, on_kind=kinds.append)
    assert result.own.digits == pytest.approx(0.1, abs=1e-3)
    shares = {"blank or noise": 0.5, "unseen class": 0.5, "seen class": 0.5, "natural": (6 + 0.5) / 7}  # one is grey
    assert result.own.non_digits == shares
    assert kinds == list(NON_DIGITS) == list(result.kinds)
    assert (result.kinds["kana"], result.kinds["coffee"]) == (0.5, 1.0)
    assert [point.digits for point in result.curve] == pytest.approx([0.001, 0.002, 0.005, 0.01, 0.02, 0.05], abs=1e-3)
    thresholds = [0.7 + 0.3 * point.digits for point in result.curve]
    assert [point.reject_below for point in result.confidence_curve] == pytest.approx(thresholds, abs=1e-3)
    assert {point.non_digits["unseen class"] for point in result.confidence_curve} == {0.5}  # 0.9 is above all of them
    strict = evaluate_rejection(predict_batch, digits, reject_below=0.61).own
    assert strict.non_digits == dict.fromkeys(NON_DIGIT_GROUPS, 1.0)


@pytest.mark.parametrize("model", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["blank", "uniform noise", "gaussian noise", "specks"])
def test_shipped_models_reject_every_blank_and_noise_picture(model: str, kind: str) -> None:
    predictions = Predictor(model).predict_batch(non_digit_images(kind, 20))
    assert [prediction.rejection is not None for prediction in predictions] == [True] * 20
