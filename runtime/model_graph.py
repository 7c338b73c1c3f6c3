"""Check that a model file is self-contained, from its bytes, before ONNX Runtime opens it.

A digit network needs only standard operators on tensors within the file. ONNX also allows operators of other domains,
functions, subgraphs and tensors in other files. Refusing those means that opening a model reads no other file and runs
only ONNX's own operators.

An ONNX file is a protocol buffer, a sequence of fields with a number, a wire type and a value: see
https://protobuf.dev/programming-guides/encoding, and `onnx.proto` for the field numbers below.
"""

from collections.abc import Iterator

from .errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_STANDARD_DOMAINS = (b"", b"ai.onnx")

_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25  # of a ModelProto
_NODES, _INITIALIZERS, _SPARSE_INITIALIZERS = 1, 5, 15  # of a GraphProto
_OPERATOR, _ATTRIBUTES, _DOMAIN = 4, 5, 7  # of a NodeProto
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS, _SPARSE, _SPARSES = 5, 6, 10, 11, 22, 23  # of an AttributeProto
_EXTERNAL, _LOCATION = 13, 14  # of a TensorProto


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
        for number, value in _fields(memoryview(content)):
            if number in (_FUNCTIONS, _TRAINING):
                raise _refusal(path, "functions or training graphs")
            if number == _GRAPH:
                _check_nodes_and_tensors(path, _message(value))
    except (IndexError, TypeError) as error:
        raise ModelError(f"{path} is damaged or not an ONNX model; copy or export it again") from error


def _check_nodes_and_tensors(path: str, graph: memoryview) -> None:
    for number, value in _fields(graph):
        if number == _NODES:
            _check_node(path, _message(value))
        elif number == _INITIALIZERS:
            _check_tensor(path, _message(value))
        elif number == _SPARSE_INITIALIZERS:
            raise _refusal(path, "sparse tensors")


def _check_node(path: str, node: memoryview) -> None:
    operator = ""
    for number, value in _fields(node):
        if number == _OPERATOR:
            operator = bytes(_message(value)).decode(errors="replace")
        elif number == _DOMAIN and bytes(_message(value)) not in _STANDARD_DOMAINS:
            domain = bytes(_message(value)).decode(errors="replace")
            raise _refusal(path, f"an operator of the non-standard domain {domain}")
        elif number == _ATTRIBUTES:
            for kind, content in _fields(_message(value)):
                if kind in (_SUBGRAPH, _SUBGRAPHS):
                    raise _refusal(path, f"a subgraph in an operator {operator}")
                if kind in (_SPARSE, _SPARSES):
                    raise _refusal(path, "sparse tensors")
                if kind in (_TENSOR, _TENSORS):
                    _check_tensor(path, _message(content))


def _check_tensor(path: str, tensor: memoryview) -> None:
    for number, value in _fields(tensor):
        if number == _EXTERNAL or (number == _LOCATION and value != 0):
            raise _refusal(path, "tensors in other files")


def _refusal(path: str, content: str) -> ModelError:
    return ModelError(
        f"{path} contains {content}, which a digit network does not need and which could reach beyond the file. "
        "Export the model with mnist-edge export, or with standard operators and all tensors in the file."
    )


def _message(value: int | memoryview) -> memoryview:
    if not isinstance(value, memoryview):
        raise TypeError("a number in place of a message")
    return value


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
