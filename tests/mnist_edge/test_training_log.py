"""What a training leaves to read."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from mnist_edge.steps import Step
from mnist_edge.training_log import EVENTS_FOLDER, LOG_FILE, training_log


def _step(number: int) -> Step:
    return Step(2, number, 250, 0.5, 0.9, 1234.5, 0.4, 0.95, None)


def test_every_hundredth_batch_and_the_last_have_a_line(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text("a former log\n")
    with training_log(tmp_path, "v2, seed 0") as log:
        for number in range(1, 251):
            log(_step(number))
            if number == 100:  # a line is there when its batch is done
                assert (tmp_path / LOG_FILE).read_text().count("\n") == 3
    lines = (tmp_path / LOG_FILE).read_text().splitlines()
    assert lines[:2] == ["a former log", "v2, seed 0"]
    assert lines[2] == "epoch 2, batch 100/250, loss 0.5000, accuracy 90.00%, 1,234 images/s"
    assert [line.split(",")[1] for line in lines[2:]] == [" batch 100/250", " batch 200/250", " batch 250/250"]


def test_tensorboard_gets_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, name: str, value: float, number: int) -> None:
            written.append((self.folder, name, value, number))

        def close(self) -> None:
            written.append((self.folder, "closed", 0.0, 0))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with training_log(tmp_path, "v2, seed 0") as log:
        log(_step(100))
    folder = str(tmp_path / EVENTS_FOLDER)
    assert written == [(folder, "loss", 0.5, 350), (folder, "accuracy", 0.9, 350), (folder, "closed", 0.0, 0)]
