"""The two limits that a model for a device keeps: its parameters and its file's bytes."""

from collections.abc import Iterable

from mnist_edge.errors import BudgetError
from mnist_edge.layers import Layer
from mnist_edge.models import MAX_PARAMETERS

MAX_BYTES = 100_000
"""An int8 file has at most this many bytes."""


def check_parameters(layers: Iterable[Layer], max_parameters: int = MAX_PARAMETERS) -> int:
    """Count a network's parameters.

    Raises:
        BudgetError: there are `max_parameters` or more; its message lists them by layer.
    """
    held = [(layer.name, layer.parameters) for layer in layers if layer.parameters]
    total = sum(parameters for _, parameters in held)
    if total >= max_parameters:
        table = ", ".join(f"{name} {parameters:,}" for name, parameters in held)
        raise BudgetError(
            "parameters", total, f"fewer than {max_parameters:,}", f"By layer: {table}. Raise it with --max-parameters."
        )
    return total


def check_bytes(name: str, size_bytes: int, max_bytes: int = MAX_BYTES) -> None:
    """Check a file's size.

    Raises:
        BudgetError: it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise BudgetError(f"bytes of {name}", size_bytes, f"at most {max_bytes:,}", "Raise it with --max-bytes.")
