"""The log file and the TensorBoard events of a training."""

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_edge.training.progress import EVENTS_FOLDER, LOG_FILE, Step, training_log


def _step(number: int) -> Step:
    return Step(2, number, 250, 0.5, 0.9, 1234.5, 0.4, 0.95, None)


def test_every_hundredth_step_and_the_last_are_logged(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text("an earlier log\n")
    with training_log(tmp_path, "v2, seed 0") as log:
        for number in range(1, 251):
            log(_step(number))
            if number == 100:  # each line is written right after its step
                assert (tmp_path / LOG_FILE).read_text().count("\n") == 3
    lines = (tmp_path / LOG_FILE).read_text().splitlines()
    assert lines[:2] == ["an earlier log", "v2, seed 0"]
    assert lines[2] == "epoch 2, batch 100/250, loss 0.5000, accuracy 90.00%, 1,234 images/s"
    assert [line.split(",")[1] for line in lines[2:]] == [" batch 100/250", " batch 200/250", " batch 250/250"]


def test_tensorboard_events_have_the_same_metrics(tmp_path: Path) -> None:
    with training_log(tmp_path, "v2, seed 0") as log:
        log(_step(100))
        log(_step(250))
    events = EventAccumulator(str(tmp_path / EVENTS_FOLDER)).Reload()
    assert events.Tags()["scalars"] == ["loss", "accuracy"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(350, 0.5), (500, 0.5)]
    assert [event.value for event in events.Scalars("accuracy")] == pytest.approx([0.9, 0.9])


def test_without_tensorboard_only_the_log_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with training_log(tmp_path, "v2, seed 0") as log:
        log(_step(100))
    assert [path.name for path in tmp_path.iterdir()] == [LOG_FILE]
