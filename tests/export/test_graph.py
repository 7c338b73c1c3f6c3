"""ONNX files as lists of layers."""

from pathlib import Path

import pytest
from onnx import ModelProto

from export.graph import layers_of_graph, load_graph
from mnist_edge.checkpoint import Checkpoint
from mnist_edge.errors import ArtifactError
from mnist_edge.layers import layers_of, total_multiply_adds


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_graph_computes_what_the_network_does(
    name: str, kind: str, checkpoint: Checkpoint, float_onnx: ModelProto, int8_onnx: ModelProto
) -> None:
    layers = layers_of_graph(float_onnx if kind == "float" else int8_onnx)
    assert total_multiply_adds(layers) == total_multiply_adds(layers_of(checkpoint.model))
    # Folding replaces each pair of batch normalisation's values by one bias.
    assert sum(layer.parameters for layer in layers) == {"v1": 24_714, "v2": 24_048 - 112}[name]
    convolution = next(layer for layer in layers if layer.name == "conv_2")
    assert convolution.kind == "Conv"
    assert convolution.output_shape == {"v1": (16, 14, 14), "v2": (32, 14, 14)}[name]


def test_int8_weights_take_a_quarter_of_the_bytes(float_onnx: ModelProto, int8_onnx: ModelProto) -> None:
    of_float, of_int8 = (sum(layer.parameter_bytes for layer in layers_of_graph(m)) for m in (float_onnx, int8_onnx))
    assert of_int8 < of_float / 3.5


@pytest.mark.parametrize("content", [None, b"", b"no model", bytes(100)])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=str(path)) as caught:
        load_graph(path)
    assert isinstance(caught.value, ValueError)
