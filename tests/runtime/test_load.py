"""Many calls: many threads get the right results, nothing leaks, and a stream can be terminated."""

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


def resident_bytes() -> int:
    """Return this process's resident memory."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Rss")


@pytest.mark.parametrize("predictions", [8_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_eight_threads_get_the_results_of_one(predictions: int) -> None:
    predictor = Predictor("v1")
    expected = [predictor.classify(image[None]) for image in DIGITS]

    def count_wrong_results(thread: int) -> int:
        wrong = 0
        for number in range(predictions // 8):
            index = (thread * 31 + number) % len(DIGITS)
            actual = predictor.classify(DIGITS[index : index + 1])
            wrong += not (
                np.array_equal(actual.digits, expected[index].digits)
                and np.array_equal(actual.probabilities, expected[index].probabilities)
            )
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(count_wrong_results, range(8))) == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_eight_threads_get_the_logits_of_their_own_batches(threads: int) -> None:
    shared, alone = Predictor("v2", threads=threads), Predictor("v2")
    counts = (2, 64, 70, 3)
    batches = [DIGITS[start : start + count] for start in range(8) for count in counts]
    expected = [alone.logits(batch).tobytes() for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        actual = pool.map(lambda batch: shared.logits(batch).tobytes(), batches * 10)
        assert list(actual) == expected * 10


def test_eight_threads_prepare_pictures_as_one_does() -> None:
    predictor = Predictor("v1")
    pictures = [np.pad(255 - image, side, constant_values=255) for side, image in enumerate(DIGITS[:40])]
    expected = [predictor.predict(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(predictor.predict, pictures * 5)) == expected * 5


def growth_bytes(predictions: int) -> int:
    predictor = Predictor("v1")
    batch = DIGITS[:64]
    for _ in range(100):  # until everything that is kept on purpose is allocated
        predictor.classify(DIGITS[:1])
        predictor.classify(batch)
    before = resident_bytes()
    for _ in range(predictions // 128):
        for index in range(64):
            predictor.classify(DIGITS[index : index + 1])
        predictor.classify(batch)
    return resident_bytes() - before


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux to read its memory")
@pytest.mark.parametrize("predictions", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_memory_does_not_grow(predictions: int) -> None:
    assert growth_bytes(predictions) < 1_000_000


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
def test_a_terminated_stream_has_printed_its_results(root: Path, tmp_path: Path, workers: int) -> None:
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
        results = [json.loads(line) for line in printed.read_text().splitlines()]  # no line is cut off
        assert 1 <= len(results) < 3_000
        assert [Path(result["file"]).name for result in results] == [f"{index:04}.bmp" for index in range(len(results))]
        with pytest.raises(ProcessLookupError):  # no worker is still running
            os.killpg(process.pid, 0)
