"""Turn a float graph into a static int8 graph.

Weights are signed, with a scale for each output channel, and have 7 bits (`reduce_range`): processors that add pairs of
products in saturating 16-bit arithmetic, such as AVX2 without VNNI, would overflow with 8-bit weights and compute other
logits than the rest. Activations are unsigned 8 bits. The logits are float32: the 32-bit sums of the last layer are
scaled directly, without rounding them to 256 levels first.

The input is the same uint8 pixels as that of the float graph. They already are quantized values, with scale 1/255 and
zero point 0, so the graph starts at DequantizeLinear.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from export.calibration import CalibrationTable
from export.graph import constants, replace_nodes
from export.layout import lay_out
from mnist_edge.errors import ArtifactError, CalibrationError
from runtime.contract import INPUT


def strip_input_scaling(model: ModelProto) -> ModelProto:
    """Return a float graph without its conversion of pixels: the input is float32 0..1 instead of uint8.

    Raises:
        ArtifactError: the graph does not begin with a Cast and a division by 255.
    """
    core = ModelProto()
    core.CopyFrom(model)
    cast, divide = core.graph.node[:2]
    divisor = constants(core.graph).get(divide.input[-1])
    if (cast.op_type, divide.op_type) != ("Cast", "Div") or divisor is None or divisor.tolist() != 255:
        raise ArtifactError("the network must begin by turning uint8 pixels into pixel / 255")
    replace_nodes(core.graph, [cast, divide], renamed={divide.output[0]: INPUT})
    core.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return core


def prepare_for_int8(model: ModelProto) -> ModelProto:
    """Return the graph to calibrate and quantize: a result of `to_float_onnx`, without input scaling and laid out."""
    return lay_out(strip_input_scaling(model))


def quantize(model: ModelProto, table: CalibrationTable) -> ModelProto:
    """Return the int8 graph of a result of `to_float_onnx`, with the activation ranges of its `prepare_for_int8`.

    Raises:
        CalibrationError: the table lacks an activation.
    """
    core = prepare_for_int8(model)
    activations = {name for node in core.graph.node for name in node.output} | {INPUT}
    if missing := activations - table.ranges.keys():
        raise CalibrationError(
            f"the calibration table has no range for {', '.join(sorted(missing))}. "
            "Record it again with: mnist-edge calibrate CHECKPOINT"
        )
    add_pre_process_metadata(core)  # prevents a warning; torch.onnx has already folded constants
    with tempfile.TemporaryDirectory() as folder:
        ranges, quantized = Path(folder) / "ranges.json", Path(folder) / "model.onnx"
        limits = table.ranges | {INPUT: (0.0, 1.0)}  # whatever the images contained
        as_float32 = {name: (np.float32(low), np.float32(high)) for name, (low, high) in limits.items()}
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, as_float32), ranges)
        quantize_static(
            core,
            quantized,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibration_cache_path=ranges,
            # Quantizes the pixels before their Reshape, which then moves no byte.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"], "ForceQuantizeNoInputCheck": True},
        )
        result = onnx.load(quantized)
    remove_input_quantization(result)
    del result.metadata_props[:], result.graph.value_info[:]
    result.producer_name, result.producer_version = model.producer_name, model.producer_version
    onnx.checker.check_model(result, full_check=True)
    return result


def remove_input_quantization(model: ModelProto) -> None:
    """Remove the QuantizeLinear of the input, in place, so that the graph takes uint8 pixels.

    Raises:
        CalibrationError: it would change the pixels, because its scale is not 1/255 or its zero point not 0.
    """
    graph, stored = model.graph, constants(model.graph)
    quantizer = next(node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == INPUT)
    scale, zero_point = (stored[name] for name in quantizer.input[1:3])
    if scale != np.float32(1 / 255) or zero_point != 0:
        raise CalibrationError(
            f"pixels would be quantized with scale {scale} and zero point {zero_point}, not 1/255 and 0"
        )
    replace_nodes(graph, [quantizer], renamed={quantizer.output[0]: INPUT})
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
