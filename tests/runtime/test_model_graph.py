"""Models that could reach beyond their own file, or that promise what they do not compute."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from runtime import Predictor
from runtime.errors import ModelDigestError, ModelFormatError, ModelGraphError
from runtime.model_graph import check_graph


@pytest.fixture
def model(artifacts: Path) -> ModelProto:
    return onnx.load(artifacts / "v2" / "model.int8.onnx")


def _use_another_domain(model: ModelProto, _folder: Path) -> None:
    model.graph.node.insert(0, helper.make_node("Gelu", ["image"], ["changed"], domain="com.microsoft"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _use_a_function(model: ModelProto, _folder: Path) -> None:
    body = [helper.make_node("Identity", ["x"], ["y"])]
    function = helper.make_function("", "Mine", ["x"], ["y"], body, [helper.make_opsetid("", 20)])
    model.functions.append(function)


def _use_a_subgraph(model: ModelProto, _folder: Path) -> None:
    zero = helper.make_tensor_value_info("zero", TensorProto.FLOAT, [1])
    branch = helper.make_graph([helper.make_node("Constant", [], ["zero"], value_float=0.0)], "branch", [], [zero])
    model.graph.node.append(helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch))


def _use_another_file(model: ModelProto, folder: Path) -> None:
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.external_data_helper.write_external_data_tensors(model, str(folder))


def _use_another_file_in_an_attribute(model: ModelProto, _folder: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "held")
    onnx.external_data_helper.set_external_data(tensor, "/etc/passwd")
    tensor.ClearField("raw_data")
    model.graph.node.append(helper.make_node("Constant", [], ["held"], value=tensor))


def _use_sparse_weights(model: ModelProto, _folder: Path) -> None:
    values, indices = (
        numpy_helper.from_array(np.ones(1, np.float32), "s"),
        numpy_helper.from_array(np.zeros(1, np.int64)),
    )
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def _use_a_sparse_attribute(model: ModelProto, _folder: Path) -> None:
    values, indices = (
        numpy_helper.from_array(np.ones(1, np.float32), "s"),
        numpy_helper.from_array(np.zeros(1, np.int64)),
    )
    sparse = helper.make_sparse_tensor(values, indices, [4])
    model.graph.node.append(helper.make_node("Constant", [], ["held"], sparse_value=sparse))


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (_use_another_domain, "the domain com.microsoft"),
        (_use_a_function, "functions"),
        (_use_a_subgraph, "a subgraph in an operator If"),
        (_use_another_file, "tensors in other files"),
        (_use_another_file_in_an_attribute, "tensors in other files"),
        (_use_sparse_weights, "sparse tensors"),
        (_use_a_sparse_attribute, "sparse tensors"),
    ],
)
def test_what_reaches_beyond_the_file_is_refused(
    model: ModelProto, tmp_path: Path, change: Callable[[ModelProto, Path], None], holds: str
) -> None:
    change(model, tmp_path)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelGraphError, match=holds) as caught:
        Predictor(path)
    assert isinstance(caught.value, ValueError)


def test_a_graph_in_two_parts_is_seen_whole(model: ModelProto) -> None:
    """A protocol buffer may give a message in parts, which are merged."""
    rest = ModelProto()
    rest.graph.node.append(helper.make_node("Mine", [], [], domain="mine"))
    with pytest.raises(ModelGraphError, match="the domain mine"):
        check_graph("both", model.SerializeToString() + rest.SerializeToString())


def test_the_standard_domain_has_two_names(model: ModelProto) -> None:
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
        b"\xff" * 12,  # a number without end
        b"\x3a\x03\x0a\x05\x00",  # a node longer than its graph
    ],
)
def test_bytes_that_are_no_protocol_buffer_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelFormatError, match="no ONNX model, or a damaged one"):
        Predictor(tmp_path / "model.onnx")


def test_fields_of_fixed_size_are_passed_over(model: ModelProto) -> None:
    check_graph("extended", model.SerializeToString() + b"\xfd\x06abcd" + b"\xf9\x06abcdefgh")


def test_a_pinned_digest_is_kept(artifacts: Path, tmp_path: Path) -> None:
    """Even a model that comes without a manifest, or with one of its own, is only the one that was pinned."""
    path = artifacts / "v2" / "model.int8.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert Predictor("v2", sha256=digest.upper()).sha256 == digest
    shutil.copytree(artifacts / "v1", tmp_path / "v2")
    with pytest.raises(ModelDigestError, match=f"the caller says {digest}"):
        Predictor(tmp_path / "v2", sha256=digest)


def _save_liar(path: Path) -> None:
    """Write a model that declares the contract's output and gives 2.8 rows an image, or fails."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["float", "axes"], ["sums"], keepdims=1),
            helper.make_node("Reshape", ["sums", "shape"], ["logits"]),
        ],
        "liar",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [1], [3]),
            helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 10]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("images", [1, 2, 5, 100])
def test_a_model_that_breaks_its_word_is_an_error(tmp_path: Path, images: int) -> None:
    _save_liar(tmp_path / "liar.onnx")
    predictor = Predictor(tmp_path / "liar.onnx")
    with pytest.raises(ModelFormatError, match=r"does not compute what its contract says \(.{10}") as caught:
        predictor.logits(np.zeros((images, 28, 28), np.uint8))
    assert caught.value.path == str(tmp_path / "liar.onnx")
