"""The int8 models against an independent integer implementation, layer by layer.

Each quantized value is stored as its distance from the zero point, and sums of products are exact, in 64 bits.
Fractions occur only where the ONNX specification scales a sum: one multiplication in float32, rounded half to even, as
defined for QuantizeLinear and ONNX Runtime's QLinearConv.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from runtime.contract import ARTIFACTS, INT8_FILE

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Quantized:
    """Integers and their scale: a single one, or one for each channel of axis 1."""

    integers: Integers
    scale: NDArray[np.float32]


def _spread(scale: NDArray[Any], dimensions: int) -> NDArray[Any]:
    return scale.reshape(1, -1, *[1] * (dimensions - 2)) if scale.size > 1 else scale.reshape(())


def _windows(values: Integers, attributes: dict[str, Any], kernel: tuple[int, ...]) -> Integers:
    """Return the window that each output of a convolution or pool reads: `[N, C, H, W, rows, columns]`."""
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    rows, columns = attributes.get("strides", (1, 1))
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    return sliding_window_view(padded, kernel, (2, 3))[:, :, ::rows, ::columns]


def _sums(data: Quantized, weights: Quantized, bias: Quantized | None, products: Integers) -> Quantized:
    scale = data.scale * weights.scale
    if bias is not None:
        assert np.array_equal(bias.scale, scale)
        products = products + _spread(bias.integers, products.ndim)
    assert np.abs(products).max() < 2**31
    return Quantized(products, scale)


def _compute(node: NodeProto, inputs: list[Any]) -> Any:
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    assert attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    assert attributes.get("group", 1) == 1
    assert set(attributes.get("dilations", [1])) == {1}
    if node.op_type == "DequantizeLinear":
        assert attributes.get("axis", 0) == 0
        values, scale, zero = inputs
        assert np.ndim(zero) == 0 or not zero.any()
        return Quantized(values.astype(np.int64) - (zero.astype(np.int64) if np.ndim(zero) == 0 else 0), scale)
    data = inputs[0]
    if node.op_type == "QuantizeLinear":
        _, scale, zero = inputs
        # Reshape, Transpose and MaxPool keep the scale, so that the factor is 1.
        scaled = data.integers.astype(np.float32) * _spread(data.scale / scale, data.integers.ndim)
        return np.clip(np.rint(scaled).astype(np.int64) + int(zero), 0, 255).astype(np.uint8)
    if node.op_type == "Reshape":
        return Quantized(data.integers.reshape(inputs[1]), data.scale)
    if node.op_type == "Transpose":
        return Quantized(data.integers.transpose(attributes["perm"]), data.scale)
    if node.op_type == "Relu":
        return Quantized(np.maximum(data.integers, 0), data.scale)
    if node.op_type == "MaxPool":
        assert not any(attributes.get("pads", [0]))
        return Quantized(_windows(data.integers, attributes, tuple(attributes["kernel_shape"])).max((4, 5)), data.scale)
    weights, bias = inputs[1], inputs[2] if len(inputs) > 2 else None
    if node.op_type == "Gemm":
        assert (attributes.get("transA", 0), attributes["transB"]) == (0, 1)
        return _sums(data, weights, bias, data.integers @ weights.integers.T)
    assert node.op_type == "Conv"
    windows = _windows(data.integers, attributes, weights.integers.shape[2:])
    products = np.einsum("nchwij,ocij->nohw", windows, weights.integers, optimize=True)
    return _sums(data, weights, bias, products)


def integer_reference(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return every quantized activation, uint8, and the logits, float32, by name."""
    values: dict[str, Any] = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    values[model.graph.input[0].name] = images
    for node in model.graph.node:
        values[node.output[0]] = _compute(node, [values[name] for name in node.input])
    logits = values[model.graph.output[0].name]
    activations = {
        node.output[0]: values[node.output[0]] for node in model.graph.node if node.op_type == "QuantizeLinear"
    }
    return {**activations, "logits": logits.integers.astype(np.float32) * _spread(logits.scale, 2)}


def session_values(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return the same values computed by ONNX Runtime; reading them does not change the logits."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    tapped.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None) for name in names)
    session = onnxruntime.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    actual = dict(zip([*names, "logits"], session.run([*names, "logits"], {"image": images}), strict=True))
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.array_equal(plain.run(None, {"image": images})[0], actual["logits"])
    return actual


def differences_in_steps(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, int]:
    """Return the largest difference from the reference for each activation, in steps of its scale."""
    expected, actual = integer_reference(model, images), session_values(model, images)
    assert expected.keys() == actual.keys()
    # The bits of a float32, read as an integer, count its steps.
    both = ((name, values.view(np.int32) if name == "logits" else values) for name, values in expected.items())
    return {name: int(np.abs(actual[name].view(values.dtype).astype(np.int64) - values).max()) for name, values in both}


@pytest.fixture(params=["v1", "v2"])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    return onnx.load(ARTIFACTS / request.param / INT8_FILE)


def _images() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    extremes = np.stack([np.full((28, 28), level, np.uint8) for level in (0, 1, 128, 255)])
    return np.concatenate([draw_digits(64, 5).images, noise, extremes])[:, None]


def test_every_layer_equals_the_reference(model: onnx.ModelProto) -> None:
    assert set(differences_in_steps(model, _images()).values()) == {0}


@pytest.mark.slow
def test_every_layer_equals_the_reference_on_test_images(model: onnx.ModelProto, mnist_test: Split) -> None:
    assert set(differences_in_steps(model, mnist_test.images[:1_000, None]).values()) == {0}


def test_a_changed_weight_changes_the_layers_after_it(model: onnx.ModelProto) -> None:
    expected = integer_reference(model, _images())
    names = {"conv_2.rows.weight_quantized", "blocks.1.0.weight_quantized"}  # of V1 and V2
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name in names)
    weights = numpy_helper.to_array(tensor).copy()
    weights[:, 0, 1, 1] ^= 8
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    actual = session_values(model, _images())
    assert np.array_equal(actual["relu_1_QuantizeLinear_Output"], expected["relu_1_QuantizeLinear_Output"])
    assert not np.array_equal(actual["relu_2_QuantizeLinear_Output"], expected["relu_2_QuantizeLinear_Output"])
