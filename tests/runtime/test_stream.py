"""Many pictures: in order, bounded, bad ones reported in their place."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.drawing import draw_digits
from runtime import Predictor, predict_stream
from runtime.errors import ImageNotFoundError, UnreadableImageError


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("v1")


@pytest.fixture
def folder(tmp_path: Path) -> list[str]:
    """A hundred files, the 40th missing and the 70th no image."""
    names = []
    for index, image in enumerate(draw_digits(100).images):
        names.append(str(tmp_path / f"{index:03}.png"))
        Image.fromarray(image).save(names[-1])
    Path(names[40]).unlink()
    Path(names[70]).write_text("no image")
    return names


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_errors_in_their_place(predictor: Predictor, folder: list[str], workers: int) -> None:
    found = list(predict_stream(predictor, folder, workers))
    assert len(found) == 100
    assert isinstance(found[40], ImageNotFoundError)
    assert isinstance(found[70], UnreadableImageError)
    assert found[70].name == folder[70]
    for name, prediction in zip(folder, found, strict=True):
        if not isinstance(prediction, Exception):
            expected = predictor.predict(name)
            assert prediction.digit == expected.digit
            assert prediction.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_are_taken_only_a_little_ahead(predictor: Predictor, workers: int) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        for image in itertools.cycle(draw_digits(10).images):
            taken += 1
            yield image

    results = predict_stream(predictor, endless(), workers)
    for _ in range(500):
        next(results)
    assert taken <= 500 + workers * 4 * 32
    results.close()  # type: ignore[attr-defined]


def test_no_pictures_have_no_results(predictor: Predictor) -> None:
    assert list(predict_stream(predictor, [], 2)) == list(predict_stream(predictor, [], 1)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_without_rejection_a_blank_picture_is_an_error(workers: int) -> None:
    blank = np.full((30, 30), 255, np.uint8)
    (found,) = predict_stream(Predictor("v1", reject_below=0), [blank], workers)
    assert isinstance(found, Exception)
    (rejected,) = predict_stream(Predictor("v1", reject_below=0.5), [blank], workers)
    assert not isinstance(rejected, Exception)
    assert rejected.rejected is not None
    assert "blank" in rejected.rejected
