"""Read ONNX graphs, list their layers and replace nodes.

The edits work on protobuf messages: onnx_ir drops empty fields that the committed files contain.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper

from mnist_edge.errors import ArtifactError
from mnist_edge.training.layers import Layer
from runtime.contract import IMAGE_SIZE, PICTURE

PARAMETERS_KEY = "mnist_edge.parameters"
"""Metadata: number of parameters of the network. An int8 file may store more weights: its layout repeats some."""
PREPARATION_PREFIX = "prepare."
"""Starts the names of the preparation's nodes, in its own file and in a joined one."""
_PREPARATION = "prepare"

_DAMAGED = (OSError, ValueError, DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
"""Errors of onnx for damaged files; ValueError where a name is not UTF-8."""


def load_graph(path: Path) -> ModelProto:
    """Load an ONNX file.

    Raises:
        ArtifactError: the file is missing, not valid ONNX or has no nodes.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no file {path}") from error
    except _DAMAGED as error:
        raise ArtifactError(f"{path} is not a valid ONNX file ({error})") from error
    if not model.graph.node:
        raise ArtifactError(f"{path} has no nodes")
    return model


def operators(model: ModelProto) -> dict[str, int]:
    """Count a graph's nodes by operator."""
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def network_parameters(model: ModelProto) -> int | None:
    """Return the parameter count of the exported network from a file's metadata, None if it is missing.

    An int8 file may contain more weights than this, because its layout repeats some.
    """
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    count = metadata.get(PARAMETERS_KEY, "")
    return int(count) if count.isdecimal() else None


def constants(graph: GraphProto) -> dict[str, NDArray[Any]]:
    """Return a graph's initializers by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def remove_notes(graph: GraphProto) -> None:
    """Remove what the tools that built a graph noted in it: stack traces, source paths, scopes and inferred shapes."""
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.value_info[:]


def replace_nodes(
    graph: GraphProto,
    old: Collection[NodeProto],
    new: Collection[NodeProto] = (),
    new_constants: Mapping[str, NDArray[Any]] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Put `new` nodes with `new_constants` in the place of `old` ones, and remove initializers that no node reads.

    `renamed` maps each removed value that other nodes read to the value that they read instead.
    """
    new_constants, renamed = new_constants or {}, renamed or {}
    place = next(index for index, node in enumerate(graph.node) if node in old)
    kept = [node for node in graph.node if node not in old]
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    nodes = [*kept[:place], *new, *kept[place:]]
    used = {name for node in nodes for name in node.input} - new_constants.keys()
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    tensors += [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in new_constants.items()]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def layers_of_graph(model: ModelProto) -> list[Layer]:
    """List a graph's nodes in order, as `mnist_edge.training.layers` lists the layers of a PyTorch network.

    The dequantization of a weight counts as part of the layer that uses it. Scales and zero points
    count as bytes, not as parameters. The nodes that prepare a picture count as a single layer, without parameters.
    """
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    arrays = constants(graph)
    arrays |= {
        node.output[0]: numpy_helper.to_array(attribute.t)
        for node in graph.node
        for attribute in node.attribute
        if (node.op_type, attribute.name) == ("Constant", "value")
    }
    # The constants behind each value that the graph stores: the value itself, or what a DequantizeLinear reads.
    stored = {name: [name] for name in arrays}
    stored |= {
        node.output[0]: [name for name in node.input if name in arrays]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }
    values = {name: arrays[names[0]] for name, names in stored.items()}
    preparing = [node for node in graph.node if node.name.startswith(PREPARATION_PREFIX)]
    producers = {output: node.name for node in graph.node for output in node.output}
    producers |= {output: _PREPARATION for node in preparing for output in node.output}
    layers = [_preparation_layer(preparing, arrays)] if preparing else []
    for node in graph.node:
        if node.name.startswith(PREPARATION_PREFIX):
            continue
        if node.output[0] in stored:
            continue
        names = dict.fromkeys(name for source in node.input for name in stored.get(source, ()))
        parameters = _parameters(node, values)
        shape = shapes.get(node.output[0], ())[1:]
        # Each output of a layer takes as many products as one output channel has weights.
        computes = node.op_type in ("Conv", "Gemm", "MatMul") and parameters and shape and shape[0]
        layers.append(
            Layer(
                name=node.name,
                kind=node.op_type,
                inputs=tuple(producers.get(source, source) for source in node.input if source not in stored),
                output_shape=shape,
                parameters=sum(array.size for array in parameters),
                multiply_adds=prod(shape) * (parameters[0].size // shape[0]) if computes else 0,
                parameter_bytes=sum(arrays[name].nbytes for name in names),
            )
        )
    return layers


def _preparation_layer(nodes: Sequence[NodeProto], arrays: Mapping[str, NDArray[Any]]) -> Layer:
    """Return the nodes that turn a picture into pixels for the network as one layer."""
    constants_read = {name for node in nodes for name in node.input} & arrays.keys()
    return Layer(
        name=_PREPARATION,
        kind=f"{len(nodes)} operators",
        inputs=(PICTURE,),
        output_shape=(1, IMAGE_SIZE, IMAGE_SIZE),
        parameters=0,
        multiply_adds=0,  # depends on the picture's size
        parameter_bytes=sum(arrays[name].nbytes for name in constants_read),
    )


def _parameters(node: NodeProto, values: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Pick a node's learned parameters from the constants among its inputs.

    Shapes, scales, zero points, scalars and the running statistics of batch normalization are not parameters.
    """
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return []
    inputs = node.input[:3] if node.op_type == "BatchNormalization" else node.input
    learned = [values[name] for name in inputs if name in values]
    return [array for array in learned if array.size > 1 and array.dtype != np.int64]
