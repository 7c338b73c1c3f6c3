"""Compare exported models with PyTorch, and make the golden logits that a device checks itself with."""

import copy
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import nn

from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import CheckFailedError
from mnist_edge.training.loop import model_logits
from runtime.contract import FLOAT_FILE, INT8_FILE, LOGIT_TOLERANCE
from runtime.inputs import make_input

INT8_MIN_AGREEMENT = 0.98
"""Smallest share of drawn digits for which int8 and PyTorch predict the same digit."""

PARITY_IMAGES = 200
GOLDEN_IMAGES = 10
SEED = 28


@dataclass(frozen=True)
class Parity:
    """Largest differences of logits from PyTorch's on drawn digits, and the share of equal int8 predictions."""

    images: int
    float_max_difference: float
    int8_max_difference: float
    int8_agreement: float


def open_session(model: ModelProto | bytes, *, optimized_path: Path | None = None) -> onnxruntime.InferenceSession:
    """Open a model in ONNX Runtime, on one thread, and save the graph that it makes of the model if a path is given."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if optimized_path is not None:
        options.optimized_model_filepath = str(optimized_path)
    options.log_severity_level = 4
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def session_logits(model: ModelProto | bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits of a model, float32 `[N, 10]`, for images uint8 `[N, 28, 28]`."""
    session = open_session(model)
    name = session.get_inputs()[0].name
    inputs = make_input(name, len(images))
    inputs.fill(images)
    logits: NDArray[np.float32] = session.run(None, {name: inputs.array})[0]
    return logits


def gives_same_logits(model: ModelProto | bytes, other: ModelProto | bytes) -> bool:
    """Return whether two digit networks give the same logits, bit for bit, for drawn digits and for noise."""
    digits = draw_digits(PARITY_IMAGES, SEED).images
    noise = np.random.default_rng(SEED).integers(0, 256, digits.shape, np.uint8)  # digits leave the border black
    images = np.concatenate([digits, noise])
    return session_logits(model, images).tobytes() == session_logits(other, images).tobytes()


def check_parity(model: nn.Module, float_onnx: ModelProto, int8_onnx: ModelProto) -> Parity:
    """Compare both exported models with PyTorch on drawn digits.

    Raises:
        CheckFailedError: a difference exceeds a tolerance of this module.
    """
    images = draw_digits(PARITY_IMAGES, SEED).images
    expected = model_logits(model, images)
    float_logits, int8_logits = session_logits(float_onnx, images), session_logits(int8_onnx, images)
    parity = Parity(
        images=len(images),
        float_max_difference=float(np.abs(float_logits - expected).max()),
        int8_max_difference=float(np.abs(int8_logits - expected).max()),
        int8_agreement=float((int8_logits.argmax(1) == expected.argmax(1)).mean()),
    )
    if not parity.float_max_difference <= LOGIT_TOLERANCE:
        raise CheckFailedError(
            f"the float model does not agree with PyTorch: logits differ by up to {parity.float_max_difference:.3g}, "
            f"more than {LOGIT_TOLERANCE}"
        )
    if (float_logits.argmax(1) != expected.argmax(1)).any():
        raise CheckFailedError("the float model does not agree with PyTorch: it predicts other digits")
    if parity.int8_agreement < INT8_MIN_AGREEMENT:
        raise CheckFailedError(
            f"the int8 model does not agree with PyTorch: only {parity.int8_agreement:.1%} of the predictions "
            f"are the same; at least {INT8_MIN_AGREEMENT:.0%} must be"
        )
    return parity


def golden_file(model: nn.Module, int8_onnx: ModelProto) -> bytes:
    """Return an .npz file of drawn digits, `images`, and the logits of both models under their file names.

    The float logits are PyTorch's in float64, rounded once, so they are the same on every machine. The
    int8 logits are those of the int8 model.
    """
    images = draw_digits(GOLDEN_IMAGES, SEED + 1).images
    with torch.inference_mode():
        double = copy.deepcopy(model).double().eval()
        exact = double(torch.from_numpy(images).unsqueeze(1)).numpy().astype(np.float32)
    stream = io.BytesIO()
    np.savez_compressed(stream, images=images, **{FLOAT_FILE: exact, INT8_FILE: session_logits(int8_onnx, images)})
    return stream.getvalue()
