"""Run one step of the preparation graph alone, on inputs that onnxruntime cannot fold into constants."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxscript import GraphBuilder, ir

from export.picture.planes import look

Levels = NDArray[np.float32]
Array = NDArray[Any]
MAX_CELLS = 96
_OPSET, _IR_VERSION = 20, 10


def traced(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs a step on arrays.

    Args:
        step: takes an operator builder and one value for each array; returns a value or a tuple of values.

    Returns:
        A function that takes arrays of any shape and returns what the step returns, arrays in place of values. A graph
        is built for each new combination of dtypes and ranks.
    """
    built: dict[tuple[tuple[str, int], ...], tuple[onnxruntime.InferenceSession, Any]] = {}

    def run(*arrays: Array) -> Any:
        key = tuple((array.dtype.name, array.ndim) for array in arrays)
        if key not in built:
            model, result = model_of(step, arrays)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            built[key] = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"]), result
        session, result = built[key]
        names = [value.name for value in session.get_inputs()]
        outputs = session.run(None, dict(zip(names, arrays, strict=True)))
        if isinstance(result, tuple):
            return type(result)._make(outputs) if hasattr(result, "_make") else tuple(outputs)
        return outputs[0]

    return run


def whole_view(op: Any, picture: Any, inverted: Any = None) -> Any:
    """Return the view of a whole picture that the preparation starts with; by default no column is inverted."""
    size = op.Shape(picture, start=0, end=2)
    if inverted is None:
        inverted = op.Expand(0.0, op.Concat(op.Shape(picture, start=1, end=2), [1, 1], axis=0))
    return look(op, picture, inverted, [0, 0], size, MAX_CELLS)


def model_of(step: Callable[..., Any], arrays: Sequence[Array]) -> tuple[bytes, Any]:
    """Return a step's graph, with inputs like the arrays, as the bytes of a model, and what the step returned."""
    inputs = [
        ir.Value(
            name=f"input{number}",
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            shape=ir.Shape([f"n{number}_{axis}" for axis in range(array.ndim)]),
        )
        for number, array in enumerate(arrays)
    ]
    graph = ir.Graph(inputs, [], nodes=[], opset_imports={"": _OPSET}, name="step")
    op = GraphBuilder(graph).op
    result = step(op, *inputs)
    for number, value in enumerate(result if isinstance(result, tuple) else [result]):
        output = op.Identity(value)
        output.name = f"output{number}"
        graph.outputs.append(output)
    return ir.to_proto(ir.Model(graph, ir_version=_IR_VERSION)).SerializeToString(), result
