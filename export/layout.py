"""Order the work of a float graph so that its int8 kernels are fast; the function stays the same.

**The first block.** A convolution of one channel copies single bytes to gather its inputs: 9 for each
of 784 positions, more work than the multiplications. So four neighbouring pixels of a row become
*channels*, and the four pixels that one 2×2 max-pool window covers become *phases*:

- A row of 28 pixels is 7 blocks of 4. `Reshape [N, 1, 28, 28] -> [N, 28, 7, 4]` keeps every byte where
  it is; read as rows × blocks × channels it is an image of 4 channels, channels last.
- One convolution with a kernel of 4 rows × 3 blocks and stride (2, 1) computes, at row i and block b,
  all outputs of the pixel rows 2i and 2i + 1 and the columns 4b to 4b + 3: 2 × 2 phases (py, px) × 2
  windows w × C channels. The output at pixel (2i + py, 4b + 2w + px) reads the inputs at
  (2i + py + dy, 4b + 2w + px + dx) for dy, dx in -1..1. With padding 1, kernel row 0 is pixel row 2i - 1,
  and the three blocks hold the columns 4b - 4 to 4b + 7; so the weight of the tap (dy, dx) stands in kernel
  row py + dy + 1 and column 4 + 2w + px + dx of 12, which is block column // 4, channel column % 4.
  All other taps are zero.
- With the phases outermost among the channels, `Reshape -> [N, 14, 28, 2C]` puts the four phases of
  a window side by side, a max-pool of (1, 4) with stride (1, 4) is the 2×2 pool, and `Reshape ->
  [N, 14, 14, C]` is the ordinary activation, channels last.

It does five times the multiplications and copies runs of 12 bytes for 98 positions.

**Odd maps.** A 2×2 max-pool of a map of 7 × 7 never reads its last row and column. The convolution before
it leaves them out when its padding there is one less: 36 positions instead of 49.

**The tail.** A flattened activation is left in the order that it lies in, channels last, and the
columns of the linear layer behind it are ordered to match. A global average pool before a linear
layer has nothing non-linear between, so the layer does both: each weight is divided by the pixels
and repeated for each.

ONNX Runtime computes quantised convolutions channels last; the Transposes written here cancel with
those that it adds itself.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

BLOCK = 4
"""Pixels of a row that become channels."""
MAX_POOLED_PIXELS = 16
"""A linear layer takes over the average of at most so many pixels: its weights grow by that factor."""

_TO_CHANNELS_LAST = (0, 2, 3, 1)
_TO_CHANNELS_FIRST = (0, 3, 1, 2)
_DEFAULTS = {
    "auto_pad": b"NOTSET",
    "ceil_mode": 0,
    "dilations": [1, 1],
    "group": 1,
    "pads": [0, 0, 0, 0],
    "strides": [1, 1],
    "transA": 0,
    "transB": 0,
}
"""Of the attributes of convolutions, pools and linear layers, as ONNX's operator specification has them."""


def lay_out(model: ModelProto) -> ModelProto:
    """Give a graph that computes the same in an order that suits int8 kernels.

    What does not look like the patterns of this module is left as it is.

    Args:
        model: a float graph, channels first, whose input is `[N, 1, H, W]`.
    """
    laid_out = ModelProto()
    laid_out.CopyFrom(model)
    _lay_out_first_block(laid_out)
    _leave_out_unread_pixels(laid_out)
    _lay_out_tail(laid_out)
    onnx.checker.check_model(laid_out, full_check=True)
    return laid_out


def block_weights(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread the weights of a 3×3 convolution of one channel over blocks and phases.

    Args:
        weights: `[C, 1, 3, 3]`.

    Returns:
        `[4 · 2 · C, 4, 4, 3]`: outputs by phase, window and channel; inputs by channel, kernel row
        and kernel block.
    """
    channels = len(weights)
    windows = BLOCK // 2
    spread = np.zeros((2, 2, windows, channels, BLOCK, 4, 3), np.float32)
    for py, px, window, dy, dx in np.ndindex(2, 2, windows, 3, 3):
        block, channel = divmod(BLOCK + 2 * window + px + dx - 1, BLOCK)
        spread[py, px, window, :, channel, py + dy, block] = weights[:, 0, dy, dx]
    return spread.reshape(4 * windows * channels, BLOCK, 4, 3)


def _lay_out_first_block(model: ModelProto) -> None:
    graph = model.graph
    image = graph.input[0]
    height, width = (dimension.dim_value for dimension in image.type.tensor_type.shape.dim[2:])
    found = _chain(graph, image.name, ("Conv", "Relu", "MaxPool"))
    if found is None or height % 2 or width % BLOCK:
        return
    convolution, relu, pool = found
    weights = _constant(graph, convolution.input[1])
    if weights is None or weights.shape[1:] != (1, 3, 3) or not _is_same_convolution(convolution):
        return
    if not _is_halving_pool(pool):
        return
    channels, windows = len(weights), BLOCK // 2
    name = convolution.name
    inputs = ["blocks", f"{name}.weight"]
    constants = {f"{name}.weight": block_weights(weights)}
    if len(convolution.input) > 2:
        bias = _constant(graph, convolution.input[2])
        if bias is None:
            return
        constants[f"{name}.bias"] = np.tile(bias, 4 * windows)
        inputs.append(f"{name}.bias")
    steps = [
        _reshape("blocks_last", image.name, (-1, height, width // BLOCK, BLOCK), constants),
        _node("Transpose", "blocks", ["blocks_last"], perm=_TO_CHANNELS_FIRST),
        _node("Conv", name, inputs, kernel_shape=[4, 3], strides=[2, 1], pads=[1, 1, 1, 1]),
        _node("Relu", relu.name, [name]),
        _node("Transpose", "phases_last", [relu.name], perm=_TO_CHANNELS_LAST),
        _reshape("windows_last", "phases_last", (-1, height // 2, width, windows * channels), constants),
        _node("Transpose", "windows", ["windows_last"], perm=_TO_CHANNELS_FIRST),
        _node("MaxPool", pool.name, ["windows"], kernel_shape=[1, 4], strides=[1, 4]),
        _node("Transpose", "pooled_last", [pool.name], perm=_TO_CHANNELS_LAST),
        _reshape("pixels_last", "pooled_last", (-1, height // 2, width // 2, channels), constants),
        _node("Transpose", "pixels", ["pixels_last"], perm=_TO_CHANNELS_FIRST),
    ]
    _replace(graph, found, steps, constants, {pool.output[0]: "pixels"})


def _leave_out_unread_pixels(model: ModelProto) -> None:
    graph, shapes = model.graph, _shapes(model)
    for convolution in [node for node in graph.node if node.op_type == "Conv" and _is_same_convolution(node)]:
        found = _chain(graph, convolution.output[0], ("Relu", "MaxPool"))
        if found is None or not _is_halving_pool(found[1]):
            continue
        height, width = shapes[convolution.output[0]][2:]
        pads = next(attribute for attribute in convolution.attribute if attribute.name == "pads")
        pads.ints[2:] = [1 - height % 2, 1 - width % 2]
        stale = {convolution.output[0], found[0].output[0]}
        kept = [value for value in graph.value_info if value.name not in stale]
        del graph.value_info[:]
        graph.value_info.extend(kept)


def _lay_out_tail(model: ModelProto) -> None:
    graph, shapes = model.graph, _shapes(model)
    for reshape in [node for node in graph.node if node.op_type == "Reshape"]:
        found = _chain(graph, reshape.input[0], ("Reshape", "Gemm"))
        if found is None or len(shapes.get(reshape.output[0], [])) != 2:
            continue
        gemm = found[1]
        weights = _constant(graph, gemm.input[1])
        if weights is None or not _has(gemm, transA=0, transB=1) or gemm.input[0] != reshape.output[0]:
            continue
        pool = next((node for node in graph.node if reshape.input[0] in node.output), None)
        averages = pool is not None and pool.op_type == "GlobalAveragePool"
        source = pool.input[0] if averages and pool is not None else reshape.input[0]
        if len(shapes.get(source, [])) != 4:
            continue
        _, channels, height, width = shapes[source]
        if averages and height * width > MAX_POOLED_PIXELS:
            continue
        pixels = height * width
        if averages:
            columns = np.repeat(weights[:, None, :] / np.float32(pixels), pixels, axis=1)
        else:
            columns = weights.reshape(-1, channels, pixels).transpose(0, 2, 1)
        constants = {f"{gemm.name}.weight": columns.reshape(len(weights), -1)}
        steps = [
            _node("Transpose", "features_last", [source], perm=_TO_CHANNELS_LAST),
            _reshape("features", "features_last", (-1, channels * pixels), constants),
            _node("Gemm", gemm.name, ["features", f"{gemm.name}.weight", *gemm.input[2:]], gemm.output[0], transB=1),
        ]
        replaced = [pool, *found] if averages and pool is not None else list(found)
        _replace(graph, replaced, steps, constants, {})
        return


def _chain(graph: GraphProto, source: str, kinds: tuple[str, ...]) -> list[NodeProto] | None:
    """Follow nodes of these kinds from a tensor on; None if it is not so, or others read in between."""
    found: list[NodeProto] = []
    for kind in kinds:
        readers = [node for node in graph.node if source in node.input]
        if len(readers) != 1 or readers[0].op_type != kind:
            return None
        found.append(readers[0])
        source = readers[0].output[0]
    return found


def _is_same_convolution(node: NodeProto) -> bool:
    """Tell whether a node is a 3×3 convolution that keeps height and width."""
    return _has(node, kernel_shape=[3, 3], group=1, strides=[1, 1], dilations=[1, 1], pads=[1, 1, 1, 1])


def _is_halving_pool(node: NodeProto) -> bool:
    """Tell whether a pool takes 2×2 pixels to one, and leaves out the last row and column of odd maps."""
    return _has(node, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0], dilations=[1, 1], ceil_mode=0)


def _has(node: NodeProto, **expected: Any) -> bool:
    """Tell whether a node's attributes have the expected values, set or by ONNX's defaults."""
    found = _DEFAULTS | {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return all(found.get(name) == value for name, value in expected.items()) and found["auto_pad"] == b"NOTSET"


def _shapes(model: ModelProto) -> dict[str, list[int]]:
    """Give the shape of each value between the nodes, 0 where it is not known."""
    return {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }


def _constant(graph: GraphProto, name: str) -> NDArray[np.float32] | None:
    for tensor in graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    return None


def _node(kind: str, name: str, inputs: Iterable[str], output: str | None = None, **attributes: Any) -> NodeProto:
    """Make a node whose result has its name, unless another is given."""
    return helper.make_node(kind, list(inputs), [output or name], name=name, **attributes)


def _reshape(name: str, source: str, shape: tuple[int, ...], constants: dict[str, Any]) -> NodeProto:
    constants[f"{name}.shape"] = np.array(shape, np.int64)
    return _node("Reshape", name, [source, f"{name}.shape"])


def _replace(
    graph: GraphProto,
    old: Iterable[NodeProto],
    new: list[NodeProto],
    constants: dict[str, NDArray[Any]],
    renamed: dict[str, str],
) -> None:
    """Put nodes in the place of others, with their constants; drop what nothing reads any more."""
    old_names = {node.name for node in old}
    place = min(index for index, node in enumerate(graph.node) if node.name in old_names)
    kept = [node for node in graph.node if node.name not in old_names]
    for node in kept:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
    nodes = [*kept[:place], *new, *kept[place:]]
    used = {name for node in nodes for name in node.input}
    tensors = {tensor.name: tensor for tensor in graph.initializer if tensor.name in used}
    tensors |= {name: numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors.values())
