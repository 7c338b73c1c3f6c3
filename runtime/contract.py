"""The names, shapes and metadata keys on which exporter and predictor agree."""

from enum import IntEnum
from pathlib import Path
from typing import Final

ARTIFACTS: Final = Path(__file__).resolve().parent.parent / "artifacts"
"""Folder of the packaged models, beside this package both in a checkout and in an installed wheel."""
MODELS: Final = ("v1", "v2")
"""Names of the packaged models; each has a folder in `ARTIFACTS`."""

FLOAT_FILE: Final = "model.onnx"
INT8_FILE: Final = "model.int8.onnx"
MANIFEST_FILE: Final = "manifest.json"
GOLDEN_FILE: Final = "golden.npz"
"""Holds `GOLDEN_IMAGES`, and each model's logits for them, float32 `[N, 10]`, under the model's file name."""
GOLDEN_IMAGES: Final = "images"
"""uint8 `[N, 28, 28]`."""

IMAGE_SIZE: Final = 28
CLASSES: Final = 10
INPUT: Final = "image"
"""uint8 `[N, 1, 28, 28]`: pixels 0 to 255, bright ink on a dark background."""
OUTPUT: Final = "logits"
"""float32 `[N, 10]`."""

PARAMETERS_KEY: Final = "mnist_edge.parameters"
"""Metadata: number of parameters of the network. An int8 file may store more weights: its layout repeats some."""
TEMPERATURE_KEY: Final = "mnist_edge.temperature"
"""Metadata: divisor of the logits before the softmax, so that probabilities are calibrated."""
REJECT_BELOW_KEY: Final = "mnist_edge.reject_below"
"""Metadata: confidence, 0 to 1, below which a prediction is rejected."""


class Reason(IntEnum):
    """Why a picture is rejected. A graph's integer output has these codes, and 0 for a picture that is not rejected."""

    BLANK = 1
    """Nothing stands out from the background."""
    NOISE = 2
    """What stands out is too scattered, grainy or faint to be a stroke."""
    SEVERAL_MARKS = 3
    """A second mark is nearly as large as the first, as in a number of two digits."""
    EDGE = 4
    """The only mark is a strip along an edge of the picture, from one end of it to the other."""
    UNCLEAR = 5
    """It cannot be told which of light and dark is ink, or a stroke was dropped."""
    LOW_CONFIDENCE = 6
    """The most probable digit's probability is below the threshold."""

    @property
    def label(self) -> str:
        """The name in JSON, CSV and metadata, for example `several_marks`."""
        return self.name.lower()
