"""Convert a plain static int8 ONNX graph to a LiteRT model (`.tflite`) that holds the same integers.

Only the benchmark needs it, to compare engines on the same arithmetic. LiteRT's own converter requires another
version of PyTorch than this project uses. LiteRT's 8-bit scheme matches onnxruntime's quantizer with default
settings: signed activations with a zero point, signed weights per output channel without one, and 32-bit biases
with the scale input × weight (https://ai.google.dev/edge/litert/models/quantization_spec). Only the order of axes
differs, rows × columns × channels, so weights are transposed.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto

from mnist_edge.data.mnist import IMAGE_SIZE
from mnist_edge.errors import ArtifactError
from runtime.contract import INPUT

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_OPERATOR = schema.BuiltinOperator
_VERSIONS = {
    _OPERATOR.CONV_2D: 3,
    _OPERATOR.MAX_POOL_2D: 2,
    _OPERATOR.MEAN: 2,
    _OPERATOR.FULLY_CONNECTED: 4,
}
"""The first version of each LiteRT operator that supports signed 8-bit tensors."""


def to_litert(model: ModelProto) -> bytes:
    """Convert a graph that onnxruntime's `quantize_static` wrote with its default settings.

    The graph has signed 8-bit activations in QDQ format and consists of 3×3 convolutions with padding 1, 2×2
    max-pooling, global average pooling and linear layers. The result is the content of a `.tflite` file with int8
    input `[N, 28, 28, 1]`, pixel - 128, and int8 output `[N, 10]`.

    Raises:
        ArtifactError: the graph contains another operator, or unsigned activations.
    """
    return _Conversion(model).run()


class _Conversion:
    """The tensors and operators converted so far; keys of `shapes` and `tensors` are dequantized ONNX values."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.nodes = list(graph.node)
        self.quantized_by = {node.input[0]: node for node in self.nodes if node.op_type == "QuantizeLinear"}
        self.dequantized_by = {node.output[0]: node for node in self.nodes if node.op_type == "DequantizeLinear"}
        self.value_of = {node.input[0]: value for value, node in self.dequantized_by.items()}
        self.subgraph = schema.SubGraphT(tensors=[], operators=[])
        self.buffers = [schema.BufferT()]  # buffer 0 marks tensors without constant values
        self.tensors: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run(self) -> bytes:
        first = next(node for node in self.nodes if node.op_type == "QuantizeLinear")
        image = self._add_activation(first, (1, IMAGE_SIZE, IMAGE_SIZE, 1))
        converters = {
            "Conv": self._conv,
            "Gemm": self._gemm,
            "MaxPool": self._max_pool,
            "GlobalAveragePool": self._global_average_pool,
            "Reshape": self._reshape,
        }
        for node in self.nodes[self.nodes.index(first) + 1 :]:
            if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
                converters.get(node.op_type, self._unknown)(node)
        self.subgraph.inputs, self.subgraph.outputs = [image], [len(self.subgraph.tensors) - 1]
        codes = [
            schema.OperatorCodeT(deprecatedBuiltinCode=operator, builtinCode=operator, version=version)
            for operator, version in _VERSIONS.items()
        ]
        file = schema.ModelT(
            version=_SCHEMA_VERSION,
            description=INPUT,
            operatorCodes=codes,
            subgraphs=[self.subgraph],
            buffers=self.buffers,
        )
        builder = flatbuffers.Builder()
        builder.Finish(file.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _conv(self, node: NodeProto) -> None:
        options = schema.Conv2DOptionsT(padding=schema.Padding.SAME, strideW=1, strideH=1)
        weights = self._constant(node.input[1])[0].transpose(0, 2, 3, 1)
        shape = (*self.shapes[node.input[0]][:3], len(weights))
        self._add_linear(_OPERATOR.CONV_2D, options, node, weights, shape)

    def _gemm(self, node: NodeProto) -> None:
        weights, _ = self._constant(node.input[1])
        before = self.shapes[node.input[0]]
        if len(before) == 4:  # flattened as channels × rows × columns; LiteRT flattens rows × columns × channels
            _, rows, columns, channels = before
            weights = weights.reshape(-1, channels, rows, columns).transpose(0, 2, 3, 1).reshape(len(weights), -1)
        self._add_linear(_OPERATOR.FULLY_CONNECTED, schema.FullyConnectedOptionsT(), node, weights, (1, len(weights)))

    def _add_linear(
        self, operator: int, options: Any, node: NodeProto, weights: NDArray[np.int8], shape: tuple[int, ...]
    ) -> None:
        """Add a convolution or linear layer whose `weights` have the output channels on their first axis."""
        bias = self._constant(node.input[2])[0] if len(node.input) > 2 else np.zeros(len(weights), np.int32)
        (input_scale,) = np.atleast_1d(self._constant(node.input[0])[1])
        scales = np.broadcast_to(self._constant(node.input[1])[1], len(weights))
        constants = [
            self._add_constant(node.input[1], weights, scales),
            self._add_constant(f"{node.name}.bias", bias, scales * input_scale),
        ]
        self._add_operator(operator, options, node, constants, shape)

    def _max_pool(self, node: NodeProto) -> None:
        options = schema.Pool2DOptionsT(
            padding=schema.Padding.VALID, strideW=2, strideH=2, filterWidth=2, filterHeight=2
        )
        _, rows, columns, channels = self.shapes[node.input[0]]
        self._add_operator(_OPERATOR.MAX_POOL_2D, options, node, [], (1, rows // 2, columns // 2, channels))

    def _global_average_pool(self, node: NodeProto) -> None:
        axes = self._add_constant("axes", np.array([1, 2], np.int32))
        shape = (1, self.shapes[node.input[0]][-1])
        self._add_operator(_OPERATOR.MEAN, schema.ReducerOptionsT(), node, [axes], shape)

    def _reshape(self, node: NodeProto) -> None:
        """Reuse the tensor before flattening: LiteRT's linear layer accepts any shape."""
        value = self.value_of[self.quantized_by[node.output[0]].output[0]]
        self.tensors[value], self.shapes[value] = self.tensors[node.input[0]], self.shapes[node.input[0]]

    def _unknown(self, node: NodeProto) -> None:
        raise ArtifactError(f"cannot convert the operator {node.op_type} to LiteRT")

    def _add_operator(
        self, operator: int, options: Any, node: NodeProto, constants: list[int], shape: tuple[int, ...]
    ) -> None:
        added = schema.OperatorT(
            opcodeIndex=list(_VERSIONS).index(operator),
            inputs=[self.tensors[node.input[0]], *constants],
            outputs=[self._add_activation(self.quantized_by[node.output[0]], shape)],
            builtinOptionsType=getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T")),
            builtinOptions=options,
        )
        self.subgraph.operators.append(added)

    def _add_activation(self, quantize: NodeProto, shape: tuple[int, ...]) -> int:
        """Add the output of a QuantizeLinear as a tensor for any number of images, and return its index."""
        scale, zero_point = (self.constants[name] for name in quantize.input[1:3])
        if zero_point.dtype != np.int8:
            raise ArtifactError(f"the conversion to LiteRT needs signed 8-bit activations, not {zero_point.dtype}")
        value = self.value_of[quantize.output[0]]
        tensor = _tensor(value, shape, "int8", np.atleast_1d(scale), np.atleast_1d(zero_point))
        tensor.shapeSignature = [-1, *shape[1:]]
        self.subgraph.tensors.append(tensor)
        self.tensors[value], self.shapes[value] = len(self.subgraph.tensors) - 1, shape
        return self.tensors[value]

    def _add_constant(self, name: str, values: NDArray[Any], scales: NDArray[np.float32] | None = None) -> int:
        """Add a constant tensor with `scales` along its first axis, and return its index."""
        zero_points = None if scales is None else np.zeros(len(scales))
        tensor = _tensor(name, values.shape, str(values.dtype), scales, zero_points)
        self.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        tensor.buffer = len(self.buffers) - 1
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def _constant(self, value: str) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return the constant integers that a DequantizeLinear reads, empty for an activation, and their scales."""
        node = self.dequantized_by[value]
        return self.constants.get(node.input[0], np.empty(0)), self.constants[node.input[1]]


def _tensor(
    name: str, shape: Sequence[int], dtype: str, scales: NDArray[Any] | None, zero_points: NDArray[Any] | None
) -> Any:
    tensor = schema.TensorT(name=name, shape=list(shape), type=getattr(schema.TensorType, dtype.upper()), hasRank=True)
    if scales is not None and zero_points is not None:
        tensor.quantization = schema.QuantizationParametersT(
            scale=scales.astype(np.float32), zeroPoint=zero_points.astype(np.int64)
        )
    return tensor
