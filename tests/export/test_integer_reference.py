"""The int8 models, computed once more in whole numbers: an independent reference, layer by layer.

Each quantised value is kept as its distance from the zero point, each sum of products exactly, in 64 bits.
Only where the ONNX specification scales a sum are there fractions: one multiplication in float32, rounded half to
even, as QuantizeLinear and onnxruntime's QLinearConv state it.
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
class Quantised:
    """Whole numbers and what one of them is worth: one scale, or one for each channel of axis 1."""

    whole: Integers
    scale: NDArray[np.float32]


def _spread(scale: NDArray[Any], dimensions: int) -> NDArray[Any]:
    return scale.reshape(1, -1, *[1] * (dimensions - 2)) if scale.size > 1 else scale.reshape(())


def _windows(values: Integers, attributes: dict[str, Any], kernel: tuple[int, ...]) -> Integers:
    """Give what each output of a convolution or pool reads: `[N, C, H, W, rows, columns]`."""
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    rows, columns = attributes.get("strides", (1, 1))
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    return sliding_window_view(padded, kernel, (2, 3))[:, :, ::rows, ::columns]


def _sums(data: Quantised, weights: Quantised, bias: Quantised | None, products: Integers) -> Quantised:
    scale = data.scale * weights.scale
    if bias is not None:
        assert np.array_equal(bias.scale, scale)
        products = products + _spread(bias.whole, products.ndim)
    assert np.abs(products).max() < 2**31
    return Quantised(products, scale)


def _compute(node: NodeProto, given: list[Any]) -> Any:
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    assert attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    assert attributes.get("group", 1) == 1
    assert set(attributes.get("dilations", [1])) == {1}
    if node.op_type == "DequantizeLinear":
        assert attributes.get("axis", 0) == 0
        values, scale, zero = given
        assert np.ndim(zero) == 0 or not zero.any()
        return Quantised(values.astype(np.int64) - (zero.astype(np.int64) if np.ndim(zero) == 0 else 0), scale)
    data = given[0]
    if node.op_type == "QuantizeLinear":
        _, scale, zero = given
        # What was only moved about keeps its scale, and the factor is 1.
        scaled = data.whole.astype(np.float32) * _spread(data.scale / scale, data.whole.ndim)
        return np.clip(np.rint(scaled).astype(np.int64) + int(zero), 0, 255).astype(np.uint8)
    if node.op_type == "Reshape":
        return Quantised(data.whole.reshape(given[1]), data.scale)
    if node.op_type == "Transpose":
        return Quantised(data.whole.transpose(attributes["perm"]), data.scale)
    if node.op_type == "Relu":
        return Quantised(np.maximum(data.whole, 0), data.scale)
    if node.op_type == "MaxPool":
        assert not any(attributes.get("pads", [0]))
        return Quantised(_windows(data.whole, attributes, tuple(attributes["kernel_shape"])).max((4, 5)), data.scale)
    weights, bias = given[1], given[2] if len(given) > 2 else None
    if node.op_type == "Gemm":
        assert (attributes.get("transA", 0), attributes["transB"]) == (0, 1)
        return _sums(data, weights, bias, data.whole @ weights.whole.T)
    assert node.op_type == "Conv"
    windows = _windows(data.whole, attributes, weights.whole.shape[2:])
    products = np.einsum("nchwij,ocij->nohw", windows, weights.whole, optimize=True)
    return _sums(data, weights, bias, products)


def integer_reference(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Give every quantised activation, uint8, and the logits, float32, by their names in the graph."""
    values: dict[str, Any] = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    values[model.graph.input[0].name] = images
    for node in model.graph.node:
        values[node.output[0]] = _compute(node, [values[name] for name in node.input])
    logits = values[model.graph.output[0].name]
    found = {node.output[0]: values[node.output[0]] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    return {**found, "logits": logits.whole.astype(np.float32) * _spread(logits.scale, 2)}


def session_values(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Give the same of onnxruntime, which computes them with the operators that it would otherwise use."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    tapped.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None) for name in names)
    session = onnxruntime.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    found = dict(zip([*names, "logits"], session.run([*names, "logits"], {"image": images}), strict=True))
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.array_equal(plain.run(None, {"image": images})[0], found["logits"])
    return found


def steps_away(model: onnx.ModelProto, images: NDArray[np.uint8]) -> dict[str, int]:
    """Say of each activation how many steps of its scale the session is from the reference, at most."""
    expected, found = integer_reference(model, images), session_values(model, images)
    assert expected.keys() == found.keys()
    # The bits of a float32, read as a whole number, count its steps.
    both = ((name, values.view(np.int32) if name == "logits" else values) for name, values in expected.items())
    return {name: int(np.abs(found[name].view(values.dtype).astype(np.int64) - values).max()) for name, values in both}


@pytest.fixture(params=["v1", "v2"])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    return onnx.load(ARTIFACTS / request.param / INT8_FILE)


def _images() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    extremes = np.stack([np.full((28, 28), level, np.uint8) for level in (0, 1, 128, 255)])
    return np.concatenate([draw_digits(64, 5).images, noise, extremes])[:, None]


def test_no_layer_is_a_step_away(model: onnx.ModelProto) -> None:
    assert set(steps_away(model, _images()).values()) == {0}


def test_no_layer_is_a_step_away_on_the_test_images(model: onnx.ModelProto, mnist_test: Split) -> None:
    assert set(steps_away(model, mnist_test.images[:1_000, None]).values()) == {0}


def test_a_changed_weight_is_seen_behind_its_layer(model: onnx.ModelProto) -> None:
    expected = integer_reference(model, _images())
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "blocks.1.0.weight_quantized")
    weights = numpy_helper.to_array(tensor).copy()
    weights[:, 0, 1, 1] ^= 8
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    found = session_values(model, _images())
    assert np.array_equal(found["relu_1_QuantizeLinear_Output"], expected["relu_1_QuantizeLinear_Output"])
    assert not np.array_equal(found["relu_2_QuantizeLinear_Output"], expected["relu_2_QuantizeLinear_Output"])
