"""ONNX files as lists of layers, and files that are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnx.numpy_helper import from_array

from export.graph import layers_of_graph, load_graph, network_parameters
from mnist_edge.errors import ArtifactError
from mnist_edge.training.checkpoint import Checkpoint
from mnist_edge.training.layers import layers_of, total_multiply_adds


def test_a_graph_has_the_layers_of_its_network(name: str, checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    layers = layers_of_graph(float_onnx)
    assert total_multiply_adds(layers) == total_multiply_adds(layers_of(checkpoint.model))
    # Folding replaces the two parameters per channel of batch normalization by one bias.
    assert sum(layer.parameters for layer in layers) == {"v1": 24_714, "v2": 24_048 - 112}[name]
    convolution = next(layer for layer in layers if layer.name == "conv_2")
    assert convolution.kind == "Conv"
    assert convolution.output_shape == {"v1": (16, 14, 14), "v2": (32, 14, 14)}[name]


def test_dequantized_weights_count_for_the_layer_that_uses_them(name: str, int8_onnx: ModelProto) -> None:
    layers = {layer.name: layer for layer in layers_of_graph(int8_onnx)}
    assert layers["conv_3"].parameters == {"v1": 9_216 + 48, "v2": 18_432 + 64}[name]
    assert layers["conv_3"].multiply_adds == {"v1": 48 * 18 * 192, "v2": 64 * 36 * 288}[name]
    weights, channels = {"v1": (9_216, 48), "v2": (18_432, 64)}[name]
    # 1 byte per weight; per channel 4 for the bias, 5 for scale and zero point, and up to 8 for those of the bias.
    assert weights + channels * 9 <= layers["conv_3"].parameter_bytes <= weights + channels * 17


def test_layers_name_the_layers_that_they_read(float_onnx: ModelProto, int8_onnx: ModelProto) -> None:
    for model, source, first in (
        (float_onnx, "max_pool_1", "cast_1"),
        (int8_onnx, "pixels_DequantizeLinear", "image_DequantizeLinear"),
    ):
        layers = {layer.name: layer for layer in layers_of_graph(model)}
        assert layers["conv_2"].inputs == (source,)
        assert layers[first].inputs == ("image",)  # the graph's input, which no layer computes
        assert layers[first].parameters == 0


@pytest.mark.parametrize(("metadata", "parameters"), [("24048", 24_048), ("", None), ("many", None), (None, None)])
def test_the_parameter_count_is_read_from_the_metadata(metadata: str | None, parameters: int | None) -> None:
    model = _foreign_network()
    if metadata is not None:
        model.metadata_props.add(key="mnist_edge.parameters", value=metadata)
    assert network_parameters(model) == parameters


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no file"),
        (b"", "has no nodes|not a valid ONNX file"),
        (b"no model", "not a valid ONNX file"),
        (bytes(100), "not a valid ONNX file"),
    ],
)
def test_load_graph_refuses_other_files(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=problem) as caught:
        load_graph(path)
    assert str(path) in str(caught.value)


def test_load_graph_refuses_contradicting_shapes(tmp_path: Path) -> None:
    model = _foreign_network()
    matrix = next(node for node in model.graph.node if node.output[0] == "matrix")
    matrix.CopyFrom(helper.make_node("Constant", [], ["matrix"], value=from_array(np.ones((7, 10), np.float32))))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ArtifactError, match="not a valid ONNX file"):
        load_graph(tmp_path / "model.onnx")


def test_load_graph_does_not_read_external_tensors(tmp_path: Path, artifacts: Path) -> None:
    model = onnx.load(artifacts / "v2" / "model.onnx")
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    assert (tmp_path / "weights").stat().st_size > 90_000
    with pytest.raises(ArtifactError, match="should be stored in weights"):
        load_graph(tmp_path / "model.onnx")


def test_load_graph_refuses_an_undecodable_operator(artifacts: Path, tmp_path: Path) -> None:
    content = (artifacts / "v2" / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(content.replace(b"\x07MaxPool", b"\x07" + b"\xff" * 7))
    with pytest.raises(ArtifactError, match=r"not a valid ONNX file .*can't decode"):
        load_graph(tmp_path / "model.onnx")


def _foreign_network() -> ModelProto:
    """Return a graph with what torch.onnx does not write: `Constant` nodes, batch normalization, a matrix product."""
    rng = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> NodeProto:
        return helper.make_node("Constant", [], [name], value=from_array(rng.normal(size=shape).astype(np.float32)))

    nodes = [
        constant("kernel", 4, 1, 3, 3),
        *(constant(name, 4) for name in ("scale", "shift", "mean", "deviation")),
        constant("half"),
        constant("matrix", 2_704, 10),
        helper.make_node("Mul", ["image", "half"], ["halved"]),
        helper.make_node("Conv", ["halved", "kernel"], ["maps"]),
        helper.make_node("BatchNormalization", ["maps", "scale", "shift", "mean", "deviation"], ["normal"]),
        helper.make_node("Flatten", ["normal"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "digits", [image], [logits])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def test_the_layers_of_a_foreign_network_are_counted() -> None:
    layers = {layer.kind: layer for layer in layers_of_graph(_foreign_network())}
    parameters = {kind: layer.parameters for kind, layer in layers.items()}
    assert parameters == {"Mul": 0, "Conv": 36, "BatchNormalization": 8, "Flatten": 0, "MatMul": 27_040}
    assert layers["Conv"].multiply_adds == 4 * 26 * 26 * 9
    assert layers["MatMul"].multiply_adds == 27_040


def test_load_graph_refuses_a_graph_without_nodes(tmp_path: Path) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])
    onnx.save(helper.make_model(helper.make_graph([], "nothing", [image], [image])), tmp_path / "nothing.onnx")
    with pytest.raises(ArtifactError, match="has no nodes"):
        load_graph(tmp_path / "nothing.onnx")
