"""Write a PyTorch network as a plain, portable float32 ONNX graph.

`torch.onnx` folds batch normalisation into the convolutions. What it adds of its own (stack traces
with source paths, names that count up over a whole process) is taken out, so that the same weights
give the same bytes in every folder.
"""

import warnings
from collections import Counter

import onnx
import torch
from onnx import GraphProto, ModelProto
from torch import nn

from runtime.contract import IMAGE_SIZE, INPUT, OUTPUT

BATCH = "N"
OPSET = 20
"""Newer versions of QuantizeLinear are not implemented everywhere."""


def to_float_onnx(model: nn.Module) -> ModelProto:
    """Export a network that takes pixels, uint8 `[N, 1, 28, 28]`, and gives logits, float32 `[N, 10]`.

    Any `N` can be run. The result has passed `onnx.checker` with shape inference.
    """
    example = torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)  # a batch of 1 would be taken as constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own inner workings
        program = torch.onnx.export(
            model.eval(),
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:  # for the type checker: only an export to a file gives None
        raise RuntimeError("torch.onnx.export gave no program")
    exported = program.model_proto
    _pool_globally(exported.graph)
    _rename(exported.graph)
    _strip(exported.graph)
    result = onnx.helper.make_model(
        exported.graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=exported.ir_version,
        producer_name="mnist-edge",
    )
    onnx.checker.check_model(result, full_check=True)
    return result


def _pool_globally(graph: GraphProto) -> None:
    """Name a mean over rows and columns what it is: the quantiser knows GlobalAveragePool, not ReduceMean."""
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "ReduceMean" or len(node.input) != 2:
            continue
        axes = constants.get(node.input[1])
        keeps_dimensions = all(attribute.i == 1 for attribute in node.attribute if attribute.name == "keepdims")
        if axes is not None and sorted(axes.tolist()) in ([2, 3], [-2, -1]) and keeps_dimensions:
            node.op_type = "GlobalAveragePool"
            del node.input[1:]
            del node.attribute[:]


def _rename(graph: GraphProto) -> None:
    """Name each node and its result after its operator (`conv_1`, `relu_1`); weights keep PyTorch's names."""
    counts: Counter[str] = Counter()
    new_names: dict[str, str] = {}
    weights = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        kind = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in node.op_type).lstrip("_")
        counts[kind] += 1
        node.name = f"{kind}_{counts[kind]}"
        for index, name in enumerate(node.input):
            if name in weights and "." not in name:  # a constant that the exporter made
                new_names.setdefault(name, f"{node.name}.constant_{index}")
            node.input[index] = new_names.get(name, name)
        for index, name in enumerate(node.output):
            if name != OUTPUT:
                new_names[name] = node.name if index == 0 else f"{node.name}.{index}"
                node.output[index] = new_names[name]
    for tensor in graph.initializer:
        tensor.name = new_names.get(tensor.name, tensor.name)


def _strip(graph: GraphProto) -> None:
    """Take out what describes the export and not the network, and weights that nothing uses."""
    graph.name = "digits"
    del graph.value_info[:]
    used = {name for node in graph.node for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
