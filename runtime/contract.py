"""What exporter and predictor agree on: file names, tensors and metadata keys of a digit network."""

from pathlib import Path
from typing import Final

ARTIFACTS: Final = Path(__file__).resolve().parent.parent / "artifacts"
"""The packaged models: beside this package, in a checkout as in an installed wheel."""
MODELS: Final = ("v1", "v2")
"""Names of the packaged models, each with a folder in `ARTIFACTS`."""

FLOAT_FILE: Final = "model.onnx"
INT8_FILE: Final = "model.int8.onnx"
GOLDEN_FILE: Final = "golden.npz"
MANIFEST_FILE: Final = "manifest.json"

IMAGE_SIZE: Final = 28
CLASSES: Final = 10
INPUT: Final = "image"
"""uint8 `[N, 1, 28, 28]`: pixels 0 to 255, ink bright on dark."""
OUTPUT: Final = "logits"
"""float32 `[N, 10]`."""

PARAMETERS_KEY: Final = "mnist_edge.parameters"
"""Metadata: the network's parameters. An int8 file can hold more weights, since its layout repeats some."""
TEMPERATURE_KEY: Final = "mnist_edge.temperature"
"""Metadata: logits are divided by it before the softmax."""
REJECT_BELOW_KEY: Final = "mnist_edge.reject_below"
"""Metadata: the confidence below which a prediction is rejected."""
