"""Predicting: digits, probabilities and rejections, from pictures and from pixels in MNIST's form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit

from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from runtime import ImageError, Prediction, Predictor, Prepared, Reason, Rejection
from runtime.contract import INT8_FILE, OPTIMIZED_FILE
from runtime.graphs import BATCH_SIZE
from runtime.inputs import ImageInput, WindowInput
from runtime.scores import softmax


def test_the_samples_are_recognized(name: str, samples: Path) -> None:
    predictor = Predictor(name)
    digits = {path.name: predictor.predict(path).digit for path in samples.iterdir()}
    assert digits == {"three-on-paper.png": 3, "seven-28x28.png": 7, "five-transparent.png": 5}


def test_every_source_of_an_image_gives_the_same_prediction(samples: Path) -> None:
    path = samples / "seven-28x28.png"
    with Image.open(path) as image:
        image.load()
    predictor = Predictor()
    sources: list[Any] = [path, str(path), path.read_bytes(), image, np.asarray(image), predictor.prepare(path)]
    assert len(set(predictor.predict_batch(sources))) == 1


def test_a_prediction_is_the_most_probable_digit(noise: NDArray[np.uint8]) -> None:
    predictor = Predictor()
    for image in noise:
        prediction = predictor.predict(image)
        assert len(prediction.probabilities) == 10
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.confidence == max(prediction.probabilities) == prediction.probabilities[prediction.digit]
        assert isinstance(prediction.digit, int)
        assert isinstance(prediction.confidence, float)
        assert isinstance(prediction.plausibility, float)


def test_the_top_digits_are_ordered_by_probability() -> None:
    prediction = Prediction(2, 0.5, 0.9, (0.1, 0.1, 0.5, 0.3, *[0.0] * 6))
    assert prediction.top(4) == [(2, 0.5), (3, 0.3), (0, 0.1), (1, 0.1)]


def test_a_prediction_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Prediction(2, 1.0, 1.0, (0.0,) * 10).digit = 3  # type: ignore[misc]


def test_an_empty_batch_has_no_predictions() -> None:
    assert Predictor().predict_batch([]) == []
    results = Predictor().classify(np.empty((0, 28, 28), np.uint8))
    assert [result.shape for result in results] == [(0,), (0, 10), (0,)]


@pytest.mark.parametrize("count", [1, 2, 7, BATCH_SIZE, BATCH_SIZE + 1])
def test_a_batch_gives_the_same_results_as_its_images(name: str, count: int) -> None:
    images = np.resize(draw_digits(10).images, (count, 28, 28))
    predictor = Predictor(name)
    logits = predictor.logits(images)
    assert np.array_equal(logits, predictor.logits(images[:, None]))
    assert np.array_equal(logits[-1:], predictor.logits(images[-1:]))
    digits, probabilities, plausibilities = predictor.classify(images)
    assert digits.tolist() == logits.argmax(1).tolist()
    tempered = logits * np.float32(1 / predictor.temperature)
    assert np.array_equal(probabilities, softmax(tempered))
    last = predictor.classify(images[-1:])
    assert np.array_equal(probabilities[-1:], last.probabilities)
    assert plausibilities[-1:] == pytest.approx(last.plausibilities, abs=1e-7)


def _random_images(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return noise, which unlike a digit reaches the border."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)


@pytest.mark.parametrize("count", [1, 2, BATCH_SIZE + 6])
def test_both_int8_files_give_the_same_bits(name: str, artifacts: Path, count: int) -> None:
    optimized, portable = (Predictor(artifacts / name / file) for file in (OPTIMIZED_FILE, INT8_FILE))
    images = _random_images(count)
    assert optimized.logits(images).tobytes() == portable.logits(images).tobytes()


@pytest.mark.parametrize("file", [OPTIMIZED_FILE, INT8_FILE])
def test_the_order_of_an_array_in_memory_does_not_matter(artifacts: Path, file: str) -> None:
    predictor, images = Predictor(artifacts / "v2" / file), _random_images(70)
    expected = predictor.logits(images)
    assert predictor.logits(np.asfortranarray(images)).tobytes() == expected.tobytes()
    assert predictor.logits(images[::-2]).tobytes() == expected[::-2].tobytes()
    assert predictor.logits(images[::-1][:1]).tobytes() == expected[-1:].tobytes()
    images.setflags(write=False)
    assert predictor.logits(images).tobytes() == expected.tobytes()


@pytest.mark.parametrize("file", [OPTIMIZED_FILE, INT8_FILE])
@pytest.mark.parametrize("count", [1, 3])
def test_a_signal_handler_may_predict_meanwhile(
    artifacts: Path, file: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, images = Predictor(artifacts / "v2" / file), _random_images(count)
    kind: Any = WindowInput if file == OPTIMIZED_FILE else ImageInput
    fill, interruptions = kind.fill, list[NDArray[np.uint8]]()

    def fill_and_interrupt(inputs: Any, batch: NDArray[np.uint8]) -> None:
        fill(inputs, batch)
        if interruptions:
            predictor.logits(interruptions.pop())

    monkeypatch.setattr(kind, "fill", fill_and_interrupt)
    expected = predictor.logits(images)
    interruptions.append(_random_images(count, seed=1))
    assert predictor.logits(images).tobytes() == expected.tobytes()
    assert not interruptions


def test_scores_are_scaled_as_the_manifest_says(name: str, artifacts: Path) -> None:
    fitted = json.loads((artifacts / name / "manifest.json").read_text())["confidence"]
    predictor = Predictor(name)
    assert predictor.temperature == fitted["temperature"]
    assert predictor.plausibility_midpoint == fitted["plausibility_midpoint"]
    assert predictor.plausibility_slope == fitted["plausibility_slope"]
    images = draw_digits(20).images
    logits = torch.from_numpy(predictor.logits(images)).double()
    expected = torch.softmax(logits / fitted["temperature"], 1).numpy()
    spreads = (logits.logsumexp(1) - logits.mean(1)).numpy()
    plausible = expit(fitted["plausibility_slope"] * (spreads - fitted["plausibility_midpoint"]))
    for count in (20, 1):
        result = predictor.classify(images[:count])
        assert result.probabilities == pytest.approx(expected[:count], abs=1e-6)
        assert result.plausibilities == pytest.approx(plausible[:count], abs=1e-6)


def test_a_plausibility_below_0_5_is_a_rejection(name: str, noise: NDArray[np.uint8]) -> None:
    images = np.concatenate([draw_digits(10).images, noise])
    predictor = Predictor(name)
    predictions = predictor.predict_batch(Prepared(image, None) for image in images)
    plausible = predictor.classify(images).plausibilities
    assert [prediction.plausibility for prediction in predictions] == plausible.tolist()
    rejected = [each.rejection is not None and each.rejection.reason is Reason.IMPLAUSIBLE for each in predictions]
    assert rejected == (plausible < 0.5).tolist()
    assert set(rejected) == {True, False}


@pytest.mark.parametrize("lenient", [{"reject_below": 0.0}, {"reject": False}, {"reject": False, "reject_below": 1.0}])
def test_a_doubtful_digit_is_rejected_with_its_probabilities(lenient: dict[str, Any], samples: Path) -> None:
    predictors = Predictor("v2", reject_below=1.0), Predictor("v2", **lenient)
    rejected, accepted = (predictor.predict(samples / "three-on-paper.png") for predictor in predictors)
    detail = f"it does not look like a digit: its plausibility, {rejected.plausibility:.1%}, is below 100.0%"
    assert rejected.rejection == Rejection(Reason.IMPLAUSIBLE, detail)
    assert accepted.rejection is None
    assert rejected.probabilities == accepted.probabilities


@pytest.mark.parametrize(
    ("settings", "noise"), [({}, Reason.NOISE), ({"reject_below": 0}, Reason.NOISE), ({"reject": False}, None)]
)
def test_a_blank_picture_is_rejected_even_if_noise_is_not(settings: dict[str, Any], noise: Reason | None) -> None:
    blank, dust = np.full((90, 90), 90, np.uint8), np.random.default_rng(0).random((90, 90)) < 0.05
    predictions = Predictor("v2", **settings).predict_batch([blank, dust * np.uint8(255)])
    reasons = [prediction.rejection and prediction.rejection.reason for prediction in predictions]
    assert reasons == [Reason.BLANK, noise]


def test_every_reason_is_explained_in_one_sentence() -> None:
    details = {reason: reason.detail.format(plausibility=0.312, threshold=0.5) for reason in Reason}
    expected = "it does not look like a digit: its plausibility, 31.2%, is below 50.0%"
    assert details[Reason.IMPLAUSIBLE] == expected
    assert len(set(details.values())) == len(Reason)
    assert all(0 < len(detail) < 75 and "{" not in detail for detail in details.values())


@pytest.mark.parametrize("pixels", [[[0] * 28] * 28, None, np.zeros((1, 28, 28)), np.zeros((1, 28, 28), object)])
def test_only_uint8_arrays_are_classified(pixels: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a uint8 array, 0 to 255, not (list|NoneType|float64|object)"):
        Predictor().classify(pixels)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 27), (1, 3, 28, 28), (784,), (1, 1, 1, 28, 28)])
def test_only_images_of_28_by_28_are_classified(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must have the shape \[N, 28, 28\].*predict$") as caught:
        Predictor().classify(np.zeros(shape, np.uint8))
    assert f"not {list(shape)};" in str(caught.value)


@pytest.mark.parametrize("images", ["3.png", b"\x89PNG"])
def test_a_single_image_is_not_a_batch(images: Any) -> None:
    with pytest.raises(TypeError, match="pass a list"):
        Predictor().predict_batch(images)


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"threads": 0}, "at least 1, not 0"),
        ({"threads": -1}, "at least 1, not -1"),
        ({"providers": ["AbacusExecutionProvider"]}, "AbacusExecutionProvider"),
        ({"providers": []}, "CPUExecutionProvider"),
        ({"providers": "CPUExecutionProvider"}, "a list"),
        ({"reject_below": -0.1}, "0 to 1, not -0.1"),
        ({"reject_below": 1.1}, "0 to 1, not 1.1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], values: str) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(settings))} must be .*{values}"):
        Predictor(**settings)


def test_threads_do_not_change_the_logits(noise: NDArray[np.uint8]) -> None:
    batch = np.tile(noise, (10, 1, 1))  # enough for two threads
    assert np.array_equal(Predictor(threads=2).logits(batch), Predictor().logits(batch))


def test_a_predictor_is_shown_with_its_model(artifacts: Path) -> None:
    assert str(artifacts / "v1") in repr(Predictor("v1"))
    assert Predictor("v1").sha256[:12] in repr(Predictor("v1"))


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_accuracy_on_the_test_images_is_as_recorded(name: str, file: str, mnist_test: Split, artifacts: Path) -> None:
    recorded = json.loads((artifacts / name / "manifest.json").read_text())["accuracy"]
    digits = Predictor(artifacts / name / file).classify(mnist_test.images).digits
    assert int((digits == mnist_test.labels).sum()) == recorded[file]["correct"]
