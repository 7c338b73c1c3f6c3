"""An ONNX Runtime session, configured for models of this size and safe to inherit through `fork`."""

import ctypes
import os
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .contract import CLASSES, IMAGE_SIZE, INPUT, OUTPUT
from .errors import ModelError, ModelSignatureError
from .loading import ModelFile

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BATCH_SIZE = 64
"""Images per run: enough to make the overhead of a call negligible, few enough that activations stay in the cache."""
MIN_IMAGES_PER_THREAD = 32
"""With fewer images for each thread, waking another thread is not worth it."""

_INPUT_SIGNATURE = (INPUT, "tensor(uint8)", (1, IMAGE_SIZE, IMAGE_SIZE))
_OUTPUT_SIGNATURE = (OUTPUT, "tensor(float)", (CLASSES,))


class Session:
    """Runs a model on pixels uint8 `[N, 1, 28, 28]`. Threads may share it.

    A single image is copied into buffers that stay bound to the session, one pair per thread.
    Bound buffers save about 4 of the 24 µs of a call: argument checks and allocation.
    """

    is_inherited = False
    """Whether this process got the session through a `fork`; if so, only a new one with its `settings` can run here."""

    def __init__(self, file: ModelFile, threads: int, providers: Sequence[str], memory_arena: bool) -> None:
        """Open a session and check the model's inputs and outputs.

        Raises:
            ModelSignatureError: the inputs or outputs are not those of a digit network.
            ModelError: onnxruntime cannot run the model.
        """
        self.settings = (file, threads, tuple(providers), memory_arena)
        options = onnxruntime.SessionOptions()
        # `logits` divides a batch among threads; dividing a single image costs more than it saves.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # For tensors this small malloc is as fast as an arena, and returns memory to the system.
        options.enable_cpu_mem_arena = memory_arena
        options.log_severity_level = 4  # errors below "fatal" are also raised as exceptions
        onnxruntime.disable_telemetry_events()
        try:
            self._session = onnxruntime.InferenceSession(
                file.content,
                options,
                providers=list(providers),
                enable_fallback=0,  # a fallback prints to standard output
            )
            _check_signature(file, "input", self._session.get_inputs(), _INPUT_SIGNATURE)
            _check_signature(file, "output", self._session.get_outputs(), _OUTPUT_SIGNATURE)
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except ModelSignatureError:
            raise
        except Exception as error:  # onnxruntime's exceptions have no other common base
            raise ModelError(f"{file.path} is not an ONNX model that onnxruntime can run ({error})") from error
        self.file = file
        self._buffers = threading.local()
        self._threads = threads
        self._pool = _thread_pool(threads - 1) if threads > 1 else None
        _sessions.add(self)

    def __reduce__(self) -> tuple[type["Session"], tuple[Any, ...]]:
        """Pickle the model's bytes and the settings: the receiving process opens its own session."""
        return Session, self.settings

    def logits(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, float32 `[N, 10]`, of pixels uint8 `[N, 1, 28, 28]`.

        Raises:
            ModelError: the model fails or returns another shape.
        """
        if len(batch) == 1:
            return self._logits_of_one(batch)
        logits = np.empty((len(batch), CLASSES), np.float32)
        share = max(MIN_IMAGES_PER_THREAD, -(-len(batch) // self._threads))
        futures: list[Future[None]] = []
        try:
            if self._pool is not None:
                for start in range(share, len(batch), share):
                    part = slice(start, start + share)
                    futures.append(self._pool.submit(self._fill, logits[part], batch[part]))
        except RuntimeError:  # Python starts no threads once its main thread has ended
            share = len(batch)
        self._fill(logits[:share], batch[:share])
        for future in futures:
            future.result()
        return logits

    def _fill(self, logits: NDArray[np.float32], batch: NDArray[np.uint8]) -> None:
        """Compute one thread's share of a batch into `logits`."""
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
        buffers = self._buffers.__dict__
        if not buffers:
            pixels, logits = np.zeros((1, 1, IMAGE_SIZE, IMAGE_SIZE), np.uint8), np.zeros((1, CLASSES), np.float32)
            binding = self._session.io_binding()
            binding.bind_ortvalue_input(INPUT, onnxruntime.OrtValue.ortvalue_from_numpy(pixels))
            binding.bind_ortvalue_output(OUTPUT, onnxruntime.OrtValue.ortvalue_from_numpy(logits))
            buffers.update(pixels=pixels, logits=logits, binding=binding)
        buffers["pixels"][...] = image
        try:
            self._session.run_with_iobinding(buffers["binding"])
        except Exception as error:
            raise self._failure(error) from error
        result: NDArray[np.float32] = buffers["logits"].copy()
        return result

    def _failure(self, problem: object) -> ModelError:
        return ModelError(
            f"{self.file.path} failed to run or returned other outputs than it declares ({problem}); "
            "if this recurs, export it again"
        )


def _thread_pool(threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # takes 5 ms, so only when it is needed

    return ThreadPoolExecutor(threads, "mnist-edge")


def _check_signature(file: ModelFile, kind: str, nodes: list[Any], expected: tuple[str, str, tuple[int, ...]]) -> None:
    """Check that a session has exactly the input or output that the contract names, with any batch size."""
    name, dtype, shape = expected
    matches = [(node.name, node.type, tuple(node.shape[1:])) for node in nodes] == [expected]
    if not matches or isinstance(nodes[0].shape[0], int):
        actual = "; ".join(f"{node.name} {node.type} {node.shape}" for node in nodes) or "none"
        raise ModelSignatureError(
            f"the {kind} of {file.path} is {actual}; a digit network's is {name} {dtype} {['N', *shape]}"
        )


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _mark_inherited_sessions() -> None:
    """Mark the sessions that a fork copied into this process, and keep them from being destroyed.

    Their threads (of the pool, and of some execution providers) do not exist here and their locks may be in any state,
    so that a destructor could wait forever. An extra reference keeps it from running.
    """
    for session in list(_sessions):
        session.is_inherited = True
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_mark_inherited_sessions)
