"""An ONNX file as a list of layers, as `mnist_edge.layers` gives it of a PyTorch network."""

from collections import Counter
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto

from mnist_edge.errors import ArtifactError
from mnist_edge.layers import Layer

PARAMETERS_KEY = "mnist_edge.parameters"
"""The entry of a model's metadata that states its network's parameters."""


def load_graph(path: Path) -> ModelProto:
    """Read an ONNX file.

    Raises:
        ArtifactError: there is none, or it is none.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except FileNotFoundError as error:
        raise ArtifactError(path, "there is no such file") from error
    except (OSError, DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ArtifactError(path, f"no valid ONNX file ({error})") from error
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
    weights = {tensor.name: tensor for tensor in graph.initializer}
    arrays = {name: onnx.numpy_helper.to_array(tensor) for name, tensor in weights.items()}
    dequantised = {
        node.output[0]: list(node.input)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights
    }
    producers = {output: node.name for node in graph.node for output in node.output}
    layers = []
    for node in graph.node:
        if node.output[0] in dequantised:
            continue
        held = [name for source in node.input for name in dequantised.get(source, [source]) if name in weights]
        is_linear = node.op_type in ("Conv", "Gemm", "MatMul")
        values = [dequantised.get(source, [source])[0] for source in node.input]
        parameters = [arrays[name] for name in values if name in weights] if is_linear else []
        shape = shapes.get(node.output[0], ())[1:]
        # Each output of a layer takes as many products as one output channel has weights.
        per_output = parameters[0].size // shape[0] if parameters and shape else 0
        layers.append(
            Layer(
                name=node.name,
                kind=node.op_type,
                inputs=tuple(
                    producers.get(source, source)
                    for source in node.input
                    if source not in weights and source not in dequantised
                ),
                output_shape=shape,
                parameters=sum(array.size for array in parameters),
                multiply_adds=prod(shape) * per_output,
                parameter_bytes=sum(arrays[name].nbytes for name in dict.fromkeys(held)),
            )
        )
    return layers
