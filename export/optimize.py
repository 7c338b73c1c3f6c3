"""Save the graph that ONNX Runtime makes of an int8 network, so that a device need not optimize it at every start.

Some of ONNX Runtime's optimizations are made for the processor that they run on: saved on another one, such a graph can
give wrong answers without an error. Those of the int8 networks are not, and only they are accepted.
"""

import tempfile
from pathlib import Path

import onnx
from onnx import ModelProto

from export.graph import remove_notes
from export.parity import gives_same_logits, open_session
from export.windows import read_windows
from mnist_edge.errors import CheckFailedError
from runtime.contract import FUSED_OPERATORS

_PORTABLE = {("", "Reshape"), *(("com.microsoft", operator.decode()) for operator in FUSED_OPERATORS)}
"""Domains and names of the operators whose saved graphs give the same bits on every processor."""


def optimize(model: ModelProto) -> ModelProto:
    """Return what ONNX Runtime makes of a result of `quantize`, reading windows if it can, with the same logits.

    Raises:
        CheckFailedError: the graph has operators that may depend on this processor, or gives other logits.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimized.onnx"
        open_session(model, optimized_path=path)
        optimized = onnx.load(path)
    remove_notes(optimized.graph)
    read_windows(optimized.graph)
    used = {(node.domain, node.op_type) for node in optimized.graph.node}
    if others := used - _PORTABLE:
        names = ", ".join(f"{domain}.{name}".lstrip(".") for domain, name in sorted(others))
        raise CheckFailedError(
            f"the optimized graph has operators that may depend on this processor: {names}. "
            "Export with the tested versions: pip install --constraint constraints.txt"
        )
    for node in optimized.graph.node:
        while not node.input[-1]:  # the predictor accepts no missing inputs
            del node.input[-1]
    for sequence in (optimized.graph.initializer, *(node.attribute for node in optimized.graph.node)):
        sequence.sort(key=lambda item: item.name)  # ONNX Runtime keeps them in hash tables
    domains = {domain for domain, _ in used}
    opsets = [onnx.helper.make_opsetid(entry.domain, entry.version) for entry in optimized.opset_import]
    del optimized.opset_import[:]
    optimized.opset_import.extend(opset for opset in opsets if opset.domain in domains)
    if not gives_same_logits(optimized, model):
        raise CheckFailedError("the optimized graph gives other logits than the int8 model")
    return optimized
