"""Compared networks are exported and measured like the project's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.benchmark import exported
from mnist_edge.benchmark.exported import measure_int8
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.training.checkpoint import save_checkpoint
from mnist_edge.training.loop import train
from mnist_edge.training.recipes import find_recipe


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "_ROUNDS", 2)
    monkeypatch.setattr(exported, "_ROUND_SECONDS", 0.001)


@pytest.mark.slow
def test_int8_files_of_any_size_are_measured(artifacts: Path, tmp_path: Path) -> None:
    big, drawn = tmp_path / "cnn.safetensors", draw_digits(600)
    trained = train(replace(find_recipe("cnn", "onepass"), epochs=5), drawn)
    save_checkpoint(big, "cnn", trained.model, trained.facts)
    started: list[str] = []
    test = Split(drawn.images[:200], drawn.labels[:200])
    paths = {"of v1": artifacts / "v1" / "checkpoint.safetensors", "cnn": big}
    results = measure_int8(paths, drawn, test, started.append)
    assert started == list(results) == list(paths)
    committed = (artifacts / "v1" / "model.int8.onnx").stat().st_size
    assert abs(results["of v1"].bytes - committed) < 20  # the calibration differs
    assert results["of v1"].accuracy > 0.95
    assert 421_642 < results["cnn"].bytes < 480_000  # a byte per weight, some weights repeated by the layout
    assert results["cnn"].accuracy > 0.5
    assert all(result.microseconds > 0 for result in results.values())
