"""Everything that reads a file or an array, with valid contents to start from and the errors that it documents."""

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from export.calibration import load_table
from export.manifest import read_manifest
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import IdxFile, read_idx
from mnist_edge.errors import (
    CalibrationError,
    CheckFailedError,
    CheckpointError,
    DataError,
    MnistEdgeError,
)
from mnist_edge.training.checkpoint import load_checkpoint
from runtime import ImageError, ModelError, Predictor
from runtime.contract import GOLDEN_FILE, INT8_FILE, MANIFEST_FILE, OPTIMIZED_FILE
from runtime.loading import ModelFile
from runtime.model_graph import check_graph
from runtime.selftest import run_selftest

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "v1"
_PREDICTOR = Predictor("v1")
_FOLDER = Path(tempfile.mkdtemp(prefix="mnist-edge-fuzz-"))
_PIXELS = draw_digits(1, 8).images[0]
_OUTPUT = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process runs)
_NULL = open(os.devnull, "wb")  # noqa: SIM115, PTH123 (as above)


@contextmanager
def printing_nothing(stderr_allowed: bool) -> Iterator[None]:
    """Check that a block prints nothing, not even from a C library that bypasses Python's streams.

    If stderr is allowed, what is written there is discarded.

    Raises:
        AssertionError: it printed.
    """
    originals = {stream: os.dup(stream) for stream in (1, 2)}
    for stream in originals:
        os.dup2((_NULL if stderr_allowed and stream == 2 else _OUTPUT).fileno(), stream)
    try:
        yield
    finally:
        for stream, original in originals.items():
            os.dup2(original, stream)
            os.close(original)
        _OUTPUT.seek(0)
        printed = _OUTPUT.read()
        _OUTPUT.seek(0)
        _OUTPUT.truncate()
    assert not printed, printed


@dataclass(frozen=True)
class Target:
    """A function that reads bytes, valid contents to start from, and the errors that it documents."""

    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...]
    stderr_allowed: bool = False

    def __call__(self, content: bytes) -> None:
        """Read a content; raise for any other error, a warning, or anything that was printed."""
        with warnings.catch_warnings(), printing_nothing(self.stderr_allowed):
            warnings.simplefilter("error")
            try:
                self.read(content)
            except self.errors:
                return


def _file(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(_PIXELS).convert("P" if kind == "GIF" else "L").save(stream, kind)
    return stream.getvalue()


def _write(name: str, content: bytes) -> Path:
    path = _FOLDER / name
    path.write_bytes(content)
    return path


def _check_prediction(image: object) -> None:
    prediction = _PREDICTOR.predict(image)  # type: ignore[arg-type]
    assert 0 <= prediction.digit <= 9
    assert len(prediction.probabilities) == 10
    assert abs(sum(prediction.probabilities) - 1) < 1e-5


def _array(content: bytes) -> None:
    """Predict pixels with the dtype, shape and memory layout that the first bytes select."""
    if len(content) < 8:
        return
    dtype = ("u1", "f4", "i8", "f8", "?", "O", "S1", "u1", "u1", "u1")[content[0] % 10]
    shape = [part % 40 for part in content[1 : 2 + content[4] % 4]]
    values = np.frombuffer(content[8:] or b"\0", np.uint8)
    pixels = np.resize(values, shape).astype(dtype)
    if content[5] % 3 == 0:
        pixels = pixels[::-2]
    if content[6] % 3 == 0:
        pixels = pixels.T
    if content[7] % 2:
        pixels.flags.writeable = False
    try:
        _check_prediction(pixels)
    except TypeError as error:
        if pixels.dtype == np.uint8 or "pixels must be uint8" not in str(error):
            raise


def _idx(content: bytes) -> None:
    read_idx(_write("images-idx3-ubyte", content), IdxFile("images-idx3-ubyte", (2, 3, 3), "0" * 64))


def _model(content: bytes) -> None:
    check_graph("model", content)


def _session(content: bytes, name: str = INT8_FILE) -> None:
    path = _write(name, content)
    assert Predictor(path).logits(np.zeros((2, 28, 28), np.uint8)).shape == (2, 10)


def _manifest(content: bytes) -> None:
    folder = _FOLDER / "artifact"
    folder.mkdir(exist_ok=True)
    for name in (INT8_FILE, GOLDEN_FILE):
        if not (folder / name).exists():
            (folder / name).write_bytes((ARTIFACTS / name).read_bytes())
    (folder / MANIFEST_FILE).write_bytes(content)
    read_manifest(folder)
    Predictor(folder).selftest()


def _checkpoint(content: bytes) -> None:
    load_checkpoint(_write("checkpoint", content))


def _calibration(content: bytes) -> None:
    load_table(_write("calibration.json", content), load_checkpoint(ARTIFACTS / "checkpoint.safetensors").sha256)


def _golden(content: bytes) -> None:
    model = _write(GOLDEN_FILE, content).with_name(INT8_FILE)
    run_selftest(_PREDICTOR, ModelFile(model, b"", "", {GOLDEN_FILE: hashlib.sha256(content).hexdigest()}))


TARGETS = {
    "image": Target(
        _check_prediction,
        tuple(_file(kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")),
        (ImageError,),
        stderr_allowed=True,  # libtiff writes there
    ),
    "array": Target(_array, (bytes([0, 28, 28, 3, 1, 1, 1, 0]) + _PIXELS.tobytes(),), (ImageError,)),
    "idx": Target(_idx, (b"\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x03" + bytes(18), b"\x1f\x8b\x08\0"), (DataError,)),
    "checkpoint": Target(
        _checkpoint, ((ARTIFACTS / "checkpoint.safetensors").read_bytes(),), (CheckpointError, CheckFailedError)
    ),
    "calibration": Target(
        _calibration,
        ((ARTIFACTS / "calibration.json").read_bytes(), b"[" * 100_000),
        (CalibrationError,),
    ),
    "manifest": Target(
        _manifest, ((ARTIFACTS / MANIFEST_FILE).read_bytes(), b"[" * 100_000), (MnistEdgeError, ModelError)
    ),
    "golden": Target(_golden, ((ARTIFACTS / GOLDEN_FILE).read_bytes(),), (ModelError,)),
    "graph": Target(_model, ((ARTIFACTS / INT8_FILE).read_bytes(),), (ModelError,)),
    "model": Target(_session, ((ARTIFACTS / INT8_FILE).read_bytes(),), (ModelError,)),
    "optimized": Target(
        partial(_session, name=OPTIMIZED_FILE), ((ARTIFACTS / OPTIMIZED_FILE).read_bytes(),), (ModelError,)
    ),
}
