"""Golden pictures: all kinds of pictures, and answers that a broken graph does not give."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper

from export.calibration import CalibrationTable
from export.golden_pictures import (
    Answers,
    check_joined,
    golden_pictures,
    golden_pictures_file,
    joined_answers,
    separate_answers,
)
from mnist_edge.data.drawing import Pixels
from mnist_edge.errors import CheckFailedError
from runtime import Predictor, Reason

DRAWN = {
    "mnist_form": 6,
    "black_on_white": 0,
    "blue_pen": 5,
    "chalk_on_a_board": 7,
    "paper_in_shadow": 9,
    "black_on_transparent": 2,
    "white_on_transparent": 3,
    "touching_the_edge": 5,
    "filling_the_frame": 8,
    "tiny_in_a_large_frame": 4,
}


@pytest.fixture(scope="session")
def answers(joined_onnx: ModelProto, pictures: dict[str, Pixels]) -> Answers:
    return joined_answers(joined_onnx, pictures)


@pytest.fixture(scope="session")
def separate(
    prepare_onnx: ModelProto, int8_onnx: ModelProto, table: CalibrationTable, pictures: dict[str, Pixels]
) -> Answers:
    return separate_answers(prepare_onnx, int8_onnx, table.confidence, pictures)


def test_they_are_of_all_sizes_and_channels(pictures: dict[str, Pixels]) -> None:
    shapes = [picture.shape for picture in pictures.values()]
    assert len(pictures) >= 10
    assert {picture.dtype for picture in pictures.values()} == {np.dtype(np.uint8)}
    assert (min(shapes), max(shapes)) == ((1, 1, 1), (480, 640, 3))
    assert {channels for _, _, channels in shapes} == {1, 3, 4}
    again = golden_pictures()
    assert all(np.array_equal(picture, again[name]) for name, picture in pictures.items())


def test_the_drawn_digits_are_read(answers: Answers, pictures: dict[str, Pixels]) -> None:
    read = dict(zip(pictures, answers.digit.tolist(), strict=True))
    rejected = dict(zip(pictures, answers.rejection.tolist(), strict=True))
    assert {name: read[name] for name in DRAWN} == DRAWN
    assert {name: rejected[name] for name in DRAWN} == dict.fromkeys(DRAWN, 0)


def test_one_grey_level_changes_no_answer(name: str, artifacts: Path, answers: Answers) -> None:
    """The tolerance for prepared pixels may not turn into another digit or rejection on another machine."""
    predictor, generator = Predictor(artifacts / name), np.random.default_rng(0)
    without_reason = np.isin(answers.rejection, (0, Reason.IMPLAUSIBLE))
    is_implausible = answers.plausibility < 0.5
    for _ in range(20):
        change = generator.integers(-1, 2, answers.prepared.shape)
        pixels = np.clip(answers.prepared + change, 0, 255).astype(np.uint8)
        digits, _, plausibilities = predictor.classify(pixels)
        assert digits.tolist() == answers.digit.tolist()
        changed = (plausibilities < 0.5) != is_implausible
        assert not changed[without_reason].any()


def test_the_file_has_the_pictures_and_what_the_graph_answers(artifacts: Path, name: str) -> None:
    path = artifacts / name / "golden_pictures.npz"
    assert path.stat().st_size < 200_000
    session = onnxruntime.InferenceSession(artifacts / name / "picture_to_digit.onnx")
    with np.load(path, allow_pickle=False) as arrays:
        names = [key for key in arrays.files if key.startswith("picture.")]
        assert set(arrays.files) - set(names) == {"digit", "confidence", "rejection", "prepared", "plausibility"}
        for index, key in enumerate(names):
            digit, confidence, _, rejection, prepared, plausibility = session.run(None, {"picture": arrays[key]})
            assert arrays["digit"][index] == digit[0]
            assert arrays["confidence"][index] == pytest.approx(confidence[0], abs=1e-6)
            assert arrays["rejection"][index] == rejection[0]
            assert np.array_equal(arrays["prepared"][index], prepared)
            assert arrays["plausibility"][index] == pytest.approx(plausibility[0], abs=1e-6)


def test_the_file_is_the_same_every_time(answers: Answers, pictures: dict[str, Pixels]) -> None:
    content = golden_pictures_file(pictures, answers)
    assert content == golden_pictures_file(golden_pictures(), answers)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert [key for key in arrays.files if "." in key] == [f"picture.{name}" for name in pictures]


def test_a_joined_graph_answers_as_its_parts_do(answers: Answers, separate: Answers) -> None:
    check_joined(answers, separate)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda a: replace(a, digit=np.roll(a.digit, 1)), "answers another digit"),
        (lambda a: replace(a, rejection=a.rejection + 1), "answers another rejection"),
        (lambda a: replace(a, prepared=a.prepared ^ 1), "answers another prepared"),
        (lambda a: replace(a, probabilities=a.probabilities + np.float32(1e-5)), "probabilities differ by up to"),
        (lambda a: replace(a, probabilities=a.probabilities * np.float32(np.nan)), "probabilities differ by up to nan"),
        (lambda a: replace(a, confidence=a.confidence / 2), "the confidence is not the largest"),
        (lambda a: replace(a, plausibility=a.plausibility + np.float32(1e-5)), "plausibilities differ by up to"),
        (lambda a: replace(a, plausibility=a.plausibility * np.float32(np.nan)), "plausibilities differ by up to nan"),
    ],
)
def test_any_other_answer_is_refused(
    answers: Answers, separate: Answers, change: Callable[[Answers], Answers], problem: str
) -> None:
    with pytest.raises(CheckFailedError, match=problem):
        check_joined(change(answers), separate)


@pytest.mark.parametrize(
    ("constant", "factor"),
    [
        ("inverse_temperature", 1.5),
        ("midpoint", 1.01),
        ("slope", 1.01),
        ("reject_below", 1.999),
        ("network.conv_1.weight_scale", 1.5),
    ],
)
def test_a_graph_with_another_constant_is_refused(
    joined_onnx: ModelProto, separate: Answers, pictures: dict[str, Pixels], constant: str, factor: float
) -> None:
    damaged = ModelProto()
    damaged.CopyFrom(joined_onnx)
    (tensor,) = (tensor for tensor in damaged.graph.initializer if tensor.name == constant)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), constant))
    with pytest.raises(CheckFailedError, match="the joined graph differs from its parts"):
        check_joined(joined_answers(damaged, pictures), separate)
