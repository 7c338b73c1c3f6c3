"""Streams: results in order, bounded reading ahead, and errors in the place of their pictures."""

import itertools
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.drawing import draw_digits
from runtime import ImageError, ModelError, Prediction, Predictor, predict_stream


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("v1")


@pytest.fixture
def folder(tmp_path: Path) -> list[str]:
    """A hundred files; number 40 is missing and number 70 is not an image."""
    names = []
    for index, image in enumerate(draw_digits(100).images):
        names.append(str(tmp_path / f"{index:03}.png"))
        Image.fromarray(image).save(names[-1])
    Path(names[40]).unlink()
    Path(names[70]).write_text("no image")
    return names


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_errors_in_their_place(predictor: Predictor, folder: list[str], workers: int) -> None:
    results = list(predict_stream(predictor, folder, workers))
    errors = {index: str(result) for index, result in enumerate(results) if isinstance(result, ImageError)}
    assert errors.keys() == {40, 70}
    assert errors[40] == f"there is no image file {folder[40]}"
    assert errors[70].startswith(f"{folder[70]} is in none of the formats")
    for name, result in zip(folder, results, strict=True):
        if isinstance(result, Prediction):
            expected = predictor.predict(name)
            assert result.digit == expected.digit
            assert result.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unsupported_type_ends_the_stream(predictor: Predictor, workers: int) -> None:
    """It is a mistake in the program, not in a picture."""
    images: list[Any] = [*draw_digits(100).images, np.zeros((28, 28)), *draw_digits(100).images]
    results: list[Prediction | ImageError] = []
    with pytest.raises(TypeError, match="pixels must be uint8, 0 to 255, not float64"):
        results.extend(predict_stream(predictor, images, workers))
    assert len(results) == (100 if workers == 1 else 96)  # threads hand over 16 results at a time


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_are_read_only_a_little_ahead(predictor: Predictor, workers: int) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        for image in itertools.cycle(draw_digits(10).images):
            read += 1
            yield image

    results = predict_stream(predictor, endless(), workers)
    for _ in range(500):
        next(results)
    assert read <= 500 + workers * 4 * 16
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("side", "kept"), [(100, 16), (400, 1)])
def test_only_small_pictures_are_kept_until_all_are_read(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, side: int, kept: int
) -> None:
    read_pictures: list[weakref.ref[np.ndarray]] = []
    most = 0
    prepare = predictor.prepare

    def read(_source: object) -> np.ndarray:
        picture = np.zeros((side, side, 1), np.uint8)
        read_pictures.append(weakref.ref(picture))
        return picture

    def count(picture: Any) -> Any:
        nonlocal most
        most = max(most, sum(reference() is not None for reference in read_pictures))
        return prepare(picture)

    monkeypatch.setattr("runtime.stream.read_picture", read)
    monkeypatch.setattr(predictor, "prepare", count)
    pictures = [f"{index}.png" for index in range(16)]
    assert len([*predict_stream(predictor, pictures, 2)]) == 16
    assert most == kept


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_model_ends_the_stream(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """It does not hang, and no thread is left."""
    pictures, failing = draw_digits(100).images, draw_digits(1, 8).images[0]
    prepare = predictor.prepare

    def fail_once(image: Any) -> Any:
        if np.array_equal(np.squeeze(image), failing):
            raise ModelError("failed to run")
        return prepare(image)

    monkeypatch.setattr(predictor, "prepare", fail_once)
    results: list[Prediction | ImageError] = []
    with pytest.raises(ModelError, match="failed to run"):
        results.extend(predict_stream(predictor, [*pictures[:50], failing, *pictures[50:]], workers))
    assert len(results) == (50 if workers == 1 else 48)
    assert not stream_threads()


def test_leaving_a_stream_early_stops_its_threads(predictor: Predictor) -> None:
    results = predict_stream(predictor, itertools.cycle(draw_digits(10).images), 3)
    next(results)
    assert 1 <= len(stream_threads()) <= 3
    results.close()  # type: ignore[attr-defined]
    assert not stream_threads()


def stream_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("mnist-edge-stream")]


def test_an_empty_stream_has_no_results(predictor: Predictor) -> None:
    assert list(predict_stream(predictor, [], 2)) == list(predict_stream(predictor, [], 1)) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("reject", [True, False])
def test_pictures_are_rejected_as_predict_rejects_them(workers: int, reject: bool) -> None:
    blank, dust = np.full((90, 90), 255, np.uint8), np.random.default_rng(0).random((90, 90)) < 0.05
    pictures = [blank, dust * np.uint8(255), draw_digits(1).images[0]]
    predictor = Predictor("v1", reject=reject)
    assert list(predict_stream(predictor, pictures, workers)) == [predictor.predict(picture) for picture in pictures]
