"""The checks that a model must pass to be exported: its size, and no overflow of its int8 sums.

Processors without dot-product instructions multiply unsigned by signed bytes and add *pairs* of products in saturating
16-bit arithmetic (x86's `pmaddubsw`; Intel, "Intrinsics Guide", `_mm256_maddubs_epi16`). If the sum of any two products
of an output channel fits in 16 bits for all pixels, nothing saturates. All further sums have 32
bits, and the order of integer additions does not change the result.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from export.graph import constants
from mnist_edge.errors import CheckFailedError
from mnist_edge.training.layers import Layer

LARGEST_ACTIVATION = 255
LARGEST_SUM = 32_767


@dataclass(frozen=True)
class Certificate:
    """The largest sum of two products in each layer, by the name of its weights, and the largest that fits 16 bits."""

    largest_sum: int
    pair_sums: dict[str, int]


def check_saturation(model: ModelProto) -> Certificate:
    """Prove that no pair of products saturates in an int8 graph.

    Raises:
        CheckFailedError: a pair can saturate, or the graph has no int8 weights.
    """
    stored = constants(model.graph)
    pair_sums = {}
    for node in model.graph.node:
        weights = stored.get(node.input[0])
        if node.op_type != "DequantizeLinear" or weights is None or weights.dtype != np.int8:
            continue
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        per_channel = stored[node.input[1]].ndim == 1
        pair_sums[node.input[0]] = largest_pair_sum(weights, axis if per_channel else None)
    if not pair_sums:
        raise CheckFailedError("the model has no int8 weights")
    worst = max(pair_sums, key=pair_sums.__getitem__)
    if pair_sums[worst] > LARGEST_SUM:
        raise CheckFailedError(
            f"{worst}: two products can add up to {pair_sums[worst]:,}, but 16 bits hold at most {LARGEST_SUM:,}. "
            "Quantize the weights with 7 bits (reduce_range)."
        )
    return Certificate(LARGEST_SUM, pair_sums)


def largest_pair_sum(weights: NDArray[np.int8], axis: int | None) -> int:
    """Return the largest 255 × (|a| + |b|) of two weights of a channel; channels lie along `axis`, None for one."""
    rows = weights.reshape(1, -1) if axis is None else np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    magnitudes = np.sort(np.abs(rows.astype(np.int64)), axis=1)[:, -2:]
    return int(magnitudes.sum(axis=1).max(initial=0)) * LARGEST_ACTIVATION


def check_parameters(layers: Iterable[Layer], max_parameters: int) -> int:
    """Return a network's parameter count.

    Raises:
        CheckFailedError: it is `max_parameters` or more; the message lists the layers.
    """
    counts = [(layer.name, layer.parameters) for layer in layers if layer.parameters]
    total = sum(parameters for _, parameters in counts)
    if total >= max_parameters:
        table = ", ".join(f"{name} {parameters:,}" for name, parameters in counts)
        raise CheckFailedError(
            f"{total:,} parameters exceed the budget, which is fewer than {max_parameters:,}. By layer: {table}. "
            "Raise it with --max-parameters."
        )
    return total


def check_bytes(name: str, size_bytes: int, max_bytes: int) -> None:
    """Check the size of a file.

    Raises:
        CheckFailedError: it is more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise CheckFailedError(
            f"{name} has {size_bytes:,} bytes, over the budget of {max_bytes:,}. Raise it with --max-bytes."
        )
