"""Many calls: the same answers from many threads, no memory and no handle lost, an orderly end."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.drawing import draw_digits
from runtime import ImageError, Predictor

DIGITS = draw_digits(200, 6).images


def _resident_bytes() -> int:
    """Give the memory of this process that is in use."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Rss")


def _answers_of_threads(predictions: int) -> None:
    predictor = Predictor("v1")
    expected = [predictor.classify(image[None]) for image in DIGITS]

    def ask(thread: int) -> int:
        """Count the answers that are another's than alone."""
        wrong = 0
        for number in range(predictions // 8):
            index = (thread * 31 + number) % len(DIGITS)
            found = predictor.classify(DIGITS[index : index + 1])
            wrong += not (
                np.array_equal(found.digits, expected[index].digits)
                and np.array_equal(found.probabilities, expected[index].probabilities)
            )
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 0


def test_eight_threads_get_the_answers_of_one() -> None:
    _answers_of_threads(8_000)


@pytest.mark.long
def test_eight_threads_get_the_answers_of_one_a_hundred_thousand_times() -> None:
    _answers_of_threads(100_000)


def _growth_bytes(predictions: int) -> int:
    predictor = Predictor("v1")
    batch = DIGITS[:64]
    for _ in range(100):  # until all that is kept on purpose is there
        predictor.classify(DIGITS[:1])
        predictor.classify(batch)
    before = _resident_bytes()
    for _ in range(predictions // 128):
        for index in range(64):
            predictor.classify(DIGITS[index : index + 1])
        predictor.classify(batch)
    return _resident_bytes() - before


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux to read its memory")
@pytest.mark.parametrize("predictions", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_memory_does_not_grow(predictions: int) -> None:
    assert _growth_bytes(predictions) < 1_000_000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux to count its files")
def test_no_file_stays_open(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "digit.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "digit.png").read_bytes()[:90])
    predictor = Predictor("v1")
    predictor.predict(tmp_path / "digit.png")
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(50):
        predictor.predict(tmp_path / "digit.png")
        for name in ("cut.png", "none.png"):
            with pytest.raises(ImageError):
                predictor.predict(tmp_path / name)
        Predictor("v1").selftest()
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_terminated_stream_ends_with_what_is_done_printed(root: Path, tmp_path: Path, workers: int) -> None:
    for index in range(3_000):
        Image.fromarray(DIGITS[index % len(DIGITS)]).resize((300, 300)).save(tmp_path / f"{index:04}.bmp")
    command = [sys.executable, "-m", "mnist_edge", "predict", str(tmp_path), "--json", "--workers", str(workers)]
    printed = tmp_path / "printed.jsonl"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            command, cwd=root, stdout=output, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process,
    ):
        while "\n" not in printed.read_text() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 143
        assert errors == ""
        answers = [json.loads(line) for line in printed.read_text().splitlines()]  # each line is whole
        assert 1 <= len(answers) < 3_000
        assert [Path(answer["file"]).name for answer in answers] == [f"{index:04}.bmp" for index in range(len(answers))]
        with pytest.raises(ProcessLookupError):  # no worker is left
            os.killpg(process.pid, 0)
