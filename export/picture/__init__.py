"""The ONNX graph that turns any picture into the 28×28 pixels that MNIST's makers would have made of its digit.

The steps, one module each:

    planes      look at the picture on at most 96 cells a side
    sheet       find the sheet of paper in it, if there is one
    ink         find out whether ink is dark or bright, remove paper and shadows
    marks       find the digit among what is drawn
    digit       cut it out of the picture, set the width of its strokes, scale and center it
    rejection   reasons to reject the picture

All operators are standard ones of ONNX's opset 20, without loops, branches or functions, so that any runtime can run
it. Python unrolls what is repeated. A picture may have any size, but all grids after the first view have constant
sizes, so the time hardly depends on the picture.
"""

from onnx import ModelProto
from onnxscript import GraphBuilder, ir
from onnxscript.ir.passes.common import CommonSubexpressionEliminationPass, RemoveUnusedNodesPass

from export.picture.digit import DIGIT_GRID, SIZE, cut_out, own_pixels, set_stroke_width, to_box
from export.picture.ink import COARSE, GRID, find_ink, project
from export.picture.marks import find_marks
from export.picture.operators import FLOAT, INT64, UINT8
from export.picture.planes import inverted_columns, lay_on_paper, look
from export.picture.rejection import reject
from runtime.contract import PICTURE, PREPARED, REJECTION, STEP_PREFIX

_OPSET, _IR_VERSION = 20, 10
_MAX_CELLS = 96


def preparation() -> ModelProto:
    """Return the preparation as an ONNX model.

    Input:
        picture: uint8 `[H, W, C]`, C = 1 (grey), 3 (RGB) or 4 (RGBA), H and W from 1 to 4,096.

    Outputs:
        prepared: uint8 `[1, 1, 28, 28]`, bright ink on a dark background.
        rejection: int64 `[1]`, a `runtime.contract.Reason`, or 0 for none.
        step.…: float32, what the steps made of the picture, in their order, levels 0 to 255 or masks 0 to 1.
    """
    picture = ir.Value(name=PICTURE, type=ir.TensorType(UINT8), shape=ir.Shape(["H", "W", "C"]))
    graph = ir.Graph([picture], [], nodes=[], opset_imports={"": _OPSET}, name="preparation")
    op = GraphBuilder(graph).op

    opaque = lay_on_paper(op, picture)
    inverted = inverted_columns(op, opaque, op.Shape(picture, start=0, end=1))
    view = look(op, opaque, inverted, [0, 0], op.Shape(picture, start=0, end=2), _MAX_CELLS)
    ink = find_ink(op, view)
    marks = find_marks(op, ink.strokes)
    strokes, contrast = cut_out(op, opaque, inverted, view, ink, marks)
    digit = set_stroke_width(op, strokes)
    levels = project(op, ink, view.planes)
    own, is_native = own_pixels(op, picture, levels)
    rejection = reject(op, levels, ink, marks, contrast, digit, is_native)
    either = op.Concat(to_box(op, digit), own, axis=0)
    prepared = op.Cast(op.Gather(either, op.Cast(is_native, to=INT64)), to=UINT8)

    outputs = {
        PREPARED: (prepared, UINT8, [1, 1, SIZE, SIZE]),
        REJECTION: (rejection, INT64, [1]),
        f"{STEP_PREFIX}brightness": (ink.levels, FLOAT, [1, 1, GRID, GRID]),
        f"{STEP_PREFIX}ink": (ink.ink, FLOAT, [1, 1, GRID, GRID]),
        f"{STEP_PREFIX}digit": (marks.kept, FLOAT, [1, 1, COARSE, COARSE]),
        f"{STEP_PREFIX}strokes": (strokes, FLOAT, [1, 1, DIGIT_GRID, DIGIT_GRID]),
        f"{STEP_PREFIX}stroke_width": (digit.plane, FLOAT, [1, 1, DIGIT_GRID, DIGIT_GRID]),
    }
    for name, (value, dtype, shape) in outputs.items():
        value.name, value.dtype, value.shape = name, dtype, ir.Shape(shape)
        graph.outputs.append(value)
    model = ir.Model(graph, ir_version=_IR_VERSION)
    CommonSubexpressionEliminationPass()(model)
    RemoveUnusedNodesPass()(model)
    return ir.to_proto(model)
