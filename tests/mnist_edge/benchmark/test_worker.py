"""The worker process answers commands and reports errors of its engine."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.benchmark import worker
from mnist_edge.data.drawing import draw_digits

DRAWN = draw_digits(600)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", DRAWN.images)
    return tmp_path / "images.npy"


def test_the_worker_answers_each_command(
    images: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[dict[str, Any]] = [
        {"command": "digits"},
        {"command": "time", "batch": 16, "seconds": 0.01},
        {"command": "pace", "per_second": 50, "seconds": 0.1},
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(json.dumps(command) + "\n" for command in commands)))
    monkeypatch.setattr("sys.stdout", sys.stdout)  # restored afterwards; the worker replaces it
    worker.main("runtime:Predictor", str(artifacts / "v2"), "1", str(images))
    opened, digits, microseconds, share = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert opened["peak_bytes"] is None or opened["peak_bytes"] > 10_000_000
    assert np.mean(np.array(digits) == DRAWN.labels) > 0.95
    assert microseconds > 0
    assert share > 0


def test_an_error_of_the_engine_is_reported(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", sys.stdout)
    with pytest.raises(SystemExit) as exit_info:
        worker.main("runtime:Predictor", "none", "1", str(images))
    assert exit_info.value.code == 1
    assert json.loads(capsys.readouterr().out)["error"].startswith("ModelNotFoundError: there is no model none")
