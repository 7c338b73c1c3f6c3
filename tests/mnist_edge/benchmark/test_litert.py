"""The LiteRT file holds the same integers as the ONNX file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import QuantType, quantize_static

from export.calibration import ImageBatches
from mnist_edge.benchmark.contenders import quantize_with_defaults
from mnist_edge.benchmark.engines import LiteRt
from mnist_edge.benchmark.litert import to_litert
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import ArtifactError


@pytest.fixture(scope="module")
def plain(name: str, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / f"{name}.onnx"
    quantize_with_defaults(artifacts / name / "model.onnx", path, draw_digits(200).images[:, None])
    return path


@pytest.mark.parametrize("count", [1, 2, 7])
def test_litert_and_onnx_logits_are_equal(plain: Path, tmp_path: Path, count: int) -> None:
    images = draw_digits(count, seed=1).images
    # Not onnxruntime: without VNNI its sums of 8-bit products saturate.
    expected = np.asarray(next(iter(ReferenceEvaluator(str(plain)).run(None, {"image": images[:, None]}))))
    (tmp_path / "model.tflite").write_bytes(to_litert(onnx.load(plain)))
    logits = LiteRt(tmp_path / "model.tflite", threads=1).logits(images)
    step = min(np.diff(np.unique(expected)))  # the engines may round ties of an average differently
    assert np.abs(logits - expected).max() <= 1.01 * step


def _with_operator_replaced(plain: Path, old: str, new: str) -> ModelProto:
    model = onnx.load(plain)
    for node in model.graph.node:
        if node.op_type == old:
            node.op_type = new
    return model


def test_an_unknown_operator_is_refused(plain: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot convert the operator AveragePool"):
        to_litert(_with_operator_replaced(plain, "MaxPool", "AveragePool"))


def test_unsigned_activations_are_refused(name: str, artifacts: Path, tmp_path: Path) -> None:
    model, images = artifacts / name / "model.onnx", ImageBatches(draw_digits(20).images[:, None])
    quantize_static(model, tmp_path / "unsigned.onnx", images, activation_type=QuantType.QUInt8)
    with pytest.raises(ArtifactError, match="signed 8-bit activations, not uint8"):
        to_litert(onnx.load(tmp_path / "unsigned.onnx"))
