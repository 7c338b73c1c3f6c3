"""Devices give the golden answers: logits to the bit, and what pictures show. Run by `make test-devices`."""

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from runtime.contract import (
    CONFIDENCE,
    DIGIT,
    INT8_FILE,
    LOGIT_TOLERANCE,
    MODELS,
    OPTIMIZED_FILE,
    PICTURE_FILE,
    PLAUSIBILITY,
    PLAUSIBILITY_TOLERANCE,
    PREPARED,
    PREPARED_TOLERANCE,
    REJECTION,
)
from tests.devices.measure import (
    DEVICES,
    ROOT,
    DeviceError,
    answers_on,
    logit_difference,
    other_answers,
    picture_difference,
    run_answers,
    without_openblas_settings,
)

CASES = [f"{threads} threads, batch {batch}" for threads in (1, 2) for batch in (1, 64)]
WAYS = [PICTURE_FILE, "Predictor.predict"]
SCORE_TOLERANCE = PLAUSIBILITY_TOLERANCE
"""Measured: 1.2e-7, on every device."""

pytestmark = pytest.mark.devices


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("device", DEVICES)
class TestLogits:
    @pytest.mark.parametrize("file", [INT8_FILE, OPTIMIZED_FILE])
    def test_int8_is_the_same_to_the_bit(self, device: str, model: str, case: str, file: str) -> None:
        assert logit_difference(answers_on(device), f"{model}/{file}", case) == 0.0

    def test_float_is_close(self, device: str, model: str, case: str) -> None:
        assert logit_difference(answers_on(device), f"{model}/model.onnx", case) <= LOGIT_TOLERANCE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("device", DEVICES)
class TestPictures:
    def test_digits_and_rejections_are_the_same(self, device: str, model: str, way: str) -> None:
        assert not other_answers(answers_on(device), model, way).any()

    def test_prepared_pixels_are_within_a_level(self, device: str, model: str, way: str) -> None:
        assert picture_difference(answers_on(device), model, way, PREPARED) <= PREPARED_TOLERANCE

    @pytest.mark.parametrize("score", [CONFIDENCE, PLAUSIBILITY])
    def test_scores_are_close(self, device: str, model: str, way: str, score: str) -> None:
        assert picture_difference(answers_on(device), model, way, score) <= SCORE_TOLERANCE


@pytest.mark.parametrize("device", DEVICES)
def test_the_machine_is_the_emulated_one(device: str) -> None:
    assert answers_on(device)["machine"] == DEVICES[device].machine


def test_the_oldest_packages_are_the_oldest_allowed() -> None:
    versions = answers_on("x86, oldest packages")["versions"]
    requirements = (ROOT / "pyproject.toml").read_text("utf-8")
    for package, number in versions.items():
        assert f'"{package}>={number.rpartition(".")[0]}' in requirements


def test_a_changed_bit_is_noticed() -> None:
    output = json.loads(json.dumps(answers_on("this processor")))
    logits = output["logits"]["v2/model.int8.onnx"]
    case = CASES[0]
    logits[case] = ("0" if logits[case][0] != "0" else "1") + logits[case][1:]
    assert logit_difference(output, "v2/model.int8.onnx", case) > 0


def _raise_digit(answers: dict[str, Any]) -> None:
    answers[DIGIT][3] += 1


def _raise_rejection(answers: dict[str, Any]) -> None:
    answers[REJECTION][3] += 1


@pytest.mark.parametrize("change", [_raise_digit, _raise_rejection])
def test_another_answer_is_noticed(change: Callable[[dict[str, Any]], None]) -> None:
    output = json.loads(json.dumps(answers_on("this processor")))
    change(output["pictures"]["v2"][PICTURE_FILE])
    assert np.flatnonzero(other_answers(output, "v2", PICTURE_FILE)).tolist() == [3]


def test_a_prepared_pixel_that_differs_is_noticed() -> None:
    output = json.loads(json.dumps(answers_on("this processor")))
    before = picture_difference(output, "v1", PICTURE_FILE, PREPARED)
    output["pictures"]["v1"][PICTURE_FILE][PREPARED][5][14][14] -= 9 + before
    assert picture_difference(output, "v1", PICTURE_FILE, PREPARED) >= 9


def test_a_device_that_cannot_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match="apt install qemu-user"):
        run_answers("x86, Haswell", os.environ)


@pytest.mark.parametrize("kept", [False, True])
def test_emulated_runs_need_to_drop_openblas_settings(kept: bool) -> None:
    """With the host's settings, Nehalem meets an instruction that it lacks."""
    host = {**os.environ, "OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_L2_SIZE": "1048576"}
    done = run_answers("x86, Nehalem", host if kept else without_openblas_settings(host))
    assert (done.returncode == 0) is not kept, done.stderr
