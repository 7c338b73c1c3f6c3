"""The committed checkpoints and the models exported from them, made once for all tests."""

from pathlib import Path

import pytest
from onnx import ModelProto

from export.calibration import CalibrationTable, load_table
from export.golden_pictures import golden_pictures
from export.joined import join, portable_preparation
from export.quantize import quantize
from export.to_onnx import to_float_onnx
from mnist_edge.data.drawing import Pixels
from mnist_edge.training.checkpoint import Checkpoint, load_checkpoint


@pytest.fixture(scope="session")
def checkpoint(name: str, artifacts: Path) -> Checkpoint:
    return load_checkpoint(artifacts / name / "checkpoint.safetensors")


@pytest.fixture(scope="session")
def table(name: str, artifacts: Path, checkpoint: Checkpoint) -> CalibrationTable:
    return load_table(artifacts / name / "calibration.json", checkpoint.sha256)


@pytest.fixture(scope="session")
def float_onnx(checkpoint: Checkpoint) -> ModelProto:
    return to_float_onnx(checkpoint.model)


@pytest.fixture(scope="session")
def int8_onnx(float_onnx: ModelProto, table: CalibrationTable) -> ModelProto:
    return quantize(float_onnx, table)


@pytest.fixture(scope="session")
def prepare_onnx() -> ModelProto:
    return portable_preparation()


@pytest.fixture(scope="session")
def joined_onnx(prepare_onnx: ModelProto, int8_onnx: ModelProto, table: CalibrationTable) -> ModelProto:
    return join(prepare_onnx, int8_onnx, table.confidence)


@pytest.fixture(scope="session")
def pictures() -> dict[str, Pixels]:
    return golden_pictures()
