"""ONNX files as lists of layers."""

from pathlib import Path

import pytest
from onnx import ModelProto

from export.graph import layers_of_graph, load_graph
from mnist_edge.checkpoint import Checkpoint
from mnist_edge.errors import ArtifactError
from mnist_edge.layers import layers_of, total_multiply_adds


def test_a_graph_computes_what_the_network_does(name: str, checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    layers = layers_of_graph(float_onnx)
    assert total_multiply_adds(layers) == total_multiply_adds(layers_of(checkpoint.model))
    # Folding replaces each pair of batch normalisation's values by one bias.
    assert sum(layer.parameters for layer in layers) == {"v1": 24_714, "v2": 24_048 - 112}[name]
    convolution = next(layer for layer in layers if layer.name == "conv_2")
    assert convolution.kind == "Conv"
    assert convolution.output_shape == {"v1": (16, 14, 14), "v2": (32, 14, 14)}[name]


def test_the_weights_of_an_int8_graph_are_found_behind_their_dequantisation(name: str, int8_onnx: ModelProto) -> None:
    layers = {layer.name: layer for layer in layers_of_graph(int8_onnx)}
    assert layers["conv_3"].parameters == {"v1": 3_480, "v2": 18_432 + 64}[name]
    assert layers["conv_3"].multiply_adds == {"v1": 24 * 49 * 144, "v2": 64 * 49 * 288}[name]
    weights, channels = {"v1": (3_456, 24), "v2": (18_432, 64)}[name]
    # One byte a weight; a bias of 4 bytes a channel; a scale of 4 and a zero point of 1 for each; for the bias's too.
    assert weights + channels * 9 <= layers["conv_3"].parameter_bytes <= weights + channels * 17


@pytest.mark.parametrize("content", [None, b"", b"no model", bytes(100)])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=str(path)) as caught:
        load_graph(path)
    assert isinstance(caught.value, ValueError)
