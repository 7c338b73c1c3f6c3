"""The engines that a user might choose instead, each used as its own documentation recommends.

Every class opens a model file with a number of `threads` and returns logits for prepared pixels, as
`runtime.Predictor` does. Each imports its package itself, so that a process loads only the engine it measures.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """An open model."""

    def logits(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Return logits `[N, 10]`, the largest for the predicted digit, for pixels uint8 `[N, 28, 28]`."""


class OnnxRuntime:
    """onnxruntime with its default settings."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the session."""
        logits: NDArray[np.float32] = self._session.run(None, {"image": pixels[:, None]})[0]
        return logits


class PyTorch:
    """PyTorch without compilation, in inference mode; opens a checkpoint."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import torch

        from mnist_edge.training.checkpoint import load_checkpoint

        torch.set_num_threads(threads)
        self._model: Any = load_checkpoint(path).model
        self._torch: Any = torch

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Call the network."""
        with self._torch.inference_mode():
            logits: NDArray[np.float32] = self._model(self._torch.from_numpy(pixels[:, None])).numpy()
        return logits


class CompiledPyTorch(PyTorch):
    """PyTorch after `torch.compile`, which needs a C++ compiler and compiles again for each batch size."""

    def __init__(self, path: Path, *, threads: int) -> None:
        super().__init__(path, threads=threads)
        self._model = self._torch.compile(self._model, dynamic=False)


class OpenVino:
    """OpenVINO on one stream, with tensors that stay bound; opens an ONNX file.

    On processors with bfloat16, OpenVINO uses it for float models and, where it can, for the float operators of
    int8 models.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        core = openvino.Core()
        try:
            compiled = core.compile_model(path, "CPU", settings)
        except RuntimeError:  # 2026.4 cannot mix bfloat16 with plain int8 on processors with AMX
            compiled = core.compile_model(path, "CPU", {**settings, "INFERENCE_PRECISION_HINT": "f32"})
        self._request = compiled.create_infer_request()
        self._tensor: Any = openvino.Tensor
        self._pixels = np.empty((0, 1, 28, 28), np.uint8)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Copy the pixels into the bound tensor and infer."""
        if len(self._pixels) != len(pixels):
            self._pixels = np.empty((len(pixels), 1, 28, 28), np.uint8)
            self._request.set_input_tensor(self._tensor(self._pixels, shared_memory=True))
        self._pixels[:, 0] = pixels
        self._request.infer()
        logits: NDArray[np.float32] = self._request.get_output_tensor().data.copy()
        return logits


class LiteRt:
    """LiteRT's interpreter with its XNNPACK delegate; opens a `.tflite` file with int8 pixels and logits."""

    def __init__(self, path: Path, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._input = self._interpreter.get_input_details()[0]["index"]
        output = self._interpreter.get_output_details()[0]
        self._output, (self._scale, self._zero_point) = output["index"], output["quantization"]
        self._batch = 0

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Shift the pixels to int8, invoke, and scale the logits."""
        if self._batch != len(pixels):
            self._batch = len(pixels)
            self._interpreter.resize_tensor_input(self._input, (self._batch, 28, 28, 1))
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input, (pixels ^ 0x80).view(np.int8)[..., None])
        self._interpreter.invoke()
        quantized = self._interpreter.get_tensor(self._output).astype(np.float32)
        logits: NDArray[np.float32] = (quantized - np.float32(self._zero_point)) * np.float32(self._scale)
        return logits


class Ncnn:
    """ncnn, which has no batches: one image after another; opens a `.param` file with a `.bin` file beside it.

    It stores weights with 16 bits.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        import ncnn

        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        if self._net.load_param(str(path)) or self._net.load_model(str(path.with_suffix(".bin"))):
            raise OSError(f"ncnn cannot read {path}")
        self._matrix: Any = ncnn.Mat

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Extract the logits of each image."""
        logits = np.empty((len(pixels), 10), np.float32)
        for row, image in zip(logits, pixels, strict=True):
            matrix = self._matrix.from_pixels(image, self._matrix.PixelType.PIXEL_GRAY, 28, 28)
            matrix.substract_mean_normalize([], [1 / 255])
            extractor = self._net.create_extractor()
            extractor.input("in0", matrix)
            row[:] = np.array(extractor.extract("out0")[1])
        return logits
