"""`mnist-edge train`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented
from tests.mnist_edge.cli.terminal import run_on_terminal


@pytest.mark.slow
def test_train_calibrate_export_predict(run: Run, mnist_directory: Path, samples: Path, tmp_path: Path) -> None:
    """The whole way from the data set to a predicted digit."""
    checkpoint, out = tmp_path / "run" / "checkpoint.safetensors", tmp_path / "artifacts"
    done = run("train", "v1", "--seed", "1", "--out", tmp_path / "run", "--data", mnist_directory, "--json")
    assert done.returncode == 0, done.stderr
    assert "step 938/938" in done.stderr
    document = json.loads(done.stdout)
    assert_documented("train", document)
    assert document["checkpoint"] == str(checkpoint)
    assert document["test_accuracy"] > 0.95
    assert run("calibrate", checkpoint, "--data", mnist_directory).returncode == 0
    assert run("export", "--checkpoint", checkpoint, "--out", out).returncode == 0
    done = run("predict", samples / "seven-28x28.png", "--model", out / "v1")
    assert ": 7 (" in done.stdout
    assert run("selftest", out / "v1").returncode == 0


@pytest.mark.slow
def test_a_table_shows_the_accuracies_of_a_training(run: Run, mnist_directory: Path, tmp_path: Path) -> None:
    done = run("train", "v1", "--resume", "--out", tmp_path, "--data", mnist_directory)
    assert done.returncode == 0
    assert done.stderr.startswith(f"there is no {tmp_path / 'training-state.safetensors'} to resume from")
    for text in ("test", "10,000", "Most frequent mistakes:", f"Written: {tmp_path / 'checkpoint.safetensors'}"):
        assert text in done.stdout


def test_an_interrupted_training_keeps_the_old_checkpoint(root: Path, mnist_directory: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"former")
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", "train", "v2", "--out", tmp_path, "--data", mnist_directory],
        cwd=root,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first_line = process.stderr.readline()
    assert "step 100/844" in first_line
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 130
    assert rest.endswith("interrupted\n")
    assert "Traceback" not in rest
    assert path.read_bytes() == b"former"
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors", "training.log", "events"}


def test_a_terminal_gets_a_progress_bar(root: Path, mnist_directory: Path, tmp_path: Path) -> None:
    command = ("train", "v1", "--out", str(tmp_path), "--data", str(mnist_directory))
    code, shown = run_on_terminal(*command, cwd=root, interrupt_at=b"images/s")
    assert code == 130
    assert "/938" in shown
    assert "\r" in shown  # drawn over
