"""The names, shapes and metadata keys on which exporter and predictor agree."""

from enum import IntEnum
from pathlib import Path
from typing import Final, Self

_BUNDLED: Final = Path(__file__).resolve().parent / "artifacts"
ARTIFACTS: Final = _BUNDLED if _BUNDLED.is_dir() else _BUNDLED.parent.parent / "artifacts"
"""Folder of the packaged models: in this package in a bundle, else beside it, in a checkout or an installed wheel."""
PILLOW: Final = f"'{__name__.split('.')[-2]}[images]'" if ARTIFACTS is _BUNDLED else "pillow"
"""What installs Pillow: in a bundle its extra."""
MODELS: Final = ("v1", "v2")
"""Names of the packaged models; each has a folder in `ARTIFACTS`."""

FLOAT_FILE: Final = "model.onnx"
INT8_FILE: Final = "model.int8.onnx"
OPTIMIZED_FILE: Final = "model.int8.optimized.onnx"
"""The int8 model as ONNX Runtime optimizes it, which may read `WINDOWS`: the same logits, quicker to open and run."""
FUSED_OPERATORS: Final = (b"NhwcMaxPool", b"QGemm", b"QLinearConv")
"""ONNX Runtime's own operators, of the domain com.microsoft, that `OPTIMIZED_FILE` may contain."""
MANIFEST_FILE: Final = "manifest.json"
PACKAGED: Final = sorted({file.parent.name for file in ARTIFACTS.glob("*/model.int8*.onnx")})
"""Names of the models that are here: `MODELS` and exports beside them, or in a bundle its only model."""
DEFAULT_MODEL: Final = next((name for name in (*reversed(MODELS), *PACKAGED) if name in PACKAGED), MODELS[-1])
GOLDEN_FILE: Final = "golden.npz"
"""Holds `GOLDEN_IMAGES`, and each model's logits for them, float32 `[N, 10]`, under the model's file name."""
GOLDEN_IMAGES: Final = "images"
"""uint8 `[N, 28, 28]`."""
LOGIT_TOLERANCE: Final = 1e-4
"""By how much a logit may differ between machines, which round floats differently; logits are about -15 to 20."""
PREPARE_FILE: Final = "prepare.onnx"
"""In `ARTIFACTS`, shared by all models: turns a picture into a digit's 28×28 pixels and a reason to reject it."""
PICTURE_FILE: Final = "picture_to_digit.onnx"
"""In each model's folder: preparation and int8 network in one graph."""
GOLDEN_PICTURES_FILE: Final = "golden_pictures.npz"
"""In each model's folder: pictures, `picture.<name>`, and the joined graph's answers in the order of the pictures.

The answers are `digit` int64 `[N]`, `confidence` float32 `[N]`, `rejection` int64 `[N]`, `prepared` uint8
`[N, 28, 28]` and `plausibility` float32 `[N]`. On every machine digits and rejections are the same, prepared pixels
differ by at most `PREPARED_TOLERANCE`, and the plausibilities of these pixels by at most `PLAUSIBILITY_TOLERANCE`.
"""
GOLDEN_PICTURE_PREFIX: Final = "picture."
PREPARED_TOLERANCE: Final = 1
"""Grey levels by which a prepared pixel may differ between machines, which round sums of floats differently."""
PLAUSIBILITY_TOLERANCE: Final = 1e-4
"""By how much a plausibility may differ between machines, whose logits differ by up to `LOGIT_TOLERANCE`."""

IMAGE_SIZE: Final = 28
CLASSES: Final = 10
INPUT: Final = "image"
"""uint8 `[N, 1, 28, 28]`: pixels 0 to 255, bright ink on a dark background."""
WINDOWS: Final = "windows"
"""uint8 `[N, 14, 7, 32]`, in place of `INPUT` in `OPTIMIZED_FILE`.

At row i and column b are the pixels of rows 2i - 1 to 2i + 2 and columns 4b - 1 to 4b + 6, row by row, with 0 outside
the image.
"""
WINDOWS_SHAPE: Final = (IMAGE_SIZE // 2, IMAGE_SIZE // 4, 4 * 8)
"""Rows and columns of an image's windows, and the pixels of each."""
OUTPUT: Final = "logits"
"""float32 `[N, 10]`."""
PICTURE: Final = "picture"
"""uint8 `[H, W, C]`, C = 1 (grey), 3 (RGB) or 4 (RGBA), H and W from 1 to 4,096."""
PREPARED: Final = "prepared"
"""uint8 `[1, 1, 28, 28]` of the preparation, `[28, 28]` of the joined graph."""
REJECTION: Final = "rejection"
"""int64 `[1]`: a `Reason`, or 0 for none."""
STEP_PREFIX: Final = "step."
"""Further outputs of the preparation, float32, for `predict --explain`: `step.<name>`, in the order of the steps."""
DIGIT: Final = "digit"
"""int64 `[1]`, of the joined graph."""
CONFIDENCE: Final = "confidence"
"""float32 `[1]`, of the joined graph: the probability of the digit."""
PROBABILITIES: Final = "probabilities"
"""float32 `[10]`, of the joined graph."""
PLAUSIBILITY: Final = "plausibility"
"""float32 `[1]`, of the joined graph: how much the picture looks like a digit at all, 0 to 1."""
REJECT_BELOW: Final = 0.5
"""Plausibility below which a prediction is rejected; `calibrate` sets each model's scale to this threshold."""

TEMPERATURE_KEY: Final = "mnist_edge.temperature"
"""Metadata: divisor of the logits before the softmax, so that probabilities are calibrated."""
PLAUSIBILITY_MIDPOINT_KEY: Final = "mnist_edge.plausibility_midpoint"
"""Metadata: spread of the logits, their log-sum-exp minus their mean, whose plausibility is 0.5."""
PLAUSIBILITY_SLOPE_KEY: Final = "mnist_edge.plausibility_slope"
"""Metadata: factor of the spread's distance from the midpoint, before the logistic function."""


class Reason(IntEnum):
    """Why a picture is rejected, with the sentence of `Rejection.detail`.

    A graph's integer output has these codes, and 0 for a picture that is not rejected.
    """

    detail: str

    def __new__(cls, code: int, detail: str = "") -> Self:  # noqa: D102
        reason = int.__new__(cls, code)
        reason._value_, reason.detail = code, detail
        return reason

    BLANK = 1, "the picture is blank: nothing stands out from the background"
    NOISE = 2, "the picture shows noise, or marks too faint to tell from it"
    SEVERAL_MARKS = 3, "the picture shows several marks, not a single digit"
    EDGE = 4, "the only mark is a strip along an edge of the picture"
    UNCLEAR = 5, "light or dark could be the ink, or part of the ink may be lost"
    IMPLAUSIBLE = 6, "it does not look like a digit: its plausibility, {plausibility:.1%}, is below {threshold:.1%}"

    @property
    def label(self) -> str:
        """The name in JSON, CSV and metadata, for example `several_marks`."""
        return self.name.lower()
