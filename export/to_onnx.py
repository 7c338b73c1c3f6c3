"""Export a PyTorch network as a plain, portable float32 ONNX graph.

`torch.onnx` folds batch normalization into the convolutions. Its stack traces with source paths and its names numbered
over a whole process are removed, so that the same weights give the same bytes everywhere.
"""

import re
import warnings
from collections import Counter

import onnx
import torch
from onnx import ModelProto
from onnxscript import ir
from onnxscript.ir.passes.common import RemoveUnusedNodesPass
from torch import nn

from export.graph import remove_notes
from runtime.contract import IMAGE_SIZE, INPUT, OUTPUT

BATCH = "N"
OPSET = 20
"""Not all engines support the QuantizeLinear of newer versions."""


def to_float_onnx(model: nn.Module) -> ModelProto:
    """Return the float graph of a network: pixels uint8 `[N, 1, 28, 28]` in, logits float32 `[N, 10]` out, for any N.

    The graph has passed `onnx.checker` with shape inference.
    """
    example = torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)  # a batch of 1 would become a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's internals
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
    if program is None:  # for the type checker: only an export to a file returns None
        raise RuntimeError("torch.onnx.export returned no program")
    _pool_globally(program.model.graph)
    _rename(program.model.graph)
    RemoveUnusedNodesPass()(program.model)
    graph = ir.to_proto(program.model.graph)
    graph.name = "digits"
    remove_notes(graph)
    result = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=program.model.ir_version,
        producer_name="mnist-edge",
    )
    onnx.checker.check_model(result, full_check=True)
    return result


def _pool_globally(graph: ir.Graph) -> None:
    """Replace means over rows and columns by GlobalAveragePool, which the layout and the quantizer know."""
    for node in graph:
        if node.op_type != "ReduceMean" or len(node.inputs) != 2 or node.inputs[1] is None:
            continue
        axes = ir.convenience.get_const_tensor(node.inputs[1])
        keeps_dimensions = node.attributes.get_int("keepdims", 1) == 1
        if axes is not None and sorted(axes.numpy().tolist()) in ([2, 3], [-2, -1]) and keeps_dimensions:
            node.op_type = "GlobalAveragePool"
            node.resize_inputs(1)
            node.attributes.clear()


def _rename(graph: ir.Graph) -> None:
    """Name each node and its output after its operator (`conv_1`, `relu_1`); weights keep their PyTorch names."""
    counts: Counter[str] = Counter()
    for node in graph:
        operator = re.sub(r"(?<!^)(?=[A-Z])", "_", node.op_type).lower()
        counts[operator] += 1
        node.name = f"{operator}_{counts[operator]}"
        for index, value in enumerate(node.inputs):
            if value is not None and value.is_initializer() and "." not in str(value.name):  # added by torch.onnx
                value.name = f"{node.name}.constant_{index}"
        for index, value in enumerate(node.outputs):
            if not value.is_graph_output():
                value.name = f"{node.name}.{index}" if index else node.name
