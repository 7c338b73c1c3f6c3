"""Run the example programs and, in the same runtimes, `outputs.*`, which show all outputs of a model."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from examples.python_camera.camera import DigitReader
from runtime.contract import Reason
from tests.devices.measure import ARM64, ROOT, DeviceError

Picture = NDArray[np.uint8]
Command = tuple[str | Path, ...]

REACH = ROOT / ".devices" / "reach"
_NODE = shutil.which("node") or "node"
NODE: Command = (_NODE, REACH / "examples" / "node" / "digit.mjs")
_NODE_OUTPUTS: Command = (_NODE, REACH / "examples" / "node" / "outputs.mjs")
CPP: Command = (REACH / "here" / "build" / "example" / "digit",)
_CPP_OUTPUTS: Command = (REACH / "here" / "build" / "outputs",)
_CORTEX_A72: Command = ("qemu-aarch64", "-cpu", "cortex-a72", "-L", ARM64 / "root")
_ALL_EXTENSIONS: Command = ("qemu-aarch64", "-cpu", "max", "-L", ARM64 / "root")
_HASWELL: Command = ("qemu-x86_64", "-cpu", "Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm")
"""Without the features that qemu-user lacks: it would warn about them."""
_NEHALEM: Command = ("qemu-x86_64", "-cpu", "Nehalem")
CPP_ON_AARCH64: Command = (*_CORTEX_A72, REACH / "aarch64" / "build" / "example" / "digit")
_CPP_OUTPUTS_ON_AARCH64: Command = (REACH / "aarch64" / "build" / "outputs",)

_ANSWER = re.compile(r"(?:no digit \((\w+)\); best guess: )?(\d) \((\d+\.\d)%\)\n")


class Answer(NamedTuple):
    """What an example says about a picture."""

    digit: int
    confidence: float
    """A program prints it rounded to 0.001."""
    rejection: int
    """A `Reason`, or 0."""


class Outputs(NamedTuple):
    """All outputs of a model for one tensor after another."""

    version: str
    """The version of ONNX Runtime."""
    values: bytes
    """The outputs in the model's order."""
    milliseconds: list[float]
    """How long each run took."""


@dataclass(frozen=True)
class Program:
    """An example, and the program that shows all outputs in the same runtime."""

    read: Callable[[Path, Picture], Answer | None] | None
    """Runs the example with a model on a picture; None if the example cannot be given such a picture.

    On some emulated processors, where each start takes seconds, only the runtime is tested: they have no `read`.
    """
    outputs: Callable[[Path, Sequence[Picture]], Outputs]
    """Runs a model on uint8 tensors."""


def run(command: Command, *arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run a program, which may fail, in an empty folder.

    Raises:
        DeviceError: the program has not been built.
    """
    if not Path(command[-1]).exists():
        raise DeviceError(f"{command[-1]} is missing: make test-reach builds it")
    with TemporaryDirectory() as folder:
        return subprocess.run(
            [*command, *arguments], cwd=folder, input=stdin, capture_output=True, timeout=300, check=False
        )


def read_with(command: Command, suffix: str) -> Callable[[Path, Picture], Answer]:
    """Return a function that runs an example on a picture file, or, for C++, on a frame if the picture has opacity."""

    def read(model: Path, picture: Picture) -> Answer:
        height, width, channels = picture.shape
        with TemporaryDirectory() as folder:
            file = Path(folder) / f"picture{suffix}"
            if suffix == ".ppm" and channels == 4:
                done = run(command, model, str(width), str(height), str(channels), stdin=picture.tobytes())
            else:
                Image.fromarray(picture.squeeze(axis=2) if channels == 1 else picture).save(file)
                done = run(command, model, file)
        return parse(done.stdout.decode() or done.stderr.decode())

    return read


def parse(line: str) -> Answer:
    """Return the answer in a line that an example prints.

    Raises:
        DeviceError: it is another line.
    """
    match = _ANSWER.fullmatch(line)
    if not match:
        raise DeviceError(f"not an answer: {line}")
    reason, digit, percent = match.groups()
    return Answer(int(digit), float(percent) / 100, Reason[reason.upper()] if reason else 0)


def _read_with_camera(model: Path, picture: Picture) -> Answer | None:
    """Have the example for a camera read a picture; None if it has opacity, which frames lack."""
    if picture.shape[2] == 4:
        return None
    digit, confidence, reason = DigitReader(model).read(picture.repeat(3, axis=2) if picture.shape[2] == 1 else picture)
    return Answer(digit, confidence, Reason[reason.upper()] if reason else 0)


def outputs_with(command: Command) -> Callable[[Path, Sequence[Picture]], Outputs]:
    """Return a function that runs one of `outputs.*` on tensors."""

    def outputs(model: Path, tensors: Sequence[Picture]) -> Outputs:
        lines = (f"{' '.join(map(str, tensor.shape))}\n".encode() + tensor.tobytes() for tensor in tensors)
        done = run(command, model, stdin=b"".join(lines))
        if done.returncode != 0:
            raise DeviceError(done.stderr.decode())
        version, *milliseconds = done.stderr.decode().split()
        return Outputs(version, done.stdout, [float(number) for number in milliseconds])

    return outputs


def _outputs_in_python(model: Path, tensors: Sequence[Picture]) -> Outputs:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    name = session.get_inputs()[0].name
    values, milliseconds = list[bytes](), list[float]()
    for tensor in tensors:
        start = time.perf_counter()
        arrays = session.run(None, {name: tensor})
        milliseconds.append((time.perf_counter() - start) * 1e3)
        values += [array.tobytes() for array in arrays]
    return Outputs(onnxruntime.__version__, b"".join(values), milliseconds)


PROGRAMS = {
    "C++": Program(read_with(CPP, ".ppm"), outputs_with(_CPP_OUTPUTS)),
    "C++, x86, Haswell": Program(None, outputs_with((*_HASWELL, *_CPP_OUTPUTS))),
    "C++, x86, Nehalem": Program(None, outputs_with((*_NEHALEM, *_CPP_OUTPUTS))),
    "C++, aarch64, Cortex-A72": Program(
        read_with(CPP_ON_AARCH64, ".ppm"), outputs_with((*_CORTEX_A72, *_CPP_OUTPUTS_ON_AARCH64))
    ),
    "C++, aarch64, all extensions": Program(None, outputs_with((*_ALL_EXTENSIONS, *_CPP_OUTPUTS_ON_AARCH64))),
    "Node": Program(read_with(NODE, ".png"), outputs_with(_NODE_OUTPUTS)),
    "Node, x86, Haswell": Program(None, outputs_with((*_HASWELL, *_NODE_OUTPUTS))),
    "Node, x86, Nehalem": Program(None, outputs_with((*_NEHALEM, *_NODE_OUTPUTS))),
    "Python camera loop": Program(_read_with_camera, _outputs_in_python),
}
