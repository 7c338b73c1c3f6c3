"""The calibration table: what it records, and that another one is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from export.calibration import CalibrationTable, load_table, record, save_table, table_beside
from export.confidence import UNKNOWN
from export.exporter import calibrate
from export.quantize import graph_to_quantize
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import CalibrationError
from mnist_edge.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def test_ranges_are_those_of_pytorchs_activations(checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    import torch

    drawn = draw_digits(180)
    table = record(graph_to_quantize(float_onnx), checkpoint.sha256, drawn)
    shown = torch.from_numpy(drawn.images[::60]).unsqueeze(1)
    with torch.inference_mode():
        first_block = checkpoint.model.blocks[0](checkpoint.model.unit(shown))  # type: ignore[index,operator]
        logits = checkpoint.model(shown)
    assert table.subset.images == 3
    assert table.ranges["image"] == (0.0, 1.0)
    for tensor, values in (("max_pool_1", first_block), ("logits", logits)):
        assert table.ranges[tensor] == pytest.approx((values.min().item(), values.max().item()), abs=1e-4)


def test_a_saved_table_is_loaded(tmp_path: Path, table: CalibrationTable) -> None:
    save_table(tmp_path / "calibration.json", table)
    assert load_table(tmp_path / "calibration.json", table.checkpoint_sha256) == table
    assert any(
        line.strip().startswith('"relu_1": [') for line in (tmp_path / "calibration.json").read_text().splitlines()
    )


@pytest.mark.parametrize("reject_below", [0.0, 1.0])
def test_any_share_may_be_the_least_confidence(tmp_path: Path, table: CalibrationTable, reject_below: float) -> None:
    bound = replace(table, confidence=replace(table.confidence, reject_below=reject_below))
    save_table(tmp_path / "calibration.json", bound)
    assert load_table(tmp_path / "calibration.json", table.checkpoint_sha256) == bound


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="Record it with: mnist-edge calibrate"):
        load_table(tmp_path / "none.json", "")


def _other_checkpoint(content: dict[str, Any]) -> None:
    content["checkpoint_sha256"] = "0" * 64


def _other_method(content: dict[str, Any]) -> None:
    content["method"] = "entropy"


def _other_images(content: dict[str, Any]) -> None:
    content["subset"]["stride"] = 7


def _other_format(content: dict[str, Any]) -> None:
    content["format"] = 9


def _no_ranges(content: dict[str, Any]) -> None:
    del content["ranges"]


def _reversed(content: dict[str, Any]) -> None:
    content["ranges"]["relu_1"] = [1.0, 0.0]


def _infinite(content: dict[str, Any]) -> None:
    content["ranges"]["relu_1"] = [0.0, float("inf")]


def _frozen(content: dict[str, Any]) -> None:
    content["confidence"]["temperature"] = 0.0


def _surer_than_sure(content: dict[str, Any]) -> None:
    content["confidence"]["reject_below"] = 1.01


def _text(content: dict[str, Any]) -> None:
    content["ranges"]["relu_1"] = "wide"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_other_checkpoint, "belongs to the checkpoint 000000000000…"),
        (_other_method, "recorded by the method 'entropy'"),
        (_other_images, "recorded on other images"),
        (_other_format, "no calibration table of format 2"),
        (_no_ranges, "no calibration table of format 2"),
        (_reversed, "the range of relu_1 is 1.0 to 0.0"),
        (_infinite, "the range of relu_1"),
        (_frozen, "the confidence is"),
        (_surer_than_sure, "the confidence is"),
        (_text, "no calibration table"),
    ],
)
def test_a_table_that_does_not_belong_is_refused(
    tmp_path: Path, table: CalibrationTable, spoil: Callable[[dict[str, Any]], None], problem: str
) -> None:
    path = tmp_path / "calibration.json"
    save_table(path, table)
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CalibrationError, match=problem):
        load_table(path, table.checkpoint_sha256)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "calibration.json").write_bytes(content)
    with pytest.raises(CalibrationError):
        load_table(tmp_path / "calibration.json", "")


def test_the_committed_table_is_recorded_again(
    checkpoint: Checkpoint, float_onnx: ModelProto, table: CalibrationTable, mnist_train: Split
) -> None:
    """Float sums may differ in their last bits on another processor."""
    again = record(graph_to_quantize(float_onnx), checkpoint.sha256, mnist_train)
    assert replace(again, ranges={}) == replace(table, ranges={}, confidence=UNKNOWN)
    assert again.ranges.keys() == table.ranges.keys()
    for tensor, span in table.ranges.items():
        assert np.allclose(again.ranges[tensor], span, rtol=1e-5, atol=1e-5)


def test_the_committed_confidence_is_fitted_again(
    name: str, artifacts: Path, table: CalibrationTable, mnist_train: Split, tmp_path: Path
) -> None:
    path = Path(shutil.copy(artifacts / name / "checkpoint.safetensors", tmp_path))
    again = load_table(calibrate(path, mnist_train), table.checkpoint_sha256).confidence
    assert again.fitted_on == "MNIST, 4,000 held-out training images"
    assert again.images == 4_000
    assert (again.temperature, again.reject_below) == pytest.approx(
        (table.confidence.temperature, table.confidence.reject_below), abs=2e-3
    )


def test_where_nothing_was_held_out_the_images_of_the_ranges_fit_the_confidence(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    facts = replace(checkpoint.facts, recipe={**checkpoint.facts.recipe, "validation_images": 0})
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint.architecture, checkpoint.model, facts)
    table = load_table(calibrate(path, draw_digits(1_200)), load_checkpoint(path).sha256)
    assert (table.confidence.fitted_on, table.confidence.images) == ("MNIST, every 60th training image", 20)
    assert table.subset.images == 20


@pytest.mark.parametrize(
    ("checkpoint", "table"),
    [("checkpoint.safetensors", "calibration.json"), ("seed-1.safetensors", "seed-1.calibration.json")],
)
def test_checkpoints_in_one_folder_have_a_table_each(checkpoint: str, table: str) -> None:
    assert table_beside(Path("runs") / checkpoint) == Path("runs") / table
