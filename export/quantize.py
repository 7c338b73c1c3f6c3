"""Make the static int8 graph of a float one.

Weights are signed, per output channel and of 7 bits (`reduce_range`): where a processor adds pairs
of products in saturating 16-bit arithmetic, as AVX2 without VNNI does, 8-bit weights overflow and
give other answers than elsewhere. Activations are unsigned 8 bits. The logits stay float32: the last
layer's 32-bit sums are scaled straight to them, without rounding them to 256 levels first.

The graph takes the same uint8 pixels as the float one. They are their own quantisation, with scale
1/255 and zero point 0, so that it starts at DequantizeLinear.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import save_tensors_data
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from export.calibration import CalibrationTable
from export.layout import lay_out
from mnist_edge.errors import ArtifactError, CalibrationError
from runtime.contract import INPUT


def strip_input_scaling(model: ModelProto) -> ModelProto:
    """Cut the conversion of pixels off a float graph: the result takes float32 0..1 instead of uint8.

    Raises:
        ArtifactError: the graph does not begin with a Cast and a division by 255.
    """
    core = ModelProto()
    core.CopyFrom(model)
    graph = core.graph
    cast, divide = graph.node[:2]
    divisor = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name in divide.input]
    if (cast.op_type, divide.op_type) != ("Cast", "Div") or [float(value) for value in divisor] != [255.0]:
        raise ArtifactError("the network must begin by turning uint8 pixels into pixel / 255")
    kept = list(graph.node[2:])
    for node in kept:
        for index, name in enumerate(node.input):
            if name == divide.output[0]:
                node.input[index] = INPUT
    weights = [tensor for tensor in graph.initializer if tensor.name not in divide.input]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(weights)
    graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return core


def graph_to_quantize(model: ModelProto) -> ModelProto:
    """Give the float graph that becomes int8: without the conversion of pixels, laid out for integer kernels.

    Args:
        model: as `to_onnx.to_float_onnx` gives it.
    """
    return lay_out(strip_input_scaling(model))


def quantize(model: ModelProto, table: CalibrationTable) -> ModelProto:
    """Quantise a float graph with recorded activation ranges.

    Args:
        model: as `to_onnx.to_float_onnx` gives it.
        table: ranges of the activations of its `graph_to_quantize`.

    Raises:
        CalibrationError: the table lacks an activation.
    """
    core = graph_to_quantize(model)
    activations = {name for node in core.graph.node for name in node.output} | {INPUT}
    if missing := activations - table.ranges.keys():
        raise CalibrationError(
            f"the calibration table has no range for {', '.join(sorted(missing))}. "
            "Record it again with: mnist-edge calibrate"
        )
    add_pre_process_metadata(core)  # the exporter has inferred shapes and folded constants already
    with tempfile.TemporaryDirectory() as folder:
        ranges, quantised = Path(folder) / "ranges.json", Path(folder) / "model.onnx"
        data = table.tensors_data()
        data.data[INPUT].lowest, data.data[INPUT].highest = np.float32(0), np.float32(1)
        save_tensors_data(data, ranges)
        quantize_static(
            core,
            quantised,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibration_cache_path=ranges,
            # The pixels are quantised before they are reshaped: a Reshape of bytes costs nothing.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"], "ForceQuantizeNoInputCheck": True},
        )
        result = onnx.load(quantised)
    _take_pixels(result)
    del result.metadata_props[:], result.graph.value_info[:]
    result.producer_name, result.producer_version = model.producer_name, model.producer_version
    onnx.checker.check_model(result, full_check=True)
    return result


def _take_pixels(model: ModelProto) -> None:
    """Remove the quantisation of the input: the pixels are its result already."""
    graph = model.graph
    quantise = next(node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == INPUT)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scale, zero_point = (constants[name] for name in quantise.input[1:3])
    if scale != np.float32(1 / 255) or zero_point != 0:
        raise CalibrationError(
            f"pixels would be quantised with scale {scale} and zero point {zero_point}, not 1/255 and 0"
        )
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == quantise.output[0]:
                node.input[index] = INPUT
    graph.node.remove(quantise)
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
