"""Print this device's answers to golden images and pictures as JSON; needs only `runtime`: `answers.py ARTIFACTS`."""

import json
import platform
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from runtime import Predictor
from runtime.contract import (
    CONFIDENCE,
    DIGIT,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_IMAGES,
    GOLDEN_PICTURE_PREFIX,
    GOLDEN_PICTURES_FILE,
    INT8_FILE,
    MODELS,
    OPTIMIZED_FILE,
    PICTURE,
    PICTURE_FILE,
    PLAUSIBILITY,
    PREPARED,
    REJECTION,
)

THREADS, BATCHES = (1, 2), (1, 64)
ANSWERS = (DIGIT, CONFIDENCE, PLAUSIBILITY, REJECTION, PREPARED)
PREDICT = "Predictor.predict"
"""One of two ways to an answer, and `PICTURE_FILE`, run by onnxruntime alone, the other."""


def main(artifacts: Path) -> None:
    """Print each model's logits, for each combination of settings, and its answers to pictures, read in both ways."""
    output = {
        "machine": platform.machine(),
        "versions": {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        "logits": {
            f"{model}/{file}": _logits(artifacts / model, file)
            for model, file in product(MODELS, (INT8_FILE, OPTIMIZED_FILE, FLOAT_FILE))
        },
        "pictures": {model: _pictures(artifacts / model) for model in MODELS},
    }
    print(json.dumps(output))


def _logits(folder: Path, file: str) -> dict[str, str]:
    """Return the logits, float32 `[N, 10]` as hexadecimal bytes, by settings."""
    with np.load(folder / GOLDEN_FILE) as golden:
        images = golden[GOLDEN_IMAGES]
    repeated = np.resize(images, (max(BATCHES), *images.shape[1:]))
    logits = {}
    for threads, batch in product(THREADS, BATCHES):
        predictor = Predictor(folder / file, threads=threads)
        if Path(predictor.path).name != file:  # onnxruntime could not run it
            raise RuntimeError(f"{predictor.path} was opened in place of {file}")
        batches = [predictor.logits(repeated[start : start + batch]) for start in range(0, len(repeated), batch)]
        logits[f"{threads} threads, batch {batch}"] = np.concatenate(batches)[: len(images)].tobytes().hex()
    return logits


def _pictures(folder: Path) -> dict[str, dict[str, list[Any]]]:
    """Return the `ANSWERS` to the golden pictures as lists, in the pictures' order, by way."""
    with np.load(folder / GOLDEN_PICTURES_FILE) as golden:
        pictures = [golden[name] for name in golden if name.startswith(GOLDEN_PICTURE_PREFIX)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the order of sums, and so their rounding, could depend on the number of cores
    session = onnxruntime.InferenceSession(folder / PICTURE_FILE, options)
    predictor = Predictor(folder)
    return {
        PICTURE_FILE: _by_name([session.run(ANSWERS, {PICTURE: picture}) for picture in pictures]),
        PREDICT: _by_name([_predict(predictor, picture) for picture in pictures]),
    }


def _predict(predictor: Predictor, picture: NDArray[np.uint8]) -> list[Any]:
    """Return a predictor's `ANSWERS` to a picture."""
    prediction = predictor.predict(picture)
    reason = prediction.rejection.reason if prediction.rejection else 0
    prepared = predictor.prepare(picture).digit
    return [prediction.digit, prediction.confidence, prediction.plausibility, int(reason), prepared]


def _by_name(answers: list[list[Any]]) -> dict[str, list[Any]]:
    """Turn the answers to each picture into a list for each of `ANSWERS`."""
    return {
        name: [np.asarray(answer).squeeze().tolist() for answer in column]
        for name, column in zip(ANSWERS, zip(*answers, strict=True), strict=True)
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
