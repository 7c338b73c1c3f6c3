"""The int8 graph: integer kernels throughout, and predictions that agree with PyTorch."""

from dataclasses import replace
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
from export.quantize import quantize, remove_input_quantization, strip_input_scaling
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError, CalibrationError
from mnist_edge.training.checkpoint import Checkpoint
from mnist_edge.training.loop import model_logits

# The kernels that ONNX Runtime fuses the graphs into: integers from the first to the last.
FIRST = ["Reshape", "QLinearConv", "Reshape", "NhwcMaxPool", "Reshape"]
FUSED = {
    "v1": [*FIRST, *["QLinearConv", "Reshape", "NhwcMaxPool"] * 2, "Reshape", "QGemm", "QGemm"],
    "v2": [*FIRST, *["QLinearConv", "NhwcMaxPool"] * 2, "Reshape", "QGemm"],
}


def _constants(model: ModelProto) -> dict[str, NDArray[np.generic]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_the_session_runs_integer_kernels_only(name: str, int8_onnx: ModelProto, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(int8_onnx.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node] == FUSED[name]


def test_pixels_are_not_converted(int8_onnx: ModelProto) -> None:
    first = [node for node in int8_onnx.graph.node if "image" in node.input]
    assert [node.op_type for node in first] == ["DequantizeLinear"]
    constants = _constants(int8_onnx)
    assert constants[first[0].input[1]] == np.float32(1 / 255)
    assert constants[first[0].input[2]] == np.uint8(0)
    assert int8_onnx.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8


def test_logits_are_not_quantized(int8_onnx: ModelProto) -> None:
    producer = next(node for node in int8_onnx.graph.node if "logits" in node.output)
    assert producer.op_type == "Gemm"


def test_no_pair_of_weights_can_overflow_16_bits(name: str, int8_onnx: ModelProto) -> None:
    """AVX2 adds pairs of products with saturation, so 255 × (|a| + |b|) must not exceed 32,767."""
    weights = [values for values in _constants(int8_onnx).values() if values.dtype == np.int8 and values.ndim > 1]
    # The first layer's weights are laid out in blocks, V1's next two compute two rows at a position, and V2's last
    # layer includes the average of 9 pixels.
    assert [values.size for values in weights] == {
        "v1": [8 * 8 * 48, 8 * 32 * 12, 16 * 48 * 12, 19_008, 880],
        "v2": [16 * 8 * 48, 4_608, 18_432, 9 * 640],
    }[name]
    for values in weights:
        assert 255 * 2 * np.abs(values.astype(int)).max() <= 32_767


def test_each_output_channel_has_its_own_scale(int8_onnx: ModelProto) -> None:
    constants = _constants(int8_onnx)
    for node in int8_onnx.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0].endswith("weight_quantized"):
            assert constants[node.input[1]].shape == constants[node.input[0]].shape[:1]


def test_quantizing_again_gives_the_same_bytes(
    float_onnx: ModelProto, int8_onnx: ModelProto, table: CalibrationTable
) -> None:
    assert quantize(float_onnx, table).SerializeToString() == int8_onnx.SerializeToString()


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_logits_do_not_depend_on_the_batch_size(int8_onnx: ModelProto, noise: NDArray[np.uint8], batch: int) -> None:
    alone = np.concatenate([session_logits(int8_onnx, noise[i : i + 1]) for i in range(batch)])
    assert np.array_equal(session_logits(int8_onnx, noise[:batch]), alone)


def test_the_onnx_reference_evaluator_agrees(int8_onnx: ModelProto) -> None:
    """Within a few quantization steps, since its float arithmetic occasionally rounds differently."""
    images = draw_digits(10).images
    expected = np.asarray(next(iter(ReferenceEvaluator(int8_onnx).run(None, {"image": images[:, None]}))))
    actual = session_logits(int8_onnx, images)
    assert np.abs(actual - expected).max() < 0.1
    assert (actual.argmax(1) == expected.argmax(1)).all()


def test_predictions_agree_with_pytorch_on_the_test_images(
    checkpoint: Checkpoint, int8_onnx: ModelProto, mnist_test: Split
) -> None:
    expected = model_logits(checkpoint.model, mnist_test.images).argmax(1)
    actual = session_logits(int8_onnx, mnist_test.images).argmax(1)
    assert (actual == expected).mean() >= 0.998
    accuracy, expected_accuracy = (actual == mnist_test.labels).mean(), (expected == mnist_test.labels).mean()
    assert abs(accuracy - expected_accuracy) <= 0.001


def test_a_table_without_a_range_is_refused(float_onnx: ModelProto, table: CalibrationTable) -> None:
    ranges = {tensor: limits for tensor, limits in table.ranges.items() if tensor != "relu_2"}
    with pytest.raises(CalibrationError, match="has no range for relu_2"):
        quantize(float_onnx, replace(table, ranges=ranges))


def test_an_input_scale_that_would_round_pixels_is_refused() -> None:
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
        remove_input_quantization(helper.make_model(graph))


def test_a_network_without_input_scaling_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["a"]), helper.make_node("Relu", ["a"], ["logits"])],
        "other",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 10])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
    )
    with pytest.raises(ArtifactError, match="must begin by turning uint8 pixels"):
        strip_input_scaling(helper.make_model(graph))
