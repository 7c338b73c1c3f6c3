"""The files of the benchmark's contenders, made from a folder of artifacts."""

import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import quantize_static

from export.calibration import STRIDE, ImageBatches
from export.quantize import strip_input_scaling
from mnist_edge.benchmark import engines
from mnist_edge.benchmark.measure import Contender
from mnist_edge.data.mnist import IMAGE_SIZE, Split
from mnist_edge.errors import ArtifactError, BenchmarkError
from mnist_edge.training.checkpoint import CHECKPOINT_FILE
from runtime import Predictor
from runtime.contract import FLOAT_FILE, INT8_FILE


def contenders(artifacts: Path, training: Split, folder: Path) -> tuple[list[Contender], dict[str, str]]:
    """Make the files of every contender whose package is installed.

    Args:
        artifacts: the folder of one model, with its checkpoint.
        training: the training images, some of which calibrate the plain int8 model.
        folder: to write to.

    Returns:
        The contenders, this project's float model first, and for each one missing, what would add it.

    Raises:
        ArtifactError: the folder lacks a file of an export; an installed package holds the int8 models alone.
    """
    plain = folder / "plain.int8.onnx"
    float_model, int8_model, checkpoint = (artifacts / name for name in (FLOAT_FILE, INT8_FILE, CHECKPOINT_FILE))
    for path in (float_model, int8_model, checkpoint):
        if not path.is_file():
            raise ArtifactError(f"{path} is missing. Name a folder that mnist-edge export wrote.")
    quantise_plainly(float_model, plain, training.images[::STRIDE, None])
    found = [
        Contender("mnist-edge, float32", Predictor, float_model, (float_model,), "onnxruntime"),
        Contender("mnist-edge, int8", Predictor, int8_model, (int8_model,), "onnxruntime"),
        Contender("onnxruntime, plain int8", engines.OnnxRuntime, plain, (plain,), "onnxruntime"),
        Contender("PyTorch, eager", engines.PyTorch, checkpoint, (checkpoint,), "torch"),
        Contender("PyTorch, compiled", engines.CompiledPyTorch, checkpoint, (checkpoint,), "torch"),
    ]
    missing = {}
    if importlib.util.find_spec("openvino"):
        found += [
            Contender("OpenVINO, float", engines.OpenVino, float_model, (float_model,), "openvino"),
            Contender("OpenVINO, plain int8", engines.OpenVino, plain, (plain,), "openvino"),
        ]
    else:
        missing["OpenVINO, float and plain int8"] = "pip install openvino"
    if importlib.util.find_spec("ai_edge_litert"):
        from mnist_edge.benchmark.litert import to_litert

        path = folder / "plain.int8.tflite"
        path.write_bytes(to_litert(onnx.load(plain)))
        found.append(Contender("LiteRT, plain int8", engines.LiteRt, path, (path,), "ai-edge-litert"))
    else:
        missing["LiteRT, plain int8"] = "pip install ai-edge-litert"
    if importlib.util.find_spec("ncnn") and importlib.util.find_spec("pnnx"):
        path = to_ncnn(float_model, folder)
        found.append(Contender("ncnn, float", engines.Ncnn, path, (path, path.with_suffix(".bin")), "ncnn"))
    else:
        missing["ncnn, float"] = "pip install ncnn pnnx"
    return found, missing


def quantise_plainly(model: Path, out: Path, images: NDArray[np.uint8]) -> None:
    """Quantise a float ONNX file as onnxruntime's documentation does: its defaults, and per channel.

    `images` are those to calibrate with, uint8 `[N, 1, 28, 28]`.
    """
    quantize_static(model, out, ImageBatches(images), per_channel=True)


def to_ncnn(model: Path, folder: Path) -> Path:
    """Convert a float ONNX file with ncnn's own converter, pixels / 255 left to the caller.

    Returns:
        The `.param` file; the `.bin` file lies beside it.

    Raises:
        BenchmarkError: the converter failed.
    """
    import pnnx

    onnx.save(strip_input_scaling(onnx.load(model)), folder / "core.onnx")
    shape = f"inputshape=[1,1,{IMAGE_SIZE},{IMAGE_SIZE}]"
    done = subprocess.run(  # noqa: S603 (the converter of that package)
        [pnnx.EXEC_PATH, "core.onnx", shape], cwd=folder, capture_output=True, text=True
    )
    path = folder / "core.ncnn.param"
    if not path.exists():
        raise BenchmarkError(f"ncnn's converter ended with code {done.returncode}: {done.stderr[-500:]}")
    return path
