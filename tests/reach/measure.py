"""Compare the example programs with the golden answers: `python -m tests.reach.measure RESULTS`.

It also prints each runtime's time for a frame of 640×480 pixels.
"""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mnist_edge.files import save_results
from mnist_edge.machine import this_machine
from runtime.contract import (
    ARTIFACTS,
    CLASSES,
    CONFIDENCE,
    DIGIT,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_IMAGES,
    GOLDEN_PICTURE_PREFIX,
    GOLDEN_PICTURES_FILE,
    IMAGE_SIZE,
    INT8_FILE,
    MODELS,
    OPTIMIZED_FILE,
    PICTURE_FILE,
    PLAUSIBILITY,
    PREPARED,
    PROBABILITIES,
    REJECTION,
)
from tests.devices.measure import golden
from tests.reach.programs import PROGRAMS, Answer, Picture
from tests.windows import unfolded
from tools.devices_page import DeviceResult, DeviceResults

OUTPUTS = np.dtype(
    [
        (DIGIT, np.int64),
        (CONFIDENCE, np.float32),
        (PROBABILITIES, np.float32, CLASSES),
        (REJECTION, np.int64),
        (PREPARED, np.uint8, (IMAGE_SIZE, IMAGE_SIZE)),
        (PLAUSIBILITY, np.float32),
    ]
)
"""The outputs of `picture_to_digit.onnx` for a picture, in the order of the model."""
TIMED_RUNS = 200


def pictures(model: str) -> list[Picture]:
    """Return a model's golden pictures."""
    return [
        array for name, array in golden(model, GOLDEN_PICTURES_FILE).items() if name.startswith(GOLDEN_PICTURE_PREFIX)
    ]


@cache
def answers(name: str, model: str) -> tuple[Answer | None, ...]:
    """Return what an example says about a model's golden pictures; None for those that it cannot be given."""
    read = PROGRAMS[name].read
    if read is None:
        given = outputs(name, model)
        return tuple(Answer(*row) for row in given[[DIGIT, CONFIDENCE, REJECTION]].tolist())
    return tuple(read(ARTIFACTS / model / PICTURE_FILE, picture) for picture in pictures(model))


@cache
def outputs(name: str, model: str) -> NDArray[np.void]:
    """Return `OUTPUTS` of an example's runtime for a model's golden pictures, `[N]`."""
    values = PROGRAMS[name].outputs(ARTIFACTS / model / PICTURE_FILE, pictures(model)).values
    return np.frombuffer(values, OUTPUTS)


@cache
def logits(name: str, model: str, file: str) -> NDArray[np.float32]:
    """Return an example's runtime's logits for a model's golden images, float32 `[N, 10]`."""
    images = golden(model, GOLDEN_FILE)[GOLDEN_IMAGES]
    inputs = unfolded(images) if file == OPTIMIZED_FILE else images[:, None]
    values = PROGRAMS[name].outputs(ARTIFACTS / model / file, [inputs]).values
    return np.frombuffer(values, np.float32).reshape(len(images), CLASSES)


def other_answers(given: Sequence[Answer | None], model: str) -> list[int]:
    """Return which golden pictures get another digit or rejection, by their indices."""
    expected = golden(model, GOLDEN_PICTURES_FILE)
    return [
        index
        for index, answer in enumerate(given)
        if answer and (answer.digit, answer.rejection) != (expected[DIGIT][index], expected[REJECTION][index])
    ]


def largest_difference(given: NDArray[np.void], model: str, name: str) -> float:
    """Return the largest difference of one of `OUTPUTS` from the golden one."""
    expected = golden(model, GOLDEN_PICTURES_FILE)[name].astype(np.float64)
    return float(np.abs(given[name] - expected).max())


def logit_difference(given: NDArray[np.float32], model: str, file: str) -> float:
    """Return the largest difference of a logit from the golden one."""
    return float(np.abs(given - golden(model, GOLDEN_FILE)[file]).max())


def measure(name: str) -> DeviceResult:
    """Return how far an example and its runtime are from the golden answers."""

    def largest_logit_difference(file: str) -> float:
        return max(logit_difference(logits(name, model, file), model, file) for model in MODELS)

    version = PROGRAMS[name].outputs(ARTIFACTS / "v2" / PICTURE_FILE, []).version
    return DeviceResult(
        name=name,
        versions={"onnxruntime": version},
        pictures=sum(answer is not None for model in MODELS for answer in answers(name, model)),
        other_answers=sum(len(other_answers(answers(name, model), model)) for model in MODELS),
        prepared_levels=int(max(largest_difference(outputs(name, model), model, PREPARED) for model in MODELS)),
        score=max(
            largest_difference(outputs(name, model), model, score)
            for model in MODELS
            for score in (CONFIDENCE, PLAUSIBILITY)
        ),
        int8_logit=largest_logit_difference(INT8_FILE),
        float_logit=largest_logit_difference(FLOAT_FILE),
    )


def milliseconds_per_frame(name: str) -> float:
    """Return the median time of V2 for a frame of 640×480 pixels; the first run is not counted."""
    (frame,) = (picture for picture in pictures("v2") if picture.shape == (480, 640, 3))
    times = PROGRAMS[name].outputs(ARTIFACTS / "v2" / PICTURE_FILE, [frame] * (TIMED_RUNS + 1)).milliseconds
    return median(times[1:])


if __name__ == "__main__":
    save_results(Path(sys.argv[1]), DeviceResults(this_machine(), tuple(map(measure, PROGRAMS))))
    for name in PROGRAMS:
        if "," not in name:  # an emulated processor's times say nothing
            print(f"{name}: {milliseconds_per_frame(name):.2f} ms a frame of 640×480")
