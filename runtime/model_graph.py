"""Check that a model file is self-contained, from its bytes, before ONNX Runtime opens it.

A digit network needs only standard operators on tensors within the file. ONNX also allows operators of other domains,
functions, subgraphs and tensors in other files. Refusing those means that opening a model reads no other file and runs
only ONNX's own operators.

An ONNX file is a protocol buffer, a sequence of fields with a number, a wire type and a value: see
https://protobuf.dev/programming-guides/encoding, and `onnx.proto` for the field numbers below.
"""

from typing import Final

from .contract import FUSED_OPERATORS
from .errors import ModelError

_VARINT, _BYTES = 0, 2  # wire types
_SIZES: Final = {1: 8, 5: 4}
"""The bytes of a value of each other wire type."""
_FIELDS: Final = {
    "model": {7: "graph", 20: "training graphs", 25: "functions"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensors"},
    "node": {5: "attribute", 7: "an operator of a non-standard domain"},
    "attribute": {
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "a subgraph"),
        **dict.fromkeys((22, 23), "sparse tensors"),
    },
    "tensor": {13: "tensors in other files", 14: "tensors in other files"},
}
_FIELDS["fused model"] = {**_FIELDS["model"], 7: "fused graph"}
_FIELDS["fused graph"] = {**_FIELDS["graph"], 1: "fused node"}
_FIELDS["fused node"] = {
    **_FIELDS["node"],
    1: "an operator that lacks an input",
    4: "an operator that no optimized int8 network has",
}
"""For each kind of message, what its fields hold, by number: another kind of message, or something that is refused."""
_HARMLESS: Final = {
    ("tensor", 14): (0,).__contains__,  # within the file
    ("node", 7): (b"", b"ai.onnx").__contains__,
    ("fused node", 1): bool,  # without the scale of its output, QGemm writes beyond the output
    ("fused node", 4): (b"Reshape", *FUSED_OPERATORS).__contains__,
    ("fused node", 7): (b"", b"ai.onnx", b"com.microsoft").__contains__,
}
"""Whether a value of a refused field is accepted."""
_SKIPPED: Final = {
    kind: frozenset(number << 3 | _BYTES for number in range(1, 16) if number not in fields)
    for kind, fields in _FIELDS.items()
}
"""The first bytes of fields that need no check, such as names: most of a file's fields."""


def check_graph(path: str, content: bytes, *, may_be_fused: bool = False) -> None:
    """Check that a model uses nothing beyond standard operators and the tensors in its own file.

    Args:
        path: for error messages.
        content: an ONNX file.
        may_be_fused: accept `FUSED_OPERATORS` too, and then nothing beside them but Reshape.

    Raises:
        ModelError: the bytes are not a protocol buffer, or the model has custom operators, functions, subgraphs,
            sparse tensors or tensors in other files.
    """
    try:
        refused = _refused_part("fused model" if may_be_fused else "model", content)
    except LookupError as error:
        raise ModelError(f"{path} is damaged or not an ONNX model; copy or export it again") from error
    if refused is not None:
        raise ModelError(
            f"{path} contains {refused}, which no model here needs and which could reach beyond the file. "
            "Export the model with mnist-edge export, or with standard operators and all tensors in the file."
        )


def _refused_part(kind: str, content: bytes) -> str | None:
    """Return something in a model that is refused, or None.

    Raises:
        LookupError: the bytes are not a protocol buffer, or not ONNX's.
    """
    messages = [(kind, content)]
    for kind, message in messages:  # the list grows meanwhile
        fields, skipped, position, end = _FIELDS[kind], _SKIPPED[kind], 0, len(message)
        while position < end:
            if message[position] in skipped and (size := message[position + 1]) < 0x80:
                position += 2 + size
                continue
            key, position = _varint(message, position)
            if key >> 32:  # ONNX Runtime would ignore the higher bits
                raise IndexError("a field number of more than 29 bits")
            number, wire_type = key >> 3, key & 7
            value: int | bytes
            if wire_type == _VARINT:
                value, position = _varint(message, position)
            else:
                size, start = _varint(message, position) if wire_type == _BYTES else (_SIZES[wire_type], position)
                position = start + size
                value = message[start:position]
            holds = fields.get(number)
            if holds in _FIELDS:
                if isinstance(value, int):
                    raise IndexError("a number in place of a message")
                messages.append((holds, value))
            elif holds and not _HARMLESS.get((kind, number), ().__contains__)(value):
                return holds
        if position > end:
            raise IndexError("a field is longer than its message")
    return None


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return the integer at a position (7 bits per byte, the lowest first) and the position after it."""
    value = shift = 0
    while (byte := message[position]) >= 0x80:
        if shift > 63:
            raise IndexError("an integer of more than 64 bits")
        value |= (byte & 0x7F) << shift
        shift, position = shift + 7, position + 1
    return value | byte << shift, position + 1
