"""The calibration table: what it records, and which tables are refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto
from scipy.special import logsumexp

from export.calibration import CalibrationTable, calibration_path, load_table, record_ranges, save_table
from export.confidence import UNKNOWN
from export.exporter import calibrate
from export.quantize import prepare_for_int8
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import CalibrationError
from mnist_edge.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mnist_edge.training.loop import split_held_out


def test_recorded_ranges_equal_those_of_pytorch(checkpoint: Checkpoint, float_onnx: ModelProto) -> None:
    import torch

    drawn = draw_digits(180)
    table = record_ranges(prepare_for_int8(float_onnx), checkpoint.sha256, drawn)
    shown = torch.from_numpy(drawn.images[::60]).unsqueeze(1)
    with torch.inference_mode():
        first_block = checkpoint.model.blocks[0](checkpoint.model.unit(shown))  # type: ignore[index,operator]
        logits = checkpoint.model(shown)
    assert table.subset.images == 3
    assert table.ranges["image"] == (0.0, 1.0)
    for tensor, values in (("max_pool_1", first_block), ("logits", logits)):
        assert table.ranges[tensor] == pytest.approx((values.min().item(), values.max().item()), abs=1e-4)


def test_a_saved_table_is_loaded_unchanged(tmp_path: Path, table: CalibrationTable) -> None:
    save_table(tmp_path / "calibration.json", table)
    assert load_table(tmp_path / "calibration.json", table.checkpoint_sha256) == table
    assert any(
        line.strip().startswith('"relu_1": [') for line in (tmp_path / "calibration.json").read_text().splitlines()
    )


def test_load_table_names_the_command_when_missing(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="Record it with: mnist-edge calibrate") as caught:
        load_table(tmp_path / "none.json", "")
    assert str(tmp_path / "none.json") in str(caught.value)


_MISSING = object()


@pytest.mark.parametrize(
    ("keys", "value", "problem"),
    [
        ("checkpoint_sha256", "0" * 64, "belongs to the checkpoint 000000000000…"),
        ("method", "entropy", "Invalid enum value 'entropy' - at `$.method`"),
        ("subset.stride", 7, "Invalid enum value 7 - at `$.subset.stride`"),
        ("subset.data_set", "letters", "Invalid enum value 'letters' - at `$.subset.data_set`"),
        ("subset.images", -1, "Expected `int` >= 0 - at `$.subset.images`"),
        ("format", 2, "Invalid enum value 2 - at `$.format`"),  # with a threshold for the confidence
        ("format", 9, "Invalid enum value 9 - at `$.format`"),
        ("format", _MISSING, "missing required field `format`"),
        ("ranges", _MISSING, "missing required field `ranges`"),
        ("confidence.temperature", _MISSING, "missing required field `temperature`"),
        ("ranges.relu_1", [1.0, 0.0], "the range of relu_1 is 1.0 to 0.0"),
        ("ranges.relu_1", [0.0, float("inf")], "the range of relu_1 is 0.0 to inf"),
        ("ranges.relu_1", [float("-inf"), 0.0], "the range of relu_1 is -inf to 0.0"),
        ("ranges.relu_1", [0.0, float("nan")], "the range of relu_1 is 0.0 to nan"),
        ("ranges.relu_1", [0.0], "Expected `array` of length 2"),
        ("ranges.relu_1", "wide", "Expected `array`, got `str` - at `$.ranges[...]`"),
        ("confidence.temperature", 0.0, "Expected `float` > 0.0 - at `$.confidence.temperature`"),
        ("confidence.temperature", float("inf"), "at `$.confidence.temperature`"),
        ("confidence.temperature", float("nan"), "at `$.confidence.temperature`"),
        ("confidence.plausibility_midpoint", float("inf"), "at `$.confidence.plausibility_midpoint`"),
        ("confidence.plausibility_midpoint", float("nan"), "at `$.confidence.plausibility_midpoint`"),
        ("confidence.plausibility_midpoint", _MISSING, "missing required field `plausibility_midpoint`"),
        ("confidence.plausibility_slope", 0.0, "Expected `float` > 0.0 - at `$.confidence.plausibility_slope`"),
        ("confidence.plausibility_slope", float("inf"), "at `$.confidence.plausibility_slope`"),
    ],
)
def test_load_table_refuses_wrong_content(
    tmp_path: Path, table: CalibrationTable, keys: str, value: object, problem: str
) -> None:
    path = tmp_path / "calibration.json"
    save_table(path, table)
    content = json.loads(path.read_text())
    *parents, key = keys.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    section[key] = value
    if value is _MISSING:
        del section[key]
    path.write_text(json.dumps(content))
    with pytest.raises(CalibrationError, match=re.escape(problem)) as caught:
        load_table(path, table.checkpoint_sha256)
    assert str(caught.value).startswith(str(path))
    assert "Record it with: mnist-edge calibrate" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_load_table_refuses_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "calibration.json").write_bytes(content)
    with pytest.raises(CalibrationError, match="Record it with: mnist-edge calibrate"):
        load_table(tmp_path / "calibration.json", "")


def test_recording_again_gives_the_committed_ranges(
    checkpoint: Checkpoint, float_onnx: ModelProto, table: CalibrationTable, mnist_train: Split
) -> None:
    """With a tolerance, since float sums differ in their last bits between processors."""
    again = record_ranges(prepare_for_int8(float_onnx), checkpoint.sha256, mnist_train)
    assert replace(again, ranges={}) == replace(table, ranges={}, confidence=UNKNOWN)
    assert again.ranges.keys() == table.ranges.keys()
    for tensor, limits in table.ranges.items():
        assert np.allclose(again.ranges[tensor], limits, rtol=1e-5, atol=1e-5)


def test_fitting_again_gives_the_committed_confidence(
    name: str, artifacts: Path, table: CalibrationTable, mnist_train: Split, tmp_path: Path
) -> None:
    path = Path(shutil.copy(artifacts / name / "checkpoint.safetensors", tmp_path))
    again = load_table(calibrate(path, mnist_train), table.checkpoint_sha256).confidence
    assert again.fitted_on == "MNIST, 4,000 held-out training images"
    assert again.images == 4_000
    assert again.temperature == pytest.approx(table.confidence.temperature, abs=2e-3)
    assert again.plausibility_midpoint == pytest.approx(table.confidence.plausibility_midpoint, abs=2e-3)
    assert again.plausibility_slope == pytest.approx(table.confidence.plausibility_slope, abs=2e-3)


def test_20_of_4000_held_out_digits_are_implausible(
    name: str, artifacts: Path, checkpoint: Checkpoint, mnist_train: Split
) -> None:
    """Counted on the files as they are shipped, for the images that the training held out."""
    _, held_out = split_held_out(mnist_train, 4_000, checkpoint.facts.seed)
    session = onnxruntime.InferenceSession(artifacts / name / "model.int8.onnx")
    (logits,) = session.run(None, {"image": held_out.images[:, None]})
    metadata = session.get_modelmeta().custom_metadata_map
    midpoint = float(metadata["mnist_edge.plausibility_midpoint"])
    spreads = np.sort(logsumexp(logits.astype(np.float64), axis=1) - logits.mean(1))
    assert (spreads < midpoint).sum() == 20
    assert 1 / (1 + np.exp(-float(metadata["mnist_edge.plausibility_slope"]) * (spreads[2_000] - midpoint))) == (
        pytest.approx(0.99, abs=1e-3)
    )


def test_without_held_out_images_every_60th_fits_the_confidence(tmp_path: Path, checkpoint: Checkpoint) -> None:
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
def test_each_checkpoint_in_a_folder_has_its_own_table(checkpoint: str, table: str) -> None:
    assert calibration_path(Path("runs") / checkpoint) == Path("runs") / table
