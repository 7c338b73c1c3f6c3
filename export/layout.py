"""Rearrange a float graph so that its int8 kernels run fast; it still computes the same function.

**The first block** is a 3×3 convolution of one grey channel, a ReLU and a 2×2 max-pool. An int8 convolution copies the
inputs of each output position together before it multiplies. With one channel these are single scattered bytes, 9 for
each of 784 positions, and copying them takes longer than multiplying. The layout below copies runs of 12 bytes for 98
positions instead, at the price of five times as many multiplications, most of them by zero. It uses two tricks: pixels
become input channels, and the four pixels under a max-pool window become output channels ("phases").

1. *Four pixels become four channels.* A row of 28 pixels is 7 blocks of 4. `Reshape [N, 1, 28, 28] -> [N, 28, 7, 4]`
   moves no byte, and its result is an image of 28 rows × 7 blocks with 4 channels, channels last.
2. *Each position computes 2 rows × 4 columns of the original output.* A kernel of 4 rows × 3 blocks moves over that
   image with stride (2, 1) and padding 1. At row i and block b it computes the rows 2i and 2i + 1, columns 4b to
   4b + 3. These eight pixels are two pooling windows, w = 0 and 1, of 2×2 phases (py, px) each. Their order among the
   output channels is py, px, w, c, where c is one of the C channels of the original convolution.
3. *Each weight moves to the place of its pixel.* The output at pixel (2i + py, 4b + 2w + px) multiplies the weight of
   offset (dy, dx), both -1 to 1, with the input at (2i + py + dy, 4b + 2w + px + dx). Kernel row 0 lies on pixel row
   2i - 1 because of the padding, and the three blocks hold the columns 4b - 4 to 4b + 7. So this weight goes to kernel
   row py + dy + 1 and to column 4 + 2w + px + dx of 12: block column // 4, channel column % 4. All others are zero.
   In the optimized file columns 3 to 10 meet a window of the image instead: see `export/windows.py`.
4. *The pool becomes a maximum over four neighbors.* The output `[N, 14, 7, 8C]`, channels last, has the phases
   outermost at each position. `Reshape -> [N, 14, 28, 2C]` puts the four phases of a window side by side in a row, a
   max-pool of (1, 4) with stride (1, 4) reduces them, and `Reshape -> [N, 14, 14, C]` is the original pooled output.

**Odd maps.** A 2×2 max-pool never reads the last row and column of a 7×7 map. The convolution before it skips them when
the padding on that side is one less: 36 positions instead of 49.

**Few output channels.** ONNX Runtime's kernels for VNNI load each input once for up to 64 output channels; with 24,
loading takes longer than multiplying. Where a convolution has so few and a 2×2 max-pool behind it, each position
computes two rows: the kernel has 4 rows and stride (2, 1), and the output channels are py, c. That takes a third more
multiplications and half as many positions. `Reshape [N, H/2, W, 2C] -> [N, H/2, 2W, C]` puts the four pixels of a
window side by side, as in step 4.

**The tail.** Flattening an activation channels first would move every byte. Instead it stays channels last, and the
weights of the linear layer behind it are reordered to match. A global average pool before a linear layer is merged into
it, since nothing non-linear lies between: each weight is divided by the number of pixels and repeated for each.

ONNX states shapes channels first, and ONNX Runtime computes quantized convolutions channels last. The Transposes that
this module adds cancel with those that ONNX Runtime inserts.
"""

from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, helper

from export.graph import constants, replace_nodes

BLOCK = 4
"""Pixels of a row that become channels."""
POOLS = BLOCK // 2
"""Pooling windows across a block."""
PHASES = 4
"""Pixels under a pooling window."""
MAX_PAIRED_CHANNELS = 24
"""With more output channels, the multiplications that a second row adds take longer than they save."""
MAX_POOLED_PIXELS = 16
"""An average over more pixels stays a layer: merging it multiplies the number of the linear layer's weights."""

_TO_CHANNELS_LAST = (0, 2, 3, 1)
_TO_CHANNELS_FIRST = (0, 3, 1, 2)


def lay_out(model: ModelProto) -> ModelProto:
    """Return a graph that computes the same, arranged for int8 kernels.

    The input is `[N, 1, H, W]`. Layers that do not match the patterns of this module are left unchanged.
    """
    laid_out = ModelProto()
    laid_out.CopyFrom(model)
    del laid_out.graph.value_info[:]  # shapes are inferred where they are needed
    _lay_out_first_block(laid_out.graph)
    _pair_rows(laid_out)
    _skip_unread_pixels(laid_out)
    _lay_out_tail(laid_out)
    onnx.checker.check_model(laid_out, full_check=True)
    return laid_out


def block_weights(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place the weights `[C, 1, 3, 3]` of a convolution in the kernel `[8C, 4, 4, 3]` of step 3 above.

    Its axes are output channels in the order py, px, w, c; input channels; kernel rows; kernel blocks.
    """
    kernel = np.zeros((2, 2, POOLS, len(weights), BLOCK, 4, 3), np.float32)
    for py, px, window, row, column in np.ndindex(2, 2, POOLS, 3, 3):  # row is dy + 1, column is dx + 1
        block, channel = divmod(BLOCK + 2 * window + px + column - 1, BLOCK)
        kernel[py, px, window, :, channel, py + row, block] = weights[:, 0, row, column]
    return kernel.reshape(-1, BLOCK, 4, 3)


def _lay_out_first_block(graph: GraphProto) -> None:
    image = graph.input[0]
    height, width = (dimension.dim_value for dimension in image.type.tensor_type.shape.dim[2:])
    layers = _chain(graph, image.name, "Conv", "Relu", "MaxPool")
    if layers is None or height % 2 or width % BLOCK:
        return
    convolution, relu, pool = layers
    stored, name = constants(graph), convolution.name
    if not all(parameter in stored for parameter in convolution.input[1:]):
        return
    weights, *bias = (stored[parameter] for parameter in convolution.input[1:])
    if weights.shape[1:] != (1, 3, 3) or not _keeps_size(convolution) or not _halves_size(pool):
        return
    parameters = {f"{name}.weight": block_weights(weights)}
    if bias:
        parameters[f"{name}.bias"] = np.tile(bias[0], PHASES * POOLS)
    channels, shapes = len(weights), {}

    def reshape(output: str, source: str, *shape: int) -> NodeProto:
        shapes[f"{output}.shape"] = np.array(shape, np.int64)
        return _node("Reshape", output, [source, f"{output}.shape"])

    steps = [
        reshape("blocks_last", image.name, -1, height, width // BLOCK, BLOCK),
        _node("Transpose", "blocks", ["blocks_last"], perm=_TO_CHANNELS_FIRST),
        _node("Conv", name, ["blocks", *parameters], kernel_shape=[4, 3], strides=[2, 1], pads=[1, 1, 1, 1]),
        _node("Relu", relu.name, [name]),
        _node("Transpose", "phases_last", [relu.name], perm=_TO_CHANNELS_LAST),
        reshape("windows_last", "phases_last", -1, height // 2, width, POOLS * channels),
        _node("Transpose", "windows", ["windows_last"], perm=_TO_CHANNELS_FIRST),
        _node("MaxPool", pool.name, ["windows"], kernel_shape=[1, PHASES], strides=[1, PHASES]),
        _node("Transpose", "pooled_last", [pool.name], perm=_TO_CHANNELS_LAST),
        reshape("pixels_last", "pooled_last", -1, height // 2, width // 2, channels),
        _node("Transpose", "pixels", ["pixels_last"], perm=_TO_CHANNELS_FIRST),
    ]
    replace_nodes(graph, layers, steps, parameters | shapes, {pool.output[0]: "pixels"})


def _skip_unread_pixels(model: ModelProto) -> None:
    graph, shapes = model.graph, _shapes(model)
    for convolution, _, _ in _pooled_convolutions(graph):
        pads = next(attribute for attribute in convolution.attribute if attribute.name == "pads")
        pads.ints[:] = _pads_of_read_pixels(shapes[convolution.output[0]])


def _pair_rows(model: ModelProto) -> None:
    graph, shapes, stored = model.graph, _shapes(model), constants(model.graph)
    for convolution, relu, pool in _pooled_convolutions(graph):
        parameters = [stored[parameter] for parameter in convolution.input[1:] if parameter in stored]
        shape = shapes[convolution.output[0]]
        name, (channels, height, width) = convolution.name, shape[1:]
        if channels > MAX_PAIRED_CHANNELS or len(parameters) < len(convolution.input) - 1:
            continue
        kernel = np.zeros((2, *parameters[0].shape[:2], 4, 3), np.float32)
        kernel[0, :, :, :3], kernel[1, :, :, 1:] = parameters[0], parameters[0]
        added = {f"{name}.rows.weight": kernel.reshape(2 * channels, -1, 4, 3)}
        added |= {f"{name}.rows.bias": np.tile(bias, 2) for bias in parameters[1:]}
        windows = {f"{name}.windows.shape": np.array([-1, height // 2, width // 2 * PHASES, channels], np.int64)}
        pads = _pads_of_read_pixels(shape)
        sizes = {"kernel_shape": [1, PHASES], "strides": [1, PHASES]}
        steps = [
            _node("Conv", name, [convolution.input[0], *added], kernel_shape=[4, 3], strides=[2, 1], pads=pads),
            _node("Relu", relu.name, [name]),
            _node("Transpose", f"{name}.rows_last", [relu.name], perm=_TO_CHANNELS_LAST),
            _node("Reshape", f"{name}.windows_last", [f"{name}.rows_last", *windows]),
            _node("Transpose", f"{name}.windows", [f"{name}.windows_last"], perm=_TO_CHANNELS_FIRST),
            _node("MaxPool", pool.name, [f"{name}.windows"], pool.output[0], **sizes),
        ]
        replace_nodes(graph, [convolution, relu, pool], steps, added | windows)


def _pooled_convolutions(graph: GraphProto) -> list[tuple[NodeProto, NodeProto, NodeProto]]:
    """List the 3×3 convolutions that keep the size of a map before a 2×2 pool, each with its ReLU and pool."""
    layers = [
        (node, _chain(graph, node.output[0], "Relu", "MaxPool"))
        for node in graph.node
        if node.op_type == "Conv" and _keeps_size(node)
    ]
    return [(node, chain[0], chain[1]) for node, chain in layers if chain is not None and _halves_size(chain[1])]


def _pads_of_read_pixels(shape: list[int]) -> list[int]:
    """Return pads with which a 3×3 convolution leaves out the last row and column of odd maps, which no pool reads."""
    return [1, 1, 1 - shape[2] % 2, 1 - shape[3] % 2]


def _lay_out_tail(model: ModelProto) -> None:
    graph, shapes, stored = model.graph, _shapes(model), constants(model.graph)
    for flatten in [node for node in graph.node if node.op_type == "Reshape"]:
        layers = _chain(graph, flatten.input[0], "Reshape", "Gemm")
        if layers is None or len(shapes.get(flatten.output[0], ())) != 2:
            continue
        linear = layers[1]
        weights = stored.get(linear.input[1])
        if weights is None or not _has_attributes(linear, transA=0, transB=1) or linear.input[0] != flatten.output[0]:
            continue
        producer = next((node for node in graph.node if flatten.input[0] in node.output), None)
        average = producer if producer is not None and producer.op_type == "GlobalAveragePool" else None
        source = flatten.input[0] if average is None else average.input[0]
        shape = shapes.get(source, [])
        pixels = prod(shape[2:])
        if len(shape) != 4 or (average is not None and pixels > MAX_POOLED_PIXELS):
            continue
        if average is None:
            columns = weights.reshape(-1, shape[1], pixels).transpose(0, 2, 1)
        else:
            columns = np.repeat(weights[:, None] / np.float32(pixels), pixels, axis=1)
        name = f"{linear.name}.weight"
        steps = [
            _node("Transpose", "features_last", [source], perm=_TO_CHANNELS_LAST),
            _node("Reshape", "features", ["features_last", "features.shape"]),
            _node("Gemm", linear.name, ["features", name, *linear.input[2:]], linear.output[0], transB=1),
        ]
        added = {name: columns.reshape(len(weights), -1), "features.shape": np.array([-1, shape[1] * pixels], np.int64)}
        replace_nodes(graph, layers if average is None else [average, *layers], steps, added)
        return


def _chain(graph: GraphProto, source: str, *operators: str) -> list[NodeProto] | None:
    """Follow a value through nodes of these operators; None where others follow or another node reads a value."""
    chain: list[NodeProto] = []
    for operator in operators:
        readers = [node for node in graph.node if source in node.input]
        if [reader.op_type for reader in readers] != [operator]:
            return None
        chain += readers
        source = readers[0].output[0]
    return chain


def _keeps_size(node: NodeProto) -> bool:
    """Return whether a node is a 3×3 convolution whose output has the height and width of its input."""
    return _has_attributes(node, kernel_shape=[3, 3], group=1, strides=[1, 1], dilations=[1, 1], pads=[1, 1, 1, 1])


def _halves_size(node: NodeProto) -> bool:
    """Return whether a node is a 2×2 pool without padding, which drops the last row and column of odd maps."""
    return _has_attributes(node, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0], dilations=[1, 1], ceil_mode=0)


def _has_attributes(node: NodeProto, **expected: Any) -> bool:
    """Return whether a node states these attributes, as nodes written by torch.onnx do, and no automatic padding."""
    stated = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return stated.get("auto_pad", b"NOTSET") == b"NOTSET" and expected.items() <= stated.items()


def _shapes(model: ModelProto) -> dict[str, list[int]]:
    """Infer the shape of each value between the nodes, with 0 for a size that is not fixed."""
    return {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }


def _node(operator: str, name: str, inputs: list[str], output: str | None = None, **attributes: Any) -> NodeProto:
    """Make a node; its output has the node's name unless another is given."""
    return helper.make_node(operator, inputs, [output or name], name=name, **attributes)
