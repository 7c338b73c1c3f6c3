"""The calibration table: a network's activation ranges and confidence settings, in a file beside its checkpoint.

ONNX Runtime's quantizer can store ranges itself, but would apply them to any model. This table is refused for another
checkpoint, method or selection of images; the digest of the images' pixels is kept as a record.
"""

import hashlib
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator

from export.confidence import UNKNOWN, Confidence, Count
from mnist_edge.data.mnist import Split
from mnist_edge.errors import CalibrationError
from mnist_edge.files import CHECKPOINT_FILE, write_bytes
from runtime.contract import INPUT

CALIBRATION_FILE = "calibration.json"
STRIDE: Final = 60
_BATCH_SIZE = 100
_RECORD = "Record it with: mnist-edge calibrate CHECKPOINT"


@dataclass(frozen=True)
class ImageSubset:
    """The images shown: every `stride`-th training image, and the SHA-256 of their pixels."""

    data_set: Literal["MNIST train"]
    stride: Literal[60]
    images: Count
    pixels_sha256: str


@dataclass(frozen=True)
class CalibrationTable:
    """The lowest and highest value of each activation, by its name in the float graph, and the fitted confidence."""

    format: Literal[4]
    checkpoint_sha256: str
    method: Literal["minmax"]
    subset: ImageSubset
    ranges: dict[str, tuple[float, float]]
    confidence: Confidence


class ImageBatches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no type hints
    """Feeds images `[N, 1, 28, 28]`, in the dtype and range of the model's input, to a calibrator."""

    def __init__(self, images: NDArray[Any]) -> None:
        self._batches = iter(np.split(images, range(_BATCH_SIZE, len(images), _BATCH_SIZE)))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next batch as a feed, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def calibration_path(checkpoint: Path) -> Path:
    """Return the path of a checkpoint's table: `calibration.json`, or `NAME.calibration.json` for another file name."""
    if checkpoint.name == CHECKPOINT_FILE:
        return checkpoint.with_name(CALIBRATION_FILE)
    return checkpoint.with_name(f"{checkpoint.stem}.{CALIBRATION_FILE}")


def record_ranges(core: ModelProto, checkpoint_sha256: str, training: Split) -> CalibrationTable:
    """Run every 60th training image through a network and record the range of each activation.

    `core` is the checkpoint's float graph as `quantize.prepare_for_int8` returns it, with an input in 0..1.
    """
    images = training.images[::STRIDE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "core.onnx"
        onnx.save(core, path)
        calibrator = create_calibrator(
            path,
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(ImageBatches(images[:, None].astype(np.float32) / np.float32(255)))
        recorded = calibrator.compute_data()
    subset = ImageSubset("MNIST train", STRIDE, len(images), hashlib.sha256(images.tobytes()).hexdigest())
    names = [INPUT, *(name for node in core.graph.node for name in node.output)]
    ranges = {
        name: (np.asarray(recorded[name].lowest).item(), np.asarray(recorded[name].highest).item()) for name in names
    }
    return CalibrationTable(4, checkpoint_sha256, "minmax", subset, ranges, UNKNOWN)


def save_table(path: Path, table: CalibrationTable) -> None:
    """Write a table as JSON, one line for each range, atomically."""
    text = json.dumps(asdict(table), indent=2)
    text = re.sub(r"\[\s+(\S+)\s+(\S+)\s+\]", r"[\1 \2]", text)
    write_bytes(path, f"{text}\n".encode())


def load_table(path: Path, checkpoint_sha256: str) -> CalibrationTable:
    """Load the table of a checkpoint.

    Raises:
        CalibrationError: it is missing, damaged, or for another checkpoint, method or selection of images.
    """
    try:
        table = msgspec.convert(json.loads(path.read_text("utf-8")), CalibrationTable)
    except FileNotFoundError as error:
        raise CalibrationError(f"there is no calibration table at {path}. {_RECORD}") from error
    except msgspec.ValidationError as error:
        raise CalibrationError(f"{path} is not a table that this version can use ({error}). {_RECORD}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} cannot be read ({error}). {_RECORD}") from error
    for name, (low, high) in table.ranges.items():
        if not -np.inf < low <= high < np.inf:
            raise CalibrationError(f"{path} is damaged: the range of {name} is {low} to {high}. {_RECORD}")
    if table.checkpoint_sha256 != checkpoint_sha256:
        raise CalibrationError(
            f"{path} belongs to the checkpoint {table.checkpoint_sha256[:12]}…, not to {checkpoint_sha256[:12]}…. "
            f"{_RECORD}"
        )
    return table
