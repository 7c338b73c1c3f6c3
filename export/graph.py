"""An ONNX file as a list of layers, as `mnist_edge.training.layers` gives it of a PyTorch network."""

from collections import Counter
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

from mnist_edge.errors import ArtifactError
from mnist_edge.training.layers import Layer
from runtime.contract import PARAMETERS_KEY


def load_graph(path: Path) -> ModelProto:
    """Read an ONNX file.

    Raises:
        ArtifactError: there is none, or it is none, or it holds no nodes.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no file {path}") from error
    # A ValueError is a name that is no UTF-8.
    except (
        OSError,
        ValueError,
        DecodeError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise ArtifactError(f"{path}: no valid ONNX file ({error})") from error
    if not model.graph.node:
        raise ArtifactError(f"{path} holds no nodes")
    return model


def operators(model: ModelProto) -> dict[str, int]:
    """Count a graph's nodes by operator."""
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def network_parameters(model: ModelProto) -> int | None:
    """Give the parameters of the network that a file was exported from, as its metadata has them.

    An int8 file may hold more weights than that: its layout spreads and repeats them.
    """
    facts = {entry.key: entry.value for entry in model.metadata_props}
    stated = facts.get(PARAMETERS_KEY, "")
    return int(stated) if stated.isdecimal() else None


def layers_of_graph(model: ModelProto) -> list[Layer]:
    """List the nodes of a graph in order.

    The dequantisation of a weight counts as a part of the layer that uses it. Scales and zero
    points are bytes, not parameters.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    graph = inferred.graph
    shapes = {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    arrays |= {node.output[0]: array for node in graph.node if (array := _constant_value(node)) is not None}
    dequantised = {
        node.output[0]: list(node.input)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }
    producers = {output: node.name for node in graph.node for output in node.output}
    layers = []
    for node in graph.node:
        if node.output[0] in dequantised or node.output[0] in arrays:
            continue
        held = [name for source in node.input for name in dequantised.get(source, [source]) if name in arrays]
        parameters = _parameters(node, [arrays.get(dequantised.get(source, [source])[0]) for source in node.input])
        shape = shapes.get(node.output[0], ())[1:]
        # Each output of a layer takes as many products as one output channel has weights.
        computes = node.op_type in ("Conv", "Gemm", "MatMul") and parameters and shape and shape[0]
        layers.append(
            Layer(
                name=node.name,
                kind=node.op_type,
                inputs=tuple(
                    producers.get(source, source)
                    for source in node.input
                    if source not in arrays and source not in dequantised
                ),
                output_shape=shape,
                parameters=sum(array.size for array in parameters),
                multiply_adds=prod(shape) * (parameters[0].size // shape[0]) if computes else 0,
                parameter_bytes=sum(arrays[name].nbytes for name in dict.fromkeys(held)),
            )
        )
    return layers


def _constant_value(node: NodeProto) -> NDArray[Any] | None:
    """Give the tensor of a `Constant` node."""
    tensors = [attribute.t for attribute in node.attribute if attribute.name == "value"]
    return numpy_helper.to_array(tensors[0]) if node.op_type == "Constant" and tensors else None


def _parameters(node: NodeProto, values: Sequence[NDArray[Any] | None]) -> list[NDArray[Any]]:
    """Pick a node's parameters from the constants among its inputs (None for the others).

    Shapes, scales, zero points and single numbers are none, nor the statistics that a batch
    normalisation has collected.
    """
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return []
    learnt = values[:3] if node.op_type == "BatchNormalization" else values
    return [array for array in learnt if array is not None and array.size > 1 and array.dtype != np.int64]
