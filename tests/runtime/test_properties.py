"""Random pictures and bytes give a prediction of the right shape or a documented error."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from runtime import ImageError, Predictor
from runtime.contract import Reason
from runtime.images import read_picture

PREDICTOR = Predictor("v1")

sizes = st.integers(1, 40)
shapes = st.one_of(st.tuples(sizes, sizes), st.tuples(sizes, sizes, st.integers(1, 4)))
pictures = shapes.flatmap(lambda shape: arrays(np.uint8, shape))


def _png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


PNG = _png()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pictures)
def test_any_picture_is_predicted(picture: NDArray[np.uint8]) -> None:
    prediction = PREDICTOR.predict(picture)
    assert 0 <= prediction.digit <= 9
    assert abs(sum(prediction.probabilities) - 1) < 1e-5


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pictures)
def test_any_picture_is_prepared(picture: NDArray[np.uint8]) -> None:
    digit, reason = PREDICTOR.prepare(picture)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    assert reason is None or reason in Reason


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_image_or_an_error(content: bytes) -> None:
    try:
        assert read_picture(content).dtype == np.uint8
    except ImageError:
        return


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(0, len(PNG) - 1), st.integers(1, 255), st.integers(1, len(PNG)))
def test_a_damaged_file_is_an_image_or_an_error(position: int, change: int, length: int) -> None:
    content = bytearray(PNG)
    content[position] ^= change
    try:
        assert read_picture(bytes(content[:length])).dtype == np.uint8
    except ImageError:
        return
