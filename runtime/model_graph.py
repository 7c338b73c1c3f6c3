"""Check that a model file is self-contained, from its bytes, before ONNX Runtime opens it.

A digit network needs only standard operators on tensors within the file. ONNX also allows operators of other domains,
functions, subgraphs and tensors in other files. Refusing those means that opening a model reads no other file and runs
only ONNX's own operators.

An ONNX file is a protocol buffer, a sequence of fields with a number, a wire type and a value: see
https://protobuf.dev/programming-guides/encoding, and `onnx.proto` for the field numbers below.
"""

from collections.abc import Iterator
from typing import Final

from .errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_CHILDREN: Final = {
    ("model", 7): "graph",
    ("graph", 1): "node",
    ("graph", 5): "tensor",
    ("node", 5): "attribute",
    ("attribute", 5): "tensor",
    ("attribute", 10): "tensor",
}
"""The fields, by message and number, that hold messages to check, and their kinds."""
_REFUSED: Final = {
    ("model", 20): "training graphs",
    ("model", 25): "functions",
    ("graph", 15): "sparse tensors",
    ("attribute", 6): "a subgraph",
    ("attribute", 11): "a subgraph",
    ("attribute", 22): "sparse tensors",
    ("attribute", 23): "sparse tensors",
    ("tensor", 13): "tensors in other files",
    ("tensor", 14): "tensors in other files",
    ("node", 7): "an operator of a non-standard domain",
}
_HARMLESS: Final = {("tensor", 14): (0,), ("node", 7): (b"", b"ai.onnx")}
"""Values of refused fields that are accepted: tensors within the file, and the standard operators' domain."""


def check_graph(path: str, content: bytes) -> None:
    """Check that a model uses nothing beyond standard operators and the tensors in its own file.

    Args:
        path: for error messages.
        content: an ONNX file.

    Raises:
        ModelError: the bytes are not a protocol buffer, or the model has custom operators, functions, subgraphs,
            sparse tensors or tensors in other files.
    """
    try:
        _check(path, "model", memoryview(content))
    except (IndexError, TypeError) as error:
        raise ModelError(f"{path} is damaged or not an ONNX model; copy or export it again") from error


def _check(path: str, kind: str, message: memoryview) -> None:
    for number, value in _fields(message):
        field = kind, number
        if field in _CHILDREN:
            if isinstance(value, int):
                raise TypeError("a number in place of a message")
            _check(path, _CHILDREN[field], value)
        elif field in _REFUSED and value not in _HARMLESS.get(field, ()):  # a view of bytes equals the bytes
            raise ModelError(
                f"{path} contains {_REFUSED[field]}, which no model here needs and which could reach beyond the file. "
                "Export the model with mnist-edge export, or with standard operators and all tensors in the file."
            )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield each field's number and value: an integer, or the bytes of anything else.

    Raises:
        IndexError: the message ends within a field.
        TypeError: a field has an unknown wire type.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = _varint(message, position)
        elif wire_type in (_FIXED32, _FIXED64):
            length = 4 if wire_type == _FIXED32 else 8
        else:
            raise TypeError(f"unknown wire type {wire_type}")
        if position + length > end:
            raise IndexError("a field is longer than its message")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at a position (7 bits per byte, the lowest first) and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise TypeError("an integer of more than 64 bits")
