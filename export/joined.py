"""Join the preparation of pictures with an int8 network: one graph from any picture to its digit.

A program in any language then needs ONNX Runtime, this file and a picture's pixels, and no preparation of its own.
"""

import json
from collections.abc import Iterable

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from export.confidence import Confidence
from export.graph import PARAMETERS_KEY, PREPARATION_PREFIX, remove_notes
from export.picture import preparation
from export.to_onnx import OPSET
from mnist_edge.errors import CheckFailedError
from runtime.contract import (
    IMAGE_SIZE,
    INPUT,
    OUTPUT,
    PICTURE,
    PREPARED,
    REJECT_BELOW,
    REJECTION,
    STEP_PREFIX,
    Reason,
)
from runtime.errors import ModelError
from runtime.model_graph import check_graph

REJECTIONS_KEY = "mnist_edge.rejections"
"""Metadata: a JSON object with the code and label of each `Reason`, for example `{"1": "blank"}`."""
_NETWORK_PREFIX = "network."

_PICTURE_AND_CODES = {
    "mnist_edge.input": "picture: uint8 [H, W, C], C = 1 (grey), 3 (RGB) or 4 (RGBA), H and W from 1 to 4096",
    REJECTIONS_KEY: json.dumps({str(reason.value): reason.label for reason in Reason}),
}
PREPARATION_METADATA = _PICTURE_AND_CODES | {
    PARAMETERS_KEY: "0",
    "mnist_edge.output": "prepared: uint8 [1, 1, 28, 28], ink bright on dark; rejection: int64 [1], 0 for none",
}
"""All metadata of the preparation's file."""
JOINED_METADATA = _PICTURE_AND_CODES | {
    "mnist_edge.output": "digit: int64 [1]; confidence: float32 [1]; probabilities: float32 [10]; "
    "rejection: int64 [1], 0 for none; prepared: uint8 [28, 28]; plausibility: float32 [1]",
}
"""Metadata in which a joined file differs from its network's."""

_PREPARED_SHAPE = [1, 1, IMAGE_SIZE, IMAGE_SIZE]
_ANSWER = """
<ir_version: {ir_version}, opset_import: ["": {opset}]>
answer (float[N, 10] logits, int64[1] reason, uint8[1, 1, 28, 28] image)
    => (int64[1] digit, float[1] confidence, float[10] probabilities, int64[1] rejection, uint8[28, 28] prepared,
        float[1] plausibility)
    <float[1] inverse_temperature = {{{inverse_temperature}}},
     float[1] midpoint = {{{midpoint}}}, float[1] slope = {{{slope}}}, float[1] reject_below = {{{reject_below}}},
     int64[1] no_reason = {{0}}, int64[1] implausible = {{{implausible}}},
     int64[1] batch_axis = {{0}}, int64[2] leading_axes = {{0, 1}}>
{{
    answer = Squeeze (logits, batch_axis)
    digit = ArgMax <axis = 0> (answer)
    scaled_logits = Mul (answer, inverse_temperature)
    probabilities = Softmax <axis = 0> (scaled_logits)
    confidence = ReduceMax (probabilities)
    level = ReduceLogSumExp (answer)
    mean = ReduceMean (answer)
    spread = Sub (level, mean)
    from_midpoint = Sub (spread, midpoint)
    scaled_spread = Mul (from_midpoint, slope)
    plausibility = Sigmoid (scaled_spread)
    is_prepared = Equal (reason, no_reason)
    is_below = Less (plausibility, reject_below)
    is_implausible = And (is_prepared, is_below)
    rejection = Where (is_implausible, implausible, reason)
    prepared = Squeeze (image, leading_axes)
}}
"""
"""The nodes after the network, in ONNX's textual syntax."""


def portable_preparation() -> ModelProto:
    """Return the preparation as it is written to its file: without notes, checked, its nodes named `prepare.…`.

    Raises:
        CheckFailedError: its input or outputs are not those of the contract, or it uses more than standard operators.
    """
    model = onnx.compose.add_prefix(
        preparation(),
        PREPARATION_PREFIX,
        rename_edges=False,
        rename_inputs=False,
        rename_outputs=False,
        rename_initializers=False,
        rename_value_infos=False,
    )
    remove_notes(model.graph)
    _shorten_names(model.graph)
    model.producer_name, model.producer_version = "mnist-edge", ""
    _check_preparation(model)
    check_portable("the preparation", model)
    return model


def _shorten_names(graph: GraphProto) -> None:
    """Number the nodes, the constants and the values between nodes, whose names would be a third of the file."""
    outputs = {output.name for output in graph.output}
    inner = [name for node in graph.node for name in node.output if name not in outputs]
    short = {name: f"v{number:x}" for number, name in enumerate(inner)}
    for number, tensor in enumerate(graph.initializer):
        short[tensor.name] = f"c{number:x}"
        tensor.name = short[tensor.name]
    for number, node in enumerate(graph.node):
        node.name = f"{PREPARATION_PREFIX}{number}"
        for names in (node.input, node.output):
            names[:] = [short.get(name, name) for name in names]


def join(prepare: ModelProto, network: ModelProto, confidence: Confidence) -> ModelProto:
    """Return the graph from a picture uint8 `[H, W, C]` to its digit, with its scores and the reason to reject it.

    Args:
        prepare: a result of `portable_preparation`. Its `step.` outputs are left out, with what only they need.
        network: a result of `quantize`. The joined graph computes the same logits from the same pixels.
        confidence: becomes the constants `inverse_temperature`, `midpoint` and `slope`.

    Raises:
        CheckFailedError: the graph uses more than standard operators.
    """
    prepare = onnx.compose.add_prefix(
        prepare,
        PREPARATION_PREFIX,
        rename_nodes=False,
        rename_edges=False,
        rename_inputs=False,
        rename_initializers=False,
        rename_value_infos=False,
    )
    network = onnx.compose.add_prefix(network, _NETWORK_PREFIX)
    del prepare.metadata_props[:], network.metadata_props[:]
    answer = onnx.parser.parse_model(
        _ANSWER.format(
            ir_version=network.ir_version,
            opset=OPSET,
            inverse_temperature=np.float32(1 / confidence.temperature).item(),
            midpoint=np.float32(confidence.plausibility_midpoint).item(),
            slope=np.float32(confidence.plausibility_slope).item(),
            reject_below=REJECT_BELOW,
            implausible=Reason.IMPLAUSIBLE.value,
        )
    )
    for node in answer.graph.node:
        node.name = node.output[0]
    image, reason, logits = PREPARATION_PREFIX + PREPARED, PREPARATION_PREFIX + REJECTION, _NETWORK_PREFIX + OUTPUT
    digits = onnx.compose.merge_models(
        prepare, network, [(image, _NETWORK_PREFIX + INPUT)], outputs=[image, reason, logits]
    )
    joined = onnx.compose.merge_models(
        digits, answer, [(logits, "logits"), (reason, "reason"), (image, "image")], name="picture_to_digit"
    )
    remove_notes(joined.graph)
    joined = onnx.helper.make_model(
        joined.graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],  # merging lists it once for each part
        ir_version=network.ir_version,
        producer_name="mnist-edge",
    )
    check_portable("the joined graph", joined)
    return joined


def check_portable(name: str, model: ModelProto) -> None:
    """Check that a graph is valid and uses nothing beyond standard operators and its own tensors.

    Raises:
        CheckFailedError: it is not valid, or uses more; the message begins with `name`.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
        check_graph(name, model.SerializeToString())
    except (ModelError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise CheckFailedError(f"{name} is not a graph that every device can run: {error}") from error


def _check_preparation(model: ModelProto) -> None:
    """Check the preparation's input and outputs against the contract."""
    inputs, outputs = _signature(model.graph.input), _signature(model.graph.output)
    expected = {PREPARED: (TensorProto.UINT8, _PREPARED_SHAPE), REJECTION: (TensorProto.INT64, [1])}
    answers = {name: type_and_shape for name, type_and_shape in outputs.items() if not name.startswith(STEP_PREFIX)}
    step_types = {outputs[name][0] for name in outputs.keys() - answers.keys()}
    is_picture = inputs == {PICTURE: (TensorProto.UINT8, [0, 0, 0])}
    if not is_picture or answers != expected or step_types - {TensorProto.FLOAT}:
        raise CheckFailedError(
            f"the preparation must turn {PICTURE} uint8 [H, W, C] into {PREPARED} uint8 {_PREPARED_SHAPE}, {REJECTION} "
            f"int64 [1] and steps of float32, but its inputs are {list(inputs)} and its outputs {list(outputs)}"
        )


def _signature(values: Iterable[ValueInfoProto]) -> dict[str, tuple[int, list[int]]]:
    """Return each value's element type and shape, 0 for a dimension of any length, by name."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [dimension.dim_value for dimension in value.type.tensor_type.shape.dim],
        )
        for value in values
    }
