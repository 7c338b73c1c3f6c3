"""Print the logits of the golden images on this device as JSON: `python logits.py ARTIFACTS`, with `runtime` alone."""

import json
import platform
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime

from runtime import Predictor

GOLDEN = "golden.npz"
FILES = ("model.int8.onnx", "model.onnx")
THREADS, BATCHES = (1, 2), (1, 64)


def main(artifacts: Path) -> None:
    """Print what each file gives, as hexadecimal bytes of float32 `[N, 10]`, for each threads × batch."""
    found: dict[str, dict[str, str]] = {}
    for model, file in product(("v1", "v2"), FILES):
        with np.load(artifacts / model / GOLDEN) as golden:
            images = golden["images"]
        repeated = np.resize(images, (max(BATCHES), *images.shape[1:]))
        logits = {}
        for threads, batch in product(THREADS, BATCHES):
            predictor = Predictor(artifacts / model / file, threads=threads)
            batches = [predictor.logits(repeated[start : start + batch]) for start in range(0, len(repeated), batch)]
            logits[f"{threads} threads, batch {batch}"] = np.concatenate(batches)[: len(images)].tobytes().hex()
        found[f"{model}/{file}"] = logits
    versions = {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    print(json.dumps({"machine": platform.machine(), "versions": versions, "logits": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
