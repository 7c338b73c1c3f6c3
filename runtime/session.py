"""One ONNX Runtime session with the settings that a model of this size needs."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .contract import CLASSES, IMAGE_SIZE, INPUT, OUTPUT
from .errors import ModelFormatError, ModelSignatureError
from .model_files import ModelFile

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

BATCH_SIZE = 64
"""Images a run: a call's own cost vanishes, and what is between the layers stays in a processor's cache."""
MIN_SHARE = 32
"""Fewer images are not worth a thread of their own: waking it takes as long."""

_INPUT_SIGNATURE = (INPUT, "tensor(uint8)", (1, IMAGE_SIZE, IMAGE_SIZE))
_OUTPUT_SIGNATURE = (OUTPUT, "tensor(float)", (CLASSES,))


class Session:
    """Runs a model on pixels uint8 `[N, 1, 28, 28]`; may be shared between threads.

    A single image is copied into buffers that stay bound to the session, a pair for each thread:
    4 µs of 24 are what a call costs else to look at its arguments and to make its result.
    """

    def __init__(self, file: ModelFile, threads: int, providers: tuple[str, ...], memory_arena: bool) -> None:
        """Open a session and check the model's contract.

        Raises:
            ModelFormatError: not an ONNX model that onnxruntime can run.
            ModelSignatureError: other inputs or outputs than a digit network has.
        """
        options = onnxruntime.SessionOptions()
        # Images are shared out among threads here: within one, waking another thread costs more than it does.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # At this size malloc is as fast as an arena, and gives memory back.
        options.enable_cpu_mem_arena = memory_arena
        options.log_severity_level = 4  # what is worse than a warning also comes as an exception
        onnxruntime.disable_telemetry_events()
        try:
            self._session = onnxruntime.InferenceSession(
                file.content,
                options,
                providers=list(providers),
                enable_fallback=0,  # it would print that it tries again
            )
            _check_signature(str(file.path), "input", self._session.get_inputs(), _INPUT_SIGNATURE)
            _check_signature(str(file.path), "output", self._session.get_outputs(), _OUTPUT_SIGNATURE)
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except ModelSignatureError:
            raise
        except Exception as error:  # onnxruntime's own errors share no other base
            raise ModelFormatError(str(file.path), f"no ONNX model that onnxruntime can run ({error})") from error
        self._path = str(file.path)
        self._of_thread = threading.local()
        self._threads = threads
        self._pool = _pool(threads - 1) if threads > 1 else None

    def logits(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the logits, float32 `[N, 10]`.

        Raises:
            ModelFormatError: the model cannot compute what its contract says.
        """
        if len(batch) == 1:
            return self._logits_of_one(batch)
        logits = np.empty((len(batch), CLASSES), np.float32)
        share = max(MIN_SHARE, -(-len(batch) // self._threads))
        if self._pool is None or len(batch) <= share:
            self._fill(logits, batch)
            return logits
        try:
            others = [
                self._pool.submit(self._fill, logits[start : start + share], batch[start : start + share])
                for start in range(share, len(batch), share)
            ]
        except RuntimeError:  # Python starts no more threads once its main thread has ended
            self._fill(logits, batch)
            return logits
        self._fill(logits[:share], batch[:share])
        for other in others:
            other.result()
        return logits

    def _fill(self, logits: NDArray[np.float32], batch: NDArray[np.uint8]) -> None:
        """Run a thread's share of the images."""
        for start in range(0, len(batch), BATCH_SIZE):
            logits[start : start + BATCH_SIZE] = self._run(batch[start : start + BATCH_SIZE])

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            logits: NDArray[np.float32] = self._session.run(None, {INPUT: batch})[0]
        except Exception as error:
            raise self._failure(error) from error
        if logits.shape != (len(batch), CLASSES):
            raise self._failure(f"logits of shape {list(logits.shape)} for {len(batch)} images")
        return logits

    def _logits_of_one(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        bound = self._of_thread.__dict__
        if not bound:
            pixels, logits = np.zeros((1, 1, IMAGE_SIZE, IMAGE_SIZE), np.uint8), np.zeros((1, CLASSES), np.float32)
            binding = self._session.io_binding()
            binding.bind_ortvalue_input(INPUT, onnxruntime.OrtValue.ortvalue_from_numpy(pixels))
            binding.bind_ortvalue_output(OUTPUT, onnxruntime.OrtValue.ortvalue_from_numpy(logits))
            bound.update(pixels=pixels, logits=logits, binding=binding)
        bound["pixels"][...] = image
        try:
            self._session.run_with_iobinding(bound["binding"])
        except Exception as error:
            raise self._failure(error) from error
        found: NDArray[np.float32] = bound["logits"].copy()
        return found

    def _failure(self, problem: object) -> ModelFormatError:
        return ModelFormatError(self._path, f"does not compute what its contract says ({problem})")


def _pool(threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # 5 ms, which most programs need not pay

    return ThreadPoolExecutor(threads, "mnist-edge")


def _check_signature(path: str, what: str, found: list[Any], expected: tuple[str, str, tuple[int, ...]]) -> None:
    """Compare a session's inputs or outputs with the one that the contract names; any batch size must fit."""
    name, dtype, shape = expected
    fits = [(node.name, node.type, tuple(node.shape[1:])) for node in found] == [expected]
    if not fits or isinstance(found[0].shape[0], int):
        described = "; ".join(f"{node.name} {node.type} {node.shape}" for node in found) or "none"
        raise ModelSignatureError(path, what, described, f"{name} {dtype} {['N', *shape]}")
