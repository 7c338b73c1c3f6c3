"""An ONNX Runtime session, configured for graphs of this size and safe to inherit through `fork`."""

import copy
import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import onnxruntime
from numpy.typing import NDArray

from .contract import OPTIMIZED_FILE, STEP_PREFIX
from .errors import ModelError, ModelSignatureError
from .loading import ModelFile


class Session:
    """Runs one ONNX file on one thread. Threads may share it.

    A subclass names the graph, for error messages, and the inputs and outputs that it must have: name, type and shape,
    in which * is any length. Of the inputs there may be several choices. Outputs that start with `STEP_PREFIX` may come
    on top.
    """

    graph: ClassVar[str]
    inputs: ClassVar[list[list[str]]]
    outputs: ClassVar[list[str]]
    is_optimized: ClassVar[bool] = True
    """Whether onnxruntime optimizes the graph when it opens it."""
    is_inherited = False
    """Whether this process got the session through a `fork`; if so, only `here()` can run."""

    def __init__(self, file: ModelFile, providers: Sequence[str] = ("CPUExecutionProvider",)) -> None:
        """Open a session.

        Raises:
            ModelSignatureError: the inputs or outputs are others.
            ModelError: onnxruntime cannot run the model.
        """
        self.file = file
        self._arguments: tuple[Any, ...] = file, providers
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # dividing a single image among threads costs more than it saves
        # For tensors this small malloc is as fast as an arena, and returns memory to the system.
        options.enable_cpu_mem_arena = False
        options.enable_mem_reuse = False  # takes as little memory, and the preparation is 6% faster
        if not self.is_optimized or file.path.name == OPTIMIZED_FILE:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4  # errors below "fatal" are also raised as exceptions
        onnxruntime.disable_telemetry_events()
        try:
            # A fallback would print to standard output.
            self._session = onnxruntime.InferenceSession(file.content, options, list(providers), enable_fallback=0)
            inputs = [_signature(node) for node in self._session.get_inputs()]
            outputs = [_signature(node) for node in self._session.get_outputs()]
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime's exceptions have no other common base
            raise ModelError(f"{file.path} is not an ONNX model that onnxruntime can run ({error})") from error
        # The Python wrapper around this session, and the options that are made for each run without any, take 2 µs.
        # Versions of onnxruntime that lack the attribute run through the wrapper.
        self._engine: Any = getattr(self._session, "_sess", self._session)
        self._run_options = onnxruntime.RunOptions()
        self.steps = [output.partition(" ")[0] for output in outputs if output.startswith(STEP_PREFIX)]
        outputs = [output for output in outputs if not output.startswith(STEP_PREFIX)]
        for kind, actual, choices in (("input", inputs, self.inputs), ("output", outputs, [self.outputs])):
            if actual not in choices:
                expected = " or ".join(map("; ".join, choices))
                problem = f"is {'; '.join(actual) or 'none'}; a {self.graph}'s is {expected}"
                raise ModelSignatureError(f"the {kind} of {file.path} {problem}")
        _sessions.add(self)

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Pickle the model's bytes and the settings: the receiving process opens its own session."""
        return type(self), self._arguments

    def here(self) -> Self:
        """Return this session, or a new one on the same bytes if this process got it through a `fork`."""
        return copy.copy(self) if self.is_inherited else self

    def _run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the named outputs.

        Raises:
            ModelError: the model fails.
        """
        try:
            results: list[NDArray[Any]] = self._engine.run(outputs, inputs, self._run_options)
        except Exception as error:
            raise self._failure(error) from error
        return results

    def _bind(self, name: str, array: NDArray[Any], output: str, result: NDArray[Any]) -> Callable[[], None]:
        """Return a function that runs the session on an input array, and writes the output into another one."""
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        binding.bind_ortvalue_output(output, onnxruntime.OrtValue.ortvalue_from_numpy(result))
        if self._engine is self._session:  # 1.32 takes 30 µs to look for a setting in options of ours
            return partial(self._engine.run_with_iobinding, binding)
        return partial(self._engine.run_with_iobinding, binding._iobinding, self._run_options)  # noqa: SLF001

    def _failure(self, problem: object) -> ModelError:
        return ModelError(
            f"{self.file.path} failed to run or returned other outputs than it declares ({problem}); "
            "if this recurs, export it again"
        )


def _signature(node: Any) -> str:
    lengths = (str(length) if isinstance(length, int) else "*" for length in node.shape)
    return f"{node.name} {node.type} [{', '.join(lengths)}]"


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
