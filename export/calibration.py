"""The activation ranges of a network, recorded once and kept as a table beside its checkpoint.

ONNX Runtime's quantiser can keep ranges in a file itself, but would use them for any model. This
table says what it belongs to: the checkpoint's SHA-256, the images, the method; another one is
refused.
"""

import hashlib
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator

from export.confidence import UNKNOWN, Confidence
from mnist_edge.data.mnist import Split
from mnist_edge.errors import CalibrationError
from mnist_edge.files import write_bytes
from mnist_edge.training.checkpoint import CHECKPOINT_FILE
from runtime.contract import INPUT

CALIBRATION_FILE = "calibration.json"
METHOD = "minmax"
_FORMAT = 2
_RECORD = "Record it with: mnist-edge calibrate"
STRIDE = 60
_BATCH = 100


@dataclass(frozen=True)
class ImageSubset:
    """Which images were shown: every `stride`-th of the training images, and the SHA-256 of their pixels."""

    data_set: str
    stride: int
    images: int
    pixels_sha256: str


@dataclass(frozen=True)
class CalibrationTable:
    """The range of each activation, by its name in the float graph, and what confidences are worth."""

    checkpoint_sha256: str
    method: str
    subset: ImageSubset
    ranges: dict[str, tuple[float, float]]
    confidence: Confidence = UNKNOWN

    def tensors_data(self) -> TensorsData:
        """Give the ranges as ONNX Runtime's quantiser takes them."""
        return TensorsData(
            CalibrationMethod.MinMax,
            {name: (np.float32(low), np.float32(high)) for name, (low, high) in self.ranges.items()},
        )


class ImageBatches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime carries no types
    """Feeds images `[N, 1, 28, 28]`, of the type and range that the model takes, to a calibrator."""

    def __init__(self, images: NDArray[Any]) -> None:
        self._batches = iter(np.split(images, range(_BATCH, len(images), _BATCH)))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Give the next images as a feed, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def table_beside(checkpoint: Path) -> Path:
    """Give the path of a checkpoint's table: `calibration.json`, or `NAME.calibration.json` beside another name."""
    if checkpoint.name == CHECKPOINT_FILE:
        return checkpoint.with_name(CALIBRATION_FILE)
    return checkpoint.with_name(f"{checkpoint.stem}.{CALIBRATION_FILE}")


def record(core: ModelProto, checkpoint_sha256: str, training: Split) -> CalibrationTable:
    """Run every 60th training image through a network and note each activation's range.

    Args:
        core: the float graph whose input is 0..1, as `quantize.graph_to_quantize` gives it.
        checkpoint_sha256: of the checkpoint that the graph was exported from.
        training: the 60,000 training images.
    """
    chosen = training.images[::STRIDE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "core.onnx"
        onnx.save(core, path)
        calibrator = create_calibrator(
            path,
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(ImageBatches(chosen[:, None].astype(np.float32) / np.float32(255)))
        found = calibrator.compute_data()
    subset = ImageSubset("MNIST train", STRIDE, len(chosen), hashlib.sha256(chosen.tobytes()).hexdigest())
    order = [INPUT, *(name for node in core.graph.node for name in node.output)]
    ranges = {name: (np.asarray(found[name].lowest).item(), np.asarray(found[name].highest).item()) for name in order}
    return CalibrationTable(checkpoint_sha256, METHOD, subset, ranges)


def save_table(path: Path, table: CalibrationTable) -> None:
    """Write a table as JSON, a line for each range, atomically."""
    text = json.dumps({"format": _FORMAT, **asdict(table)}, indent=2)
    text = re.sub(r"\[\s+(\S+)\s+(\S+)\s+\]", r"[\1 \2]", text)
    write_bytes(path, f"{text}\n".encode())


def load_table(path: Path, checkpoint_sha256: str) -> CalibrationTable:
    """Read the table of a checkpoint.

    Raises:
        CalibrationError: there is none, or it is damaged, or belongs to another checkpoint, method or set of images.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CalibrationError(f"there is no calibration table at {path}. {_RECORD}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} cannot be read ({error}). {_RECORD}") from error
    try:
        table = _parse(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalibrationError(f"{path} is no calibration table of format {_FORMAT} ({error!r}). {_RECORD}") from error
    if table.checkpoint_sha256 != checkpoint_sha256:
        raise CalibrationError(
            f"{path} belongs to the checkpoint {table.checkpoint_sha256[:12]}…, not to {checkpoint_sha256[:12]}…. "
            f"{_RECORD}"
        )
    if table.method != METHOD:
        raise CalibrationError(f"{path} was recorded by the method {table.method!r}, not {METHOD!r}. {_RECORD}")
    if (table.subset.data_set, table.subset.stride) != ("MNIST train", STRIDE):
        raise CalibrationError(f"{path} was recorded on other images: {table.subset}. {_RECORD}")
    return table


def _parse(content: dict[str, Any]) -> CalibrationTable:
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']}")
    ranges = {str(name): (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
    for name, (low, high) in ranges.items():
        if not -np.inf < low <= high < np.inf:
            raise ValueError(f"the range of {name} is {low} to {high}")
    confidence = Confidence(**content["confidence"])
    if not (0 < confidence.temperature < np.inf and 0 <= confidence.reject_below <= 1):
        raise ValueError(f"the confidence is {confidence}")
    return CalibrationTable(
        str(content["checkpoint_sha256"]), str(content["method"]), ImageSubset(**content["subset"]), ranges, confidence
    )
