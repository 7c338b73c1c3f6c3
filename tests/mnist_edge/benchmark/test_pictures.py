"""The benchmark of pictures: every contender reads the same files, and its figures are those of its readings."""

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge.benchmark import picture_contenders, pictures
from mnist_edge.benchmark.picture_contenders import PictureContender
from mnist_edge.benchmark.picture_files import SIZES, SMALL, draw_many_pictures, draw_timed_pictures
from mnist_edge.benchmark.picture_results import PictureBenchmark
from mnist_edge.benchmark.picture_worker import Reading
from mnist_edge.benchmark.pictures import benchmark_pictures
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import BenchmarkError
from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.rejection import non_digit_images
from mnist_edge.evaluation.robustness import robustness_images
from mnist_edge.files import load_results, save_results
from runtime import Predictor

SLEEP_SECONDS = 0.003


class Three:
    """Reads a 3 in everything, and refuses pictures that are not square."""

    def __init__(self, _model: str) -> None:
        pass

    def read(self, picture: bytes) -> Reading:
        time.sleep(SLEEP_SECONDS)
        width, height = Image.open(io.BytesIO(picture)).size
        return 3, width != height


class Broken(Three):
    def read(self, _: bytes) -> Reading:
        os._exit(7)


class Nothing(Three):
    def read(self, _: bytes) -> Reading:
        return None, True


def _peer(reader: type[Three]) -> PictureContender:
    return PictureContender(reader.__name__, f"{reader.__module__}:{reader.__name__}", packages=("numpy",))


class _Steps:
    def __init__(self) -> None:
        self.total, self.steps = 0, list[str]()

    @contextmanager
    def __call__(self, _title: str, total: int) -> Iterator[Callable[[str], None]]:
        self.total = total
        yield self.steps.append


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "COLD_STARTS", 2)
    monkeypatch.setattr(pictures, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(pictures, "KINDS", (("photograph", "low resolution"), ("corruption", "stripe")))
    monkeypatch.delitem(SIZES, "12-megapixel JPEG")


def _with_peers(monkeypatch: pytest.MonkeyPatch, *peers: PictureContender) -> None:
    real = picture_contenders.picture_contenders

    def ours_and_peers(models: list[str]) -> Any:
        return [*real(models)[0][: len(models)], *peers], {"a peer": "pip install a-peer"}

    monkeypatch.setattr(pictures, "picture_contenders", ours_and_peers)


def _measure(steps: _Steps | None = None, **options: Any) -> PictureBenchmark:
    arguments = {"test": None, "images": 10, "rounds": 2, "against": None, **options}
    return benchmark_pictures(["v2"], **arguments, progress=steps or _Steps())


@pytest.mark.usefixtures("_quick")
def test_figures_are_those_of_the_readings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with_peers(monkeypatch, _peer(Three), _peer(Nothing), _peer(Broken))
    steps = _Steps()
    benchmark = _measure(steps)
    ours, three, nothing = benchmark.contenders
    assert steps.total == len(steps.steps)
    assert (ours.name, three.name, nothing.name) == ("mnist-edge, V2", "Three", "Nothing")
    assert "code 7" in benchmark.failed["Broken"]
    assert benchmark.missing == {"a peer": "pip install a-peer"}
    assert (benchmark.data_set, benchmark.images_per_kind, benchmark.against) == ("drawn digits", 10, None)

    assert [three.accuracy("photograph"), three.accuracy("corruption")] == [0.1, 0.1]  # one drawn digit in ten is a 3
    assert three.refused_digits == 0
    oblong = {kind: np.mean([len(each) != each.shape[1] for each in non_digit_images(kind, 10)]) for kind in NON_DIGITS}
    assert three.refused_non_digits == oblong
    assert {0.0, 1.0} <= set(oblong.values())
    for is_noise in (True, False):
        shares = [share for kind, share in oblong.items() if (NON_DIGITS[kind][0] == "blank or noise") == is_noise]
        assert three.refused(blank_or_noise=is_noise) == pytest.approx(np.mean(shares))
    assert (nothing.accuracy("photograph"), nothing.refused_digits, nothing.refused(blank_or_noise=True)) == (0, 1, 1)
    assert three.milliseconds[SMALL].low >= SLEEP_SECONDS * 1e3
    assert set(three.milliseconds) == set(SIZES)
    assert three.cold_start_seconds.low > 0.01
    assert ours.installed_bytes is not None
    assert three.installed_bytes is not None
    assert 0 < three.installed_bytes < ours.installed_bytes

    save_results(tmp_path / "results.json", benchmark)
    assert load_results(tmp_path / "results.json", PictureBenchmark) == benchmark


@pytest.mark.usefixtures("_quick")
def test_our_accuracy_is_that_of_the_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG is lossless, so files and arrays give the same digits."""
    _with_peers(monkeypatch)
    (ours,) = _measure(rounds=1).contenders
    digits = draw_digits(10)
    for result in ours.robustness:
        predictions = Predictor("v2").predict_batch(robustness_images(result.group, result.kind, digits))
        guesses = np.array([prediction.digit for prediction in predictions])
        assert result.correct == (guesses == digits.labels).sum()


@pytest.mark.usefixtures("_quick")
def test_our_own_failure_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = PictureContender("mnist-edge", "__main__:OwnReader", "no such model")
    monkeypatch.setattr(pictures, "picture_contenders", lambda _: ([broken], {}))
    with pytest.raises(BenchmarkError, match="mnist-edge failed: ModelNotFoundError"):
        _measure()


def test_timed_pictures_have_their_sizes_and_are_legible(tmp_path: Path) -> None:
    folders = draw_timed_pictures(tmp_path)
    predictor = Predictor("v2")
    for size, (width, height, mode, suffix, count) in SIZES.items():
        files = sorted(folders[size].iterdir())
        assert len(files) == count
        right = sum(predictor.predict(file).digit == digit for digit, file in enumerate(files))
        assert right >= 0.9 * count
        for file in files:
            with Image.open(file) as image:
                assert (image.size, image.mode, file.suffix) == ((width, height), mode, f".{suffix}")
    assert len({file.read_bytes() for file in folders[SMALL].iterdir()}) == 10


def test_many_pictures_repeat_the_distinct_ones(tmp_path: Path) -> None:
    draw_many_pictures(tmp_path / "many", 25, distinct=10)
    files = sorted((tmp_path / "many").iterdir())
    assert len(files) == 25
    assert [file.read_bytes() for file in files[:5]] == [file.read_bytes() for file in files[20:]]
    assert len({file.read_bytes() for file in files}) == 10
