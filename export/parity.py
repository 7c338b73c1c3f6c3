"""Whether exported models answer as PyTorch does, and the golden logits that devices check themselves with."""

import copy
import io
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import nn

from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import CheckFailedError
from mnist_edge.training.loop import model_logits
from runtime.contract import INPUT

# The tolerances of the whole project. Logits of these networks span about -15 to 20.
FLOAT_TOLERANCE = 1e-4
"""Largest difference of a float32 logit from PyTorch's."""
INT8_MIN_AGREEMENT = 0.98
"""Least share of drawn digits for which int8 and PyTorch name the same digit."""
INT8_GOLDEN_TOLERANCE = 1e-4
"""Largest difference of an int8 logit between machines: the sums are whole numbers, only their scaling is not."""

PARITY_IMAGES = 200
GOLDEN_IMAGES = 10
_SEED = 28


@dataclass(frozen=True)
class Parity:
    """Differences from PyTorch on drawn digits: of the largest logits, and the share of equal digits."""

    images: int
    float_max_difference: float
    int8_max_difference: float
    int8_agreement: float


def session_logits(model: ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run an ONNX model on images uint8 `[N, 28, 28]` and give its logits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    logits: NDArray[np.float32] = session.run(None, {INPUT: images[:, None]})[0]
    return logits


def check_parity(model: nn.Module, float_onnx: ModelProto, int8_onnx: ModelProto) -> Parity:
    """Compare both exported models with PyTorch on digits drawn by code.

    Raises:
        CheckFailedError: a tolerance of this module is not kept.
    """
    images = draw_digits(PARITY_IMAGES, _SEED).images
    expected = model_logits(model, images)
    of_float, of_int8 = session_logits(float_onnx, images), session_logits(int8_onnx, images)
    parity = Parity(
        images=len(images),
        float_max_difference=float(np.abs(of_float - expected).max()),
        int8_max_difference=float(np.abs(of_int8 - expected).max()),
        int8_agreement=float((of_int8.argmax(1) == expected.argmax(1)).mean()),
    )
    if not parity.float_max_difference <= FLOAT_TOLERANCE:
        raise CheckFailedError(
            f"the float model does not agree with PyTorch: logits differ by up to {parity.float_max_difference:.3g}, "
            f"allowed is {FLOAT_TOLERANCE}"
        )
    if (of_float.argmax(1) != expected.argmax(1)).any():
        raise CheckFailedError("the float model does not agree with PyTorch: it predicts other digits")
    if parity.int8_agreement < INT8_MIN_AGREEMENT:
        raise CheckFailedError(
            f"the int8 model does not agree with PyTorch: {parity.int8_agreement:.1%} of the digits are the same, "
            f"at least {INT8_MIN_AGREEMENT:.0%} must be"
        )
    return parity


def golden_file(model: nn.Module, int8_onnx: ModelProto, float_name: str, int8_name: str) -> bytes:
    """Give an .npz file of drawn digits, `images`, and each model's logits for them under its file's name.

    Those of the float model are PyTorch's in float64, rounded once, and so the same on every
    machine; those of the int8 model are its own.
    """
    images = draw_digits(GOLDEN_IMAGES, _SEED + 1).images
    with torch.inference_mode():
        double = copy.deepcopy(model).double().eval()
        exact = double(torch.from_numpy(images).unsqueeze(1)).numpy().astype(np.float32)
    stream = io.BytesIO()
    np.savez_compressed(stream, images=images, **{float_name: exact, int8_name: session_logits(int8_onnx, images)})
    return stream.getvalue()
