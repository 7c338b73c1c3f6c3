"""The contenders of a benchmark: the model files that each engine opens, built from one model's folder.

Only the int8 model is needed. Everything that takes more than the base packages is imported where it is used.
"""

import importlib.util
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from mnist_edge.benchmark import engines
from mnist_edge.benchmark.measure import Contender
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import IMAGE_SIZE, Split
from mnist_edge.errors import ArtifactError, BenchmarkError
from mnist_edge.files import CHECKPOINT_FILE
from runtime import Predictor
from runtime.contract import FLOAT_FILE, INPUT, INT8_FILE
from runtime.loading import load_model

_CHECKPOINT_MODULES = ("msgspec", "safetensors", "torch")
_TRAIN_MODULES = ("onnx", *_CHECKPOINT_MODULES)
_CALIBRATION_IMAGES = 1_000
_CALIBRATION_BATCH = 100


def contenders(artifacts: Path, training: Split | None, folder: Path) -> tuple[list[Contender], dict[str, str]]:
    """Build every contender whose packages are installed and whose source file is in the model folder `artifacts`.

    An installed package has the int8 files alone, a checkout and `mnist-edge export` also the float file and the
    checkpoint. Plain int8 models are calibrated on 1,000 `training` images, or digits drawn by code if it is None.
    Returns the contenders, this project's own first, and what adds each missing one, by name; `folder` receives
    converted models.

    Raises:
        ArtifactError: the folder lacks the int8 model.
        ModelError: that model or its manifest is damaged.
        BenchmarkError: ncnn's converter failed.
    """
    float_model, int8_model, checkpoint = (artifacts / name for name in (FLOAT_FILE, INT8_FILE, CHECKPOINT_FILE))
    if not int8_model.is_file():
        raise ArtifactError(f"{int8_model} is missing. Name a folder that mnist-edge export wrote.")
    own = load_model(artifacts).path  # the file that `Predictor` opens
    plain, litert, ncnn = (folder / name for name in ("plain.int8.onnx", "plain.int8.tflite", "core.ncnn.param"))
    # Name, engine, model file, the file it is made from, package, and the modules that making and running it import.
    candidates: list[tuple[str, Callable[..., engines.Engine], Path, Path, str, tuple[str, ...]]] = [
        ("mnist-edge, float32", Predictor, float_model, float_model, "onnxruntime", ()),
        ("mnist-edge, int8", Predictor, own, own, "onnxruntime", ()),
        ("onnxruntime, plain int8", engines.OnnxRuntime, plain, float_model, "onnxruntime", ("onnx",)),
        ("PyTorch, eager", engines.PyTorch, checkpoint, checkpoint, "torch", _CHECKPOINT_MODULES),
        ("PyTorch, compiled", engines.CompiledPyTorch, checkpoint, checkpoint, "torch", _CHECKPOINT_MODULES),
        ("OpenVINO, float", engines.OpenVino, float_model, float_model, "openvino", ("openvino",)),
        ("OpenVINO, plain int8", engines.OpenVino, plain, float_model, "openvino", ("openvino", "onnx")),
        ("LiteRT, plain int8", engines.LiteRt, litert, float_model, "ai-edge-litert", ("ai_edge_litert", "onnx")),
        ("ncnn, float", engines.Ncnn, ncnn, float_model, "ncnn", ("ncnn", "pnnx", "onnx", *_CHECKPOINT_MODULES)),
    ]
    built: list[Contender] = []
    missing: dict[str, str] = {}
    for name, engine, model, source, package, modules in candidates:
        if remedy := _what_adds(source, modules):
            missing[name] = remedy
        else:
            files = (model, model.with_suffix(".bin")) if model == ncnn else (model,)
            built.append(Contender(name, engine, model, files, package))
    models = {contender.model for contender in built}
    if plain in models:
        if training is None:
            training = draw_digits(_CALIBRATION_IMAGES, seed=1)  # seed 0 draws the images that are measured on
        stride = max(1, len(training.images) // _CALIBRATION_IMAGES)
        quantize_with_defaults(float_model, plain, training.images[::stride, None])
    if litert in models:
        import onnx

        from mnist_edge.benchmark.litert import to_litert

        litert.write_bytes(to_litert(onnx.load(plain)))
    if ncnn in models:
        to_ncnn(float_model, ncnn)
    return built, missing


def _what_adds(source: Path, modules: Sequence[str]) -> str:
    """Return what the user can do to add a contender; empty if it lacks nothing."""
    packages = dict.fromkeys(
        "'mnist-edge[train]'" if module in _TRAIN_MODULES else module.replace("_", "-")
        for module in modules
        if importlib.util.find_spec(module) is None
    )
    steps = [f"pip install {' '.join(packages)}"] if packages else []
    if not source.is_file():
        steps.append(f"a model folder that holds {source.name}, from a checkout or mnist-edge export")
    return ", and ".join(steps)


def quantize_with_defaults(model: Path, out: Path, images: NDArray[np.uint8]) -> None:
    """Quantize a float ONNX file with onnxruntime's default settings, except for one scale per output channel.

    `images` calibrate the activation ranges, uint8 `[N, 1, 28, 28]`.
    """
    from onnxruntime.quantization import quantize_static

    batches = np.split(images, range(_CALIBRATION_BATCH, len(images), _CALIBRATION_BATCH))
    feeds = iter([{INPUT: batch} for batch in batches])
    quantize_static(model, out, SimpleNamespace(get_next=lambda: next(feeds, None)), per_channel=True)


def to_ncnn(model: Path, out: Path) -> None:
    """Convert a float ONNX file with ncnn's own converter; the caller has to divide pixels by 255.

    Writes `out`, a `.param` file, and a `.bin` file beside it.

    Raises:
        BenchmarkError: the converter failed.
    """
    import onnx
    import pnnx

    from export.quantize import strip_input_scaling

    core = out.with_name("core.onnx")
    onnx.save(strip_input_scaling(onnx.load(model)), core)
    shape = f"inputshape=[1,1,{IMAGE_SIZE},{IMAGE_SIZE}]"
    done = subprocess.run(  # noqa: S603 (the converter of that package)
        [pnnx.EXEC_PATH, core.name, shape], cwd=out.parent, capture_output=True, text=True
    )
    if not out.exists():
        raise BenchmarkError(f"ncnn's converter ended with code {done.returncode}: {done.stderr[-500:]}")
