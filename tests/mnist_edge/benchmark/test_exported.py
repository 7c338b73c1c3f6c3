"""Networks to compare with go through the same exporter and predictor."""

from pathlib import Path

import pytest

from mnist_edge.benchmark import exported as comparing
from mnist_edge.benchmark.exported import measure_int8
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.training.checkpoint import save_checkpoint
from mnist_edge.training.loop import train
from mnist_edge.training.recipes import find_recipe


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_ROUNDS", 2)
    monkeypatch.setattr(comparing, "_ROUND_SECONDS", 0.001)


@pytest.mark.slow
def test_int8_files_are_measured_whatever_the_networks_size(artifacts: Path, tmp_path: Path) -> None:
    big, drawn = tmp_path / "cnn.safetensors", draw_digits(600)
    learnt = train(find_recipe("cnn", "onepass"), drawn, epochs=5)
    save_checkpoint(big, "cnn", learnt.model, learnt.facts)
    told: list[str] = []
    test = Split(drawn.images[:200], drawn.labels[:200])
    paths = {"of v1": artifacts / "v1" / "checkpoint.safetensors", "cnn": big}
    found = measure_int8(paths, drawn, test, told.append)
    assert told == list(found) == list(paths)
    committed = (artifacts / "v1" / "model.int8.onnx").stat().st_size
    assert abs(found["of v1"].bytes - committed) < 20  # of other ranges
    assert found["of v1"].accuracy > 0.95
    assert 421_642 < found["cnn"].bytes < 480_000  # a byte a weight, some of them spread out
    assert found["cnn"].accuracy > 0.5
    assert all(one.microseconds > 0 for one in found.values())
