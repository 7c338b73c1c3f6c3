"""The parity check: the committed models pass it, damaged ones do not."""

import copy
import io

import numpy as np
import pytest
import torch
from onnx import ModelProto, numpy_helper
from torch import nn

from export.parity import INT8_MIN_AGREEMENT, check_parity, golden_file
from export.to_onnx import to_float_onnx
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import CheckFailedError
from mnist_edge.training.checkpoint import Checkpoint
from mnist_edge.training.loop import model_logits
from runtime.contract import LOGIT_TOLERANCE


def _with_changed_weight(model: ModelProto, name_end: str, change: float) -> ModelProto:
    damaged = ModelProto()
    damaged.CopyFrom(model)
    tensor = next(tensor for tensor in damaged.graph.initializer if tensor.name.endswith(name_end))
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((values * change).astype(values.dtype), tensor.name))
    return damaged


def test_the_committed_models_agree_with_pytorch(
    checkpoint: Checkpoint, float_onnx: ModelProto, int8_onnx: ModelProto
) -> None:
    parity = check_parity(checkpoint.model, float_onnx, int8_onnx)
    assert parity.images == 200
    assert parity.float_max_difference <= LOGIT_TOLERANCE
    assert parity.int8_agreement >= INT8_MIN_AGREEMENT


def test_a_slightly_different_float_model_is_refused(
    checkpoint: Checkpoint, float_onnx: ModelProto, int8_onnx: ModelProto
) -> None:
    damaged = _with_changed_weight(float_onnx, "blocks.1.0.weight", 1.0001)
    with pytest.raises(CheckFailedError, match="the float model does not agree with PyTorch: logits differ"):
        check_parity(checkpoint.model, damaged, int8_onnx)


def test_a_float_model_that_predicts_another_digit_is_refused(checkpoint: Checkpoint, int8_onnx: ModelProto) -> None:
    """Even if the logits differ by less than the tolerance."""
    undecided = []
    for digit in (0, 1):
        model = copy.deepcopy(checkpoint.model)
        last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
        last.bias = nn.Parameter(torch.eye(10)[digit] * 1e-6)
        last.weight.data.zero_()
        undecided.append(model)
    with pytest.raises(CheckFailedError, match="it predicts other digits"):
        check_parity(undecided[0], to_float_onnx(undecided[1]), int8_onnx)


def test_an_int8_model_that_predicts_other_digits_is_refused(
    name: str, checkpoint: Checkpoint, float_onnx: ModelProto, int8_onnx: ModelProto
) -> None:
    weight = {"v1": "conv_2.rows.weight_quantized", "v2": "blocks.1.0.weight_quantized"}[name]
    damaged = _with_changed_weight(int8_onnx, weight, -1)
    with pytest.raises(CheckFailedError, match="the int8 model does not agree with PyTorch"):
        check_parity(checkpoint.model, float_onnx, damaged)


def test_golden_float_logits_are_those_of_pytorch(checkpoint: Checkpoint, int8_onnx: ModelProto) -> None:
    content = golden_file(checkpoint.model, int8_onnx)
    assert content == golden_file(checkpoint.model, int8_onnx)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images, expected = arrays["images"], arrays["model.onnx"]
        assert arrays["model.int8.onnx"].shape == expected.shape == (10, 10)
    assert images.dtype == np.uint8
    assert np.abs(model_logits(checkpoint.model, images) - expected).max() <= LOGIT_TOLERANCE
    parity_images = draw_digits(200, 28).images
    assert not any(np.array_equal(image, other) for image in images for other in parity_images)
