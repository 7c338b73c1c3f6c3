"""The worker reads files, times and streams them, and reports errors, in a process of its own."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge.benchmark import picture_worker
from mnist_edge.benchmark.picture_contenders import PictureContender, own_contender
from mnist_edge.benchmark.picture_files import draw_many_pictures
from mnist_edge.benchmark.picture_worker import OwnReader, Reading, milliseconds_per_picture
from mnist_edge.errors import BenchmarkError

HUNGRY_BYTES = 80_000_000


class First:
    """Reads the digit that is a file's first byte; writes a line that must not get among the replies."""

    def __init__(self, _model: str) -> None:
        print("opened")

    def read(self, picture: bytes) -> Reading:
        return picture[0] - ord("0"), picture[1:] == b"?"


class Hungry(First):
    def read(self, picture: bytes) -> Reading:
        if picture[1:] == b"!":
            np.ones(HUNGRY_BYTES, np.uint8)
        return super().read(picture)


class Broken(First):
    def read(self, _: bytes) -> Reading:
        raise ValueError("no such character")


class Dying(First):
    def read(self, _: bytes) -> Reading:
        os._exit(7)


def contender(reader: type[First]) -> PictureContender:
    return PictureContender(reader.__name__, f"{reader.__module__}:{reader.__name__}")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of three files for the readers of this module."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for index, text in enumerate((b"3", b"1?", b"4")):
        (folder / f"{index}.txt").write_bytes(text)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw_many_pictures(tmp_path / "pictures", 12, distinct=10)
    return tmp_path / "pictures"


def test_files_are_read_in_alphabetical_order(texts: Path) -> None:
    with contender(First).start(texts) as worker:
        assert worker.first_reply == [3, False]
        assert worker.ask(command="read", pictures=str(texts)) == [[3, False], [1, True], [4, False]]
        assert worker.ask(command="time", pictures=str(texts), seconds=0.01) > 0


def test_our_predictor_reads_times_and_streams_files(pictures: Path) -> None:
    with own_contender("v2").start(pictures) as worker:
        readings = worker.ask(command="read", pictures=str(pictures))
        assert sum(guess == index % 10 for index, (guess, _) in enumerate(readings)) >= 11
        for command in ("time", "time_arrays"):
            assert worker.ask(command=command, pictures=str(pictures), seconds=0.0) > 0
        for workers in (1, 2):
            assert worker.ask(command="stream", pictures=str(pictures), workers=workers) > 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux alone")
def test_memory_is_what_the_files_add_to_the_peak(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "a.txt").write_bytes(b"5!")
    with contender(Hungry).start(texts) as worker:
        assert worker.ask(command="memory", pictures=str(texts)) < 0.2 * HUNGRY_BYTES
        growth = worker.ask(command="memory", pictures=str(tmp_path / "large"))
    assert 0.8 * HUNGRY_BYTES < growth < 1.2 * HUNGRY_BYTES


@pytest.mark.parametrize(("reader", "problem"), [(Broken, "ValueError: no such character"), (Dying, "code 7")])
def test_a_readers_failure_is_reported(reader: type[First], problem: str, texts: Path) -> None:
    with pytest.raises(BenchmarkError, match=f"{reader.__name__} failed: .*{problem}"):
        contender(reader).start(texts)


def test_our_reader_is_the_version_in_the_named_folder(pictures: Path, tmp_path: Path) -> None:
    """Not the one that this test, or the interpreter, finds."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__init__.py").write_text(
        "class Predictor:\n"
        "    def __init__(self, model): pass\n"
        "    digit, rejection = 8, 'unclear'\n"
        "    def predict(self, picture): return self\n"
    )
    with own_contender("v2", tmp_path, "other").start(pictures) as worker:
        assert worker.first_reply == [8, True]


@pytest.mark.parametrize("field", ["rejected", "rejection"])
@pytest.mark.parametrize("value", [None, "blank"])
def test_a_rejection_is_understood_under_both_its_names(field: str, value: str | None) -> None:
    reader = object.__new__(OwnReader)
    prediction: Any = SimpleNamespace(digit=3, **{field: value})
    reader.predictor = SimpleNamespace(predict=lambda _: prediction)  # type: ignore[assignment]
    assert reader.read(b"") == (3, value is not None)


def test_a_time_covers_whole_passes_over_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that advances by 2 ms with each picture."""
    seen: list[str] = []
    monkeypatch.setattr(picture_worker, "perf_counter", lambda: 0.002 * len(seen))

    def read(picture: str) -> Reading:
        seen.append(picture)
        return 0, False

    assert milliseconds_per_picture(read, ["a", "b", "c"], 0.01) == pytest.approx(2)
    assert "".join(seen) == "a" + 2 * "abc"  # a warm-up first


def test_memory_is_none_where_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert picture_worker.peak_bytes() is None


def test_arrays_are_the_decoded_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    received: list[Any] = []

    class Noting:
        def read(self, picture: Any) -> Reading:
            received.append(picture)
            return None, True

    picture_worker.answer(Noting(), command="time_arrays", pictures=str(tmp_path), seconds=0.0)
    assert all(np.array_equal(picture, pixels) for picture in received)
    assert received
