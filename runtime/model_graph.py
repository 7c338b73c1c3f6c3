"""What a model file may hold, read from its bytes before ONNX Runtime sees them.

A digit network needs standard operators on constants within the file. ONNX has more: operators of other
domains, functions, subgraphs, and tensors in other files. Those are refused, so that opening a model reads no file
but that one and runs nothing but ONNX's own operators.

An ONNX file is a protocol buffer: fields of a number, a wire type and a value; see
https://protobuf.dev/programming-guides/encoding and `onnx.proto` for the numbers below.
"""

from collections.abc import Iterator

from .errors import ModelFormatError, ModelGraphError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STANDARD_DOMAINS = (b"", b"ai.onnx")

_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25  # of a ModelProto
_NODES, _INITIALIZERS, _SPARSE_INITIALIZERS = 1, 5, 15  # of a GraphProto
_OPERATOR, _ATTRIBUTES, _DOMAIN = 4, 5, 7  # of a NodeProto
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS, _SPARSE, _SPARSES = 5, 6, 10, 11, 22, 23  # of an AttributeProto
_EXTERNAL, _LOCATION = 13, 14  # of a TensorProto


def check_graph(path: str, content: bytes) -> None:
    """Look through a model's graph for what no digit network needs.

    Args:
        path: for the errors.
        content: an ONNX file.

    Raises:
        ModelFormatError: no protocol buffer, or a damaged one.
        ModelGraphError: custom operators, functions, subgraphs, external or sparse tensors.
    """
    try:
        for number, value in _fields(memoryview(content)):
            if number in (_FUNCTIONS, _TRAINING):
                raise ModelGraphError(path, "functions or graphs of its own beside the network's")
            if number == _GRAPH:
                _check_nodes_and_tensors(path, _bytes(value))
    except (IndexError, TypeError) as error:
        raise ModelFormatError(path, "no ONNX model, or a damaged one") from error


def _check_nodes_and_tensors(path: str, graph: memoryview) -> None:
    for number, value in _fields(graph):
        if number == _NODES:
            _check_node(path, _bytes(value))
        elif number == _INITIALIZERS:
            _check_tensor(path, _bytes(value))
        elif number == _SPARSE_INITIALIZERS:
            raise ModelGraphError(path, "sparse tensors")


def _check_node(path: str, node: memoryview) -> None:
    operator = b""
    for number, value in _fields(node):
        if number == _OPERATOR:
            operator = bytes(_bytes(value))
        elif number == _DOMAIN and bytes(_bytes(value)) not in _STANDARD_DOMAINS:
            domain = bytes(_bytes(value)).decode(errors="replace")
            raise ModelGraphError(path, f"an operator of the domain {domain}, which is not ONNX's own")
        elif number == _ATTRIBUTES:
            for kind, held in _fields(_bytes(value)):
                if kind in (_SUBGRAPH, _SUBGRAPHS):
                    raise ModelGraphError(path, f"a subgraph in an operator {operator.decode(errors='replace')}")
                if kind in (_SPARSE, _SPARSES):
                    raise ModelGraphError(path, "sparse tensors")
                if kind in (_TENSOR, _TENSORS):
                    _check_tensor(path, _bytes(held))


def _check_tensor(path: str, tensor: memoryview) -> None:
    for number, value in _fields(tensor):
        if number == _EXTERNAL or (number == _LOCATION and value != 0):
            raise ModelGraphError(path, "tensors in other files")


def _bytes(value: int | memoryview) -> memoryview:
    if not isinstance(value, memoryview):
        raise TypeError("a number where a message should be")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Give each field's number and value: a number, or the bytes of what it holds.

    Raises:
        IndexError: it ends within a field.
        TypeError: there is no such wire type.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise TypeError(f"wire type {kind}")
        if position + length > end:
            raise IndexError("a field that is longer than its message")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Give a number of 7 bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise TypeError("a number of more than 64 bits")
