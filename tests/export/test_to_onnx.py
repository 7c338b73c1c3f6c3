"""The float graph: its operators, weights and names, and that it computes what PyTorch computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from export.graph import operators
from export.parity import session_logits
from export.to_onnx import to_float_onnx
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.training.checkpoint import Checkpoint
from mnist_edge.training.loop import model_logits
from runtime.contract import LOGIT_TOLERANCE

OPERATORS = {
    "v1": {"Cast": 1, "Conv": 3, "Div": 1, "Gemm": 2, "MaxPool": 3, "Relu": 4, "Reshape": 1},
    "v2": {"Cast": 1, "Conv": 3, "Div": 1, "Gemm": 1, "GlobalAveragePool": 1, "MaxPool": 3, "Relu": 3, "Reshape": 1},
}


def test_batch_normalization_is_folded_into_the_convolutions(name: str, float_onnx: ModelProto) -> None:
    assert operators(float_onnx) == OPERATORS[name]
    weights = sum(numpy_helper.to_array(t).size for t in float_onnx.graph.initializer if "." in t.name)
    # V2's 224 parameters of batch normalization become 112 biases. The divisor and the shape are not parameters.
    constants = {"v1": 1 + 2, "v2": 1 + 2}[name]
    assert weights == {"v1": 24_714, "v2": 24_048 - 112}[name] + constants


def test_the_file_has_no_traces_of_the_exporting_machine(float_onnx: ModelProto) -> None:
    content = float_onnx.SerializeToString()
    for trace in (b".py", b"site-packages", bytes(Path.cwd()), b"stack_trace", b"namespace", b"pkg."):
        assert trace not in content
    assert not float_onnx.graph.value_info
    assert float_onnx.producer_name == "mnist-edge"


def test_nodes_are_named_after_their_operators(float_onnx: ModelProto) -> None:
    names = [node.name for node in float_onnx.graph.node]
    assert names[:4] == ["cast_1", "div_1", "conv_1", "relu_1"]
    assert len(set(names)) == len(names)
    for node in float_onnx.graph.node:
        assert node.output[0] in (node.name, "logits")


def test_exporting_again_gives_the_same_bytes(checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    assert to_float_onnx(checkpoint.model).SerializeToString() == float_onnx.SerializeToString()


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_logits_equal_pytorch_for_any_batch_size(
    checkpoint: Checkpoint, float_onnx: ModelProto, noise: NDArray[np.uint8], batch: int
) -> None:
    expected = model_logits(checkpoint.model, noise[:batch])
    assert np.abs(session_logits(float_onnx, noise[:batch]) - expected).max() <= LOGIT_TOLERANCE


def test_the_onnx_reference_evaluator_agrees(checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    images = draw_digits(3).images
    actual = np.asarray(next(iter(ReferenceEvaluator(float_onnx).run(None, {"image": images[:, None]}))))
    assert np.abs(actual - model_logits(checkpoint.model, images)).max() <= LOGIT_TOLERANCE


def test_logits_equal_pytorch_on_the_test_images(
    checkpoint: Checkpoint, float_onnx: ModelProto, mnist_test: Split
) -> None:
    expected = model_logits(checkpoint.model, mnist_test.images)
    actual = session_logits(float_onnx, mnist_test.images)
    assert np.abs(actual - expected).max() <= LOGIT_TOLERANCE
    assert (actual.argmax(1) == expected.argmax(1)).all()


def test_a_mean_over_channels_is_left_unchanged() -> None:
    """Only a mean over rows and columns is a global average pool."""

    class ChannelMean(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return (pixels / 255.0).mean(dim=(1, 2), keepdim=True).flatten(1)[:, :10]

    assert "GlobalAveragePool" not in operators(to_float_onnx(ChannelMean()))
