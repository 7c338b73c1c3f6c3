"""The camera example reads videos: a digit is printed once, when several frames in a row show it."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnist_edge.data.drawing import draw_digit
from runtime.contract import ARTIFACTS, PICTURE_FILE
from tests.conftest import ROOT

CAMERA = ROOT / "examples" / "python_camera" / "camera.py"
BLANK = -1


def video(path: Path, frames: list[int]) -> Path:
    """Write a lossless video of drawn digits, and of blank frames."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"png "), 25, (160, 120))
    for digit in frames:
        drawn = np.zeros((120, 160), np.uint8)
        if digit != BLANK:
            drawn[:, 20:140] = draw_digit(digit, np.random.default_rng(0), size=120)
        writer.write(cv2.cvtColor(255 - drawn, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, CAMERA, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("frames", "printed"),
    [
        ([3] * 4, []),
        ([3] * 5, [3]),
        ([3] * 12, [3]),
        ([3] * 5 + [7] * 5, [3, 7]),
        ([3, 7] * 5, []),
        ([3] * 5 + [BLANK] + [3] * 6, [3]),
        ([3] * 5 + [7] * 4 + [3] * 6, [3]),
        ([3] * 5 + [BLANK] * 5 + [3] * 5, [3, 3]),
        ([BLANK] * 9, []),
    ],
)
def test_a_digit_is_printed_once_frames_agree(tmp_path: Path, frames: list[int], printed: list[int]) -> None:
    done = run(video(tmp_path / "video.avi", frames))
    assert [int(line[0]) for line in done.stdout.splitlines()] == printed
    assert all(re.fullmatch(r"\d \(\d+\.\d%\)", line) for line in done.stdout.splitlines())
    assert re.fullmatch(rf"{len(frames)} frames, \d+\.\d\d ms each \(median\)\n", done.stderr)
    assert done.returncode == 0


def test_how_many_frames_must_agree_can_be_chosen(tmp_path: Path) -> None:
    done = run(video(tmp_path / "video.avi", [3, 7]), "--agreeing", "1")
    assert [line[0] for line in done.stdout.splitlines()] == ["3", "7"]


def test_another_model_can_be_named(tmp_path: Path) -> None:
    done = run(video(tmp_path / "video.avi", [3] * 5), "--model", ARTIFACTS / "v1" / PICTURE_FILE)
    assert done.stdout.startswith("3 ")


@pytest.mark.parametrize(("source", "message"), [("99", "99 gives no frames"), ("missing.avi", "gives no frames")])
def test_a_source_without_frames_fails(source: str, message: str) -> None:
    done = run(source)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"{message}\n")


def test_a_missing_model_is_wrong_usage(tmp_path: Path) -> None:
    done = run("0", "--model", tmp_path / "none.onnx")
    assert done.returncode == 2
    assert "there is no model" in done.stderr
