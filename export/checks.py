"""The checks that a model passes before it is exported: its budget, and no overflow of its int8 sums.

Processors without dot-product instructions multiply unsigned bytes with signed ones and add *pairs* of the products in
saturating 16-bit arithmetic (x86's `pmaddubsw`; Intel, "Intrinsics Guide", `_mm256_maddubs_epi16`). Where no pair of a
channel's weights can reach beyond 16 bits, whichever two meet and whatever the pixels are, nothing saturates; all
further sums are of 32 bits, and integers add up to the same in any order.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from mnist_edge.errors import CheckFailedError
from mnist_edge.training.layers import Layer
from mnist_edge.training.models import MAX_PARAMETERS

MAX_BYTES = 100_000
"""An int8 file has at most this many bytes."""
LARGEST_ACTIVATION = 255
LARGEST_SUM = 32_767


@dataclass(frozen=True)
class Certificate:
    """The largest sum that a pair of products can have in each layer, by its weights' name, and what 16 bits hold."""

    largest_sum: int
    pair_sums: dict[str, int]


def check_saturation(model: ModelProto) -> Certificate:
    """Prove that no pair of products saturates.

    Args:
        model: an int8 graph, weights per output channel.

    Raises:
        CheckFailedError: a pair can.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pair_sums = {}
    for node in model.graph.node:
        weights = constants.get(node.input[0])
        if node.op_type != "DequantizeLinear" or weights is None or weights.dtype != np.int8:
            continue
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        per_channel = constants[node.input[1]].ndim == 1
        pair_sums[node.input[0]] = largest_pair_sum(weights, axis if per_channel else None)
    certificate = Certificate(LARGEST_SUM, pair_sums)
    worst = max(pair_sums, key=pair_sums.__getitem__, default=None)
    if worst is None:
        raise CheckFailedError("the model has no int8 weights")
    if pair_sums[worst] > LARGEST_SUM:
        raise CheckFailedError(
            f"{worst}: a pair of products can reach {pair_sums[worst]:,}, and 16 bits hold {LARGEST_SUM:,}. "
            "Quantize the weights with 7 bits (reduce_range)."
        )
    return certificate


def largest_pair_sum(weights: NDArray[np.int8], axis: int | None) -> int:
    """Give 255 × the two largest magnitudes of any output channel, which lie along an axis; None for a single one."""
    rows = weights.reshape(1, -1) if axis is None else np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    magnitudes = np.sort(np.abs(rows.astype(np.int64)), axis=1)[:, -2:]
    return int(magnitudes.sum(axis=1).max(initial=0)) * LARGEST_ACTIVATION


def check_parameters(layers: Iterable[Layer], max_parameters: int = MAX_PARAMETERS) -> int:
    """Count a network's parameters.

    Raises:
        CheckFailedError: there are `max_parameters` or more; its message lists them by layer.
    """
    held = [(layer.name, layer.parameters) for layer in layers if layer.parameters]
    total = sum(parameters for _, parameters in held)
    if total >= max_parameters:
        table = ", ".join(f"{name} {parameters:,}" for name, parameters in held)
        raise CheckFailedError(
            f"{total:,} parameters are over the budget of fewer than {max_parameters:,}. By layer: {table}. "
            "Raise it with --max-parameters."
        )
    return total


def check_bytes(name: str, size_bytes: int, max_bytes: int = MAX_BYTES) -> None:
    """Check a file's size.

    Raises:
        CheckFailedError: it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise CheckFailedError(
            f"{name} has {size_bytes:,} bytes, over the budget of {max_bytes:,}. Raise it with --max-bytes."
        )
