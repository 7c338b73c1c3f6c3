"""Models that could reach beyond their own file are refused before onnxruntime opens them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from runtime import ModelError, Predictor
from runtime.model_graph import check_graph


@pytest.fixture
def model(artifacts: Path) -> ModelProto:
    return onnx.load(artifacts / "v2" / "model.int8.onnx")


def use_another_domain(model: ModelProto, _folder: Path) -> None:
    model.graph.node.insert(0, helper.make_node("Gelu", ["image"], ["changed"], domain="com.microsoft"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def use_a_function(model: ModelProto, _folder: Path) -> None:
    body = [helper.make_node("Identity", ["x"], ["y"])]
    function = helper.make_function("", "Mine", ["x"], ["y"], body, [helper.make_opsetid("", 20)])
    model.functions.append(function)


def use_training_graphs(model: ModelProto, _folder: Path) -> None:
    model.training_info.add().algorithm.name = "training"


def use_a_subgraph(model: ModelProto, _folder: Path) -> None:
    zero = helper.make_tensor_value_info("zero", TensorProto.FLOAT, [1])
    branch = helper.make_graph([helper.make_node("Constant", [], ["zero"], value_float=0.0)], "branch", [], [zero])
    model.graph.node.append(helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch))


def use_another_file(model: ModelProto, folder: Path) -> None:
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.external_data_helper.write_external_data_tensors(model, str(folder))


def use_another_file_in_an_attribute(model: ModelProto, _folder: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "constant")
    onnx.external_data_helper.set_external_data(tensor, "/etc/passwd")
    tensor.ClearField("raw_data")
    model.graph.node.append(helper.make_node("Constant", [], ["constant"], value=tensor))


def use_sparse_weights(model: ModelProto, _folder: Path) -> None:
    values, indices = (
        numpy_helper.from_array(np.ones(1, np.float32), "s"),
        numpy_helper.from_array(np.zeros(1, np.int64)),
    )
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def use_a_sparse_attribute(model: ModelProto, _folder: Path) -> None:
    values, indices = (
        numpy_helper.from_array(np.ones(1, np.float32), "s"),
        numpy_helper.from_array(np.zeros(1, np.int64)),
    )
    sparse = helper.make_sparse_tensor(values, indices, [4])
    model.graph.node.append(helper.make_node("Constant", [], ["constant"], sparse_value=sparse))


@pytest.mark.parametrize(
    ("change", "content"),
    [
        (use_another_domain, "an operator of a non-standard domain"),
        (use_a_function, "functions"),
        (use_training_graphs, "training graphs"),
        (use_a_subgraph, "a subgraph"),
        (use_another_file, "tensors in other files"),
        (use_another_file_in_an_attribute, "tensors in other files"),
        (use_sparse_weights, "sparse tensors"),
        (use_a_sparse_attribute, "sparse tensors"),
    ],
)
def test_a_model_that_is_not_self_contained_is_refused(
    model: ModelProto, tmp_path: Path, change: Callable[[ModelProto, Path], None], content: str
) -> None:
    change(model, tmp_path)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=f"contains .*{content}, which .* could reach beyond the file") as caught:
        Predictor(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("operator", ["Gelu", "EPContext", "Reshape2"])
@pytest.mark.parametrize("domain", ["", "ai.onnx", "com.microsoft", "com.microsoft.nchwc"])
def test_an_optimized_file_may_use_nothing_but_fused_operators(
    artifacts: Path, tmp_path: Path, domain: str, operator: str
) -> None:
    """EPContext could name another file."""
    model = onnx.load(artifacts / "v2" / "model.int8.optimized.onnx")
    check_graph("optimized", model.SerializeToString(), may_be_fused=True)
    model.graph.node.append(helper.make_node(operator, ["logits"], ["more"], domain=domain))
    path = tmp_path / "model.int8.optimized.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="contains an operator that no optimized int8 network has"):
        Predictor(path)


def test_fused_operators_of_another_domain_are_refused(artifacts: Path) -> None:
    model = onnx.load(artifacts / "v2" / "model.int8.optimized.onnx")
    model.graph.node[-1].domain = "com.microsoft.nchwc"
    with pytest.raises(ModelError, match="an operator of a non-standard domain"):
        check_graph("optimized", model.SerializeToString(), may_be_fused=True)


def test_a_fused_operator_without_an_input_is_refused(artifacts: Path, tmp_path: Path) -> None:
    """onnxruntime's QGemm writes beyond its output if the output's zero point has no scale beside it."""
    model = onnx.load(artifacts / "v1" / "model.int8.optimized.onnx")
    (node,) = (node for node in model.graph.node if node.op_type == "QGemm" and node.output[0] != "logits")
    assert len(node.input) == 9
    node.input[7] = ""
    path = tmp_path / "model.int8.optimized.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="contains an operator that lacks an input"):
        Predictor(path)


def test_fused_operators_are_refused_in_a_file_of_another_name(artifacts: Path, tmp_path: Path) -> None:
    shutil.copy(artifacts / "v2" / "model.int8.optimized.onnx", tmp_path / "model.int8.onnx")
    with pytest.raises(ModelError, match="an operator of a non-standard domain"):
        Predictor(tmp_path / "model.int8.onnx")


def test_an_optimized_file_is_checked_for_all_else_too(artifacts: Path, tmp_path: Path) -> None:
    model = onnx.load(artifacts / "v2" / "model.int8.optimized.onnx")
    use_another_file(model, tmp_path)
    with pytest.raises(ModelError, match="tensors in other files"):
        check_graph("optimized", model.SerializeToString(), may_be_fused=True)


def test_a_field_number_with_more_bits_hides_nothing(model: ModelProto, tmp_path: Path) -> None:
    """onnxruntime reads the lower 32 bits of a field's key alone, so that this is a node's domain to it."""
    plain = helper.make_node("FastGelu", ["logits"], ["more"], domain="com.microsoft").SerializeToString()
    domain = plain.index(b"\x3a\x0dcom.microsoft")
    hidden = plain[:domain] + b"\xba\x80\x80\x80\x10" + plain[domain + 1 :]
    graph = b"\x0a" + bytes([len(hidden)]) + hidden
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString() + b"\x3a" + bytes([len(graph)]) + graph)
    assert onnxruntime.InferenceSession(path).get_outputs()[0].name == "logits"
    with pytest.raises(ModelError, match="is damaged or not an ONNX model"):
        Predictor(path)


def test_every_part_of_a_divided_graph_is_checked(model: ModelProto) -> None:
    """A protocol buffer may contain a message in several parts, which are merged."""
    rest = ModelProto()
    rest.graph.node.append(helper.make_node("Mine", [], [], domain="mine"))
    with pytest.raises(ModelError, match="an operator of a non-standard domain"):
        check_graph("both", model.SerializeToString() + rest.SerializeToString())


def test_both_names_of_the_standard_domain_are_accepted(model: ModelProto) -> None:
    for node in model.graph.node:
        node.domain = "ai.onnx"
    check_graph("named", model.SerializeToString())


@pytest.mark.parametrize(
    "content",
    [
        b"\x3a",  # a length is missing
        b"\x3a\x7f\x00",  # longer than the file
        b"\x38\x01",  # a number where the graph should be
        b"\x3b",  # a group, which no ONNX file has
        b"\xff" * 12,  # an integer without an end
        b"\x3a\x04\x0a\x05\x0a\x00",  # a node longer than its graph, whose fields end with the file
        b"\x3a\x03\x0a\x05\x00",  # a node longer than its graph
    ],
)
def test_bytes_that_are_not_a_protocol_buffer_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or not an ONNX model"):
        Predictor(tmp_path / "model.onnx")


def test_fields_of_fixed_size_are_skipped(model: ModelProto) -> None:
    check_graph("extended", model.SerializeToString() + b"\xfd\x06abcd" + b"\xf9\x06abcdefgh")
