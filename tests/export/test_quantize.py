"""The int8 graph: integers throughout, no float island, and as good as PyTorch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.calibration import CalibrationTable
from export.parity import session_logits
from export.quantize import _take_pixels, quantize, strip_input_scaling
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError, CalibrationError
from mnist_edge.training.checkpoint import Checkpoint
from mnist_edge.training.loop import model_logits

# What onnxruntime's session makes of the graphs: integer kernels from the first to the last.
BLOCKS = [
    *("Reshape", "QLinearConv", "Reshape", "NhwcMaxPool", "Reshape"),
    *("QLinearConv", "NhwcMaxPool"),
    *("QLinearConv", "NhwcMaxPool"),
]
FUSED = {"v1": [*BLOCKS, "Reshape", "QGemm", "QGemm"], "v2": [*BLOCKS, "Reshape", "QGemm"]}


def _constants(model: ModelProto) -> dict[str, NDArray[np.generic]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_the_session_computes_in_integers_alone(name: str, int8_onnx: ModelProto, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(int8_onnx.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node] == FUSED[name]


def test_pixels_enter_without_conversion(int8_onnx: ModelProto) -> None:
    first = [node for node in int8_onnx.graph.node if "image" in node.input]
    assert [node.op_type for node in first] == ["DequantizeLinear"]
    constants = _constants(int8_onnx)
    assert constants[first[0].input[1]] == np.float32(1 / 255)
    assert constants[first[0].input[2]] == np.uint8(0)
    assert int8_onnx.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8


def test_logits_leave_without_quantisation(int8_onnx: ModelProto) -> None:
    producer = next(node for node in int8_onnx.graph.node if "logits" in node.output)
    assert producer.op_type == "Gemm"


def test_no_pair_of_weights_can_overflow_16_bits(name: str, int8_onnx: ModelProto) -> None:
    """Where AVX2 adds pairs of products with saturation, 255 × (|a| + |b|) must stay within 32,767."""
    weights = [values for values in _constants(int8_onnx).values() if values.dtype == np.int8 and values.ndim > 1]
    # The first block's weights are spread over blocks and phases, V2's last layer takes over the average of 9 pixels.
    assert [values.size for values in weights] == {
        "v1": [8 * 8 * 48, 1_152, 3_456, 19_008, 880],
        "v2": [16 * 8 * 48, 4_608, 18_432, 9 * 640],
    }[name]
    for values in weights:
        assert 255 * 2 * np.abs(values.astype(int)).max() <= 32_767


def test_weights_are_scaled_by_output_channel(int8_onnx: ModelProto) -> None:
    constants = _constants(int8_onnx)
    for node in int8_onnx.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0].endswith("weight_quantized"):
            assert constants[node.input[1]].shape == constants[node.input[0]].shape[:1]


def test_quantising_is_repeatable(float_onnx: ModelProto, int8_onnx: ModelProto, table: CalibrationTable) -> None:
    assert quantize(float_onnx, table).SerializeToString() == int8_onnx.SerializeToString()


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_any_batch_gives_what_its_images_give(int8_onnx: ModelProto, noise: NDArray[np.uint8], batch: int) -> None:
    alone = np.concatenate([session_logits(int8_onnx, noise[i : i + 1]) for i in range(batch)])
    assert np.array_equal(session_logits(int8_onnx, noise[:batch]), alone)


def test_onnxs_own_evaluator_agrees(int8_onnx: ModelProto) -> None:
    """The float arithmetic between the quantisations rounds otherwise in rare cases; a step may differ."""
    images = draw_digits(10).images
    expected = np.asarray(next(iter(ReferenceEvaluator(int8_onnx).run(None, {"image": images[:, None]}))))
    found = session_logits(int8_onnx, images)
    assert np.abs(found - expected).max() < 0.1
    assert (found.argmax(1) == expected.argmax(1)).all()


def test_parity_on_all_test_images(checkpoint: Checkpoint, int8_onnx: ModelProto, mnist_test: Split) -> None:
    expected = model_logits(checkpoint.model, mnist_test.images).argmax(1)
    found = session_logits(int8_onnx, mnist_test.images).argmax(1)
    assert (found == expected).mean() >= 0.998
    accuracy, expected_accuracy = (found == mnist_test.labels).mean(), (expected == mnist_test.labels).mean()
    assert abs(accuracy - expected_accuracy) <= 0.001


def test_a_table_that_lacks_an_activation_is_refused(float_onnx: ModelProto, table: CalibrationTable) -> None:
    ranges = {tensor: span for tensor, span in table.ranges.items() if tensor != "relu_2"}
    short = CalibrationTable(table.checkpoint_sha256, table.method, table.subset, ranges)
    with pytest.raises(CalibrationError, match="has no range for relu_2"):
        quantize(float_onnx, short)


def test_pixels_that_would_be_rounded_are_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["logits"])],
        "other",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 10])],
        [helper.make_tensor_value_info("logits", TensorProto.UINT8, ["N", 10])],
        [
            numpy_helper.from_array(np.array(0.5, np.float32), "scale"),
            numpy_helper.from_array(np.array(0, np.uint8), "zero"),
        ],
    )
    with pytest.raises(CalibrationError, match=r"with scale 0\.5 and zero point 0, not 1/255 and 0"):
        _take_pixels(helper.make_model(graph))


def test_a_network_that_does_not_begin_with_pixels_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["a"]), helper.make_node("Relu", ["a"], ["logits"])],
        "other",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 10])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
    )
    with pytest.raises(ArtifactError, match="must begin by turning uint8 pixels"):
        strip_input_scaling(helper.make_model(graph))
