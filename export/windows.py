"""Let an optimized network read windows of its image (`contract.WINDOWS`), which numpy lays out faster."""

from onnx import GraphProto, TensorProto, helper

from export.graph import constants, replace_nodes
from export.layout import BLOCK
from runtime.contract import INPUT, WINDOWS, WINDOWS_SHAPE

_KERNEL = BLOCK, 4, 3
"""Input channels, rows and blocks of the first convolution of `lay_out`."""
_COLUMNS = slice(BLOCK - 1, BLOCK + 7)
"""Of the 12 columns that its blocks hold, the 8 of a window. The weights of the others are zero."""


def read_windows(graph: GraphProto) -> None:
    """Turn the first convolution of an optimized result of `lay_out` into a 1×1 one; leave other graphs unchanged."""
    nodes = graph.node[:2]
    if [node.op_type for node in nodes] != ["Reshape", "QLinearConv"] or nodes[0].input[0] != INPUT:
        return
    reshape, convolution = nodes
    name = convolution.input[3]
    weights = constants(graph).get(name)
    if weights is None or weights.shape[1:] != _KERNEL:
        return
    columns = weights.transpose(0, 2, 3, 1).reshape(len(weights), 4, 3 * BLOCK)
    window = columns[:, :, _COLUMNS].reshape(len(weights), WINDOWS_SHAPE[2], 1, 1)
    pointwise = helper.make_node(
        convolution.op_type,
        [WINDOWS, *convolution.input[1:]],
        convolution.output,
        name=convolution.name,
        domain=convolution.domain,
        channels_last=1,
        kernel_shape=[1, 1],
    )
    replace_nodes(graph, [reshape, convolution], [pointwise], {name: window})
    graph.input[0].CopyFrom(helper.make_tensor_value_info(WINDOWS, TensorProto.UINT8, ["N", *WINDOWS_SHAPE]))


def input_metadata(graph: GraphProto) -> dict[str, str]:
    """Return the metadata on a network's input that differ from other networks', if it reads windows."""
    if graph.input[0].name != WINDOWS:
        return {}
    return {"mnist_edge.input": "windows: uint8 [N, 14, 7, 32] of an image with zeros around it"}
