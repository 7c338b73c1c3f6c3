"""Print the logits of the golden images on this device as JSON; needs only `runtime`: `python logits.py ARTIFACTS`."""

import json
import platform
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime

from runtime import Predictor
from runtime.contract import FLOAT_FILE, GOLDEN_FILE, GOLDEN_IMAGES, INT8_FILE, MODELS

THREADS, BATCHES = (1, 2), (1, 64)


def main(artifacts: Path) -> None:
    """Print each model file's logits, float32 `[N, 10]` as hexadecimal bytes, for each combination of settings."""
    logits_by_file: dict[str, dict[str, str]] = {}
    for model, file in product(MODELS, (INT8_FILE, FLOAT_FILE)):
        with np.load(artifacts / model / GOLDEN_FILE) as golden:
            images = golden[GOLDEN_IMAGES]
        repeated = np.resize(images, (max(BATCHES), *images.shape[1:]))
        logits = {}
        for threads, batch in product(THREADS, BATCHES):
            predictor = Predictor(artifacts / model / file, threads=threads)
            batches = [predictor.logits(repeated[start : start + batch]) for start in range(0, len(repeated), batch)]
            logits[f"{threads} threads, batch {batch}"] = np.concatenate(batches)[: len(images)].tobytes().hex()
        logits_by_file[f"{model}/{file}"] = logits
    versions = {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    print(json.dumps({"machine": platform.machine(), "versions": versions, "logits": logits_by_file}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
