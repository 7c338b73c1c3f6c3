"""Neighbors correlate as by NumPy, and each reason has a picture that gets it and a similar one that does not."""

import numpy as np
import pytest
from onnx import ModelProto

from export.parity import open_session
from export.picture.rejection import neighbors_difference
from mnist_edge.data.drawing import Pixels, draw_digit, to_uint8
from runtime.contract import Reason
from tests.export.picture.tracing import Array, Levels, traced

difference_of = traced(neighbors_difference)
GENERATOR = np.random.default_rng(0)


def correlation_of(plane: Levels) -> float:
    """Return the mean correlation of neighbors, which is what lacks of 1 in the difference."""
    return 1 - float(difference_of(plane)[0])


def numpys(plane: Levels) -> float:
    """Return the mean of NumPy's correlations of the cells in reading order with those one and one row later."""
    cells, width = plane.ravel(), plane.shape[1]
    lags = [float(np.corrcoef(cells[lag:], cells[:-lag])[0, 1]) for lag in (1, width)]
    return sum(lags) / 2


def smooth(side: int) -> Levels:
    """Return noise that is added up along both axes: neighbors are alike."""
    return GENERATOR.normal(0, 1, (side, side)).cumsum(0).cumsum(1).astype(np.float32)


PLANES = {
    "noise": GENERATOR.normal(100, 50, (96, 96)).astype(np.float32),
    "smooth": smooth(96),
    "wide": GENERATOR.normal(0, 9, (20, 90)).cumsum(1).astype(np.float32),
    "digit": draw_digit(5, GENERATOR, 64).astype(np.float32),
    "checkerboard": (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.float32),
}


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES.keys())
def test_correlation_is_numpys(plane: Levels) -> None:
    # NumPy leaves the first cells out of one mean and the last out of the other.
    assert correlation_of(plane[None, None]) == pytest.approx(numpys(plane), abs=0.05)
    shuffled = GENERATOR.permutation(plane.ravel()).reshape(plane.shape)
    assert plane is PLANES["noise"] or correlation_of(shuffled[None, None]) != pytest.approx(numpys(plane), abs=0.05)


def test_correlation_tells_drawings_from_noise() -> None:
    assert abs(correlation_of(PLANES["noise"][None, None])) < 0.05
    assert correlation_of(PLANES["digit"][None, None]) > 0.7
    assert correlation_of(np.full((1, 1, 5, 7), 9, np.float32)) == 1
    assert np.isfinite(correlation_of(np.zeros((1, 1, 1, 1), np.float32)))


def ink(digit: int, size: int = 64, scale: float = 0.36) -> Array:
    """Return how much of each pixel is ink, 0 to 1, `[size, size]`."""
    return draw_digit(digit, np.random.default_rng(digit), size, scale) / 255


def on_paper(share: Array, contrast: float = 200, deviation: float = 0) -> Pixels:
    """Return dark ink on bright paper with noise, `[H, W, 1]`."""
    noise = np.random.default_rng(0).normal(0, deviation, share.shape)
    return to_uint8(220 - contrast * share + noise)[..., None]


def strip(rows: int, width: int = 5) -> Pixels:
    """Return paper with a dark strip along the left edge, from the top down."""
    share = np.zeros((64, 64))
    share[:rows, :width] = 1
    return on_paper(share)


def two_strokes(length: int) -> Array:
    """Return two upright strokes side by side, one 40 pixels long and one of another length."""
    share = np.zeros((64, 64))
    share[12:52, 26:30] = share[52 - length : 52, 34:38] = 1
    return share


def ring(height: int, width: int) -> Array:
    """Return an upright frame in the middle."""
    rows, columns = np.abs(np.indices((64, 64)) - 31.5)
    inside, hole = (np.maximum(rows / (height / 2 - cut), columns / (width / 2 - cut)) < 1 for cut in (0, 4))
    share: Array = (inside & ~hole).astype(np.float64)
    return share


def square(side: int, hollow: int = 0) -> Pixels:
    share = np.zeros((64, 64))
    first = 32 - side // 2
    share[first : first + side, first : first + side] = 1
    share[32 - hollow // 2 : 32 + hollow // 2, 32 - hollow // 2 : 32 + hollow // 2] = 0
    return on_paper(share)


SQUARES = (np.indices((64, 64)) // 8).sum(0) % 2
PAIRS: dict[str, tuple[Reason, Pixels, Pixels]] = {
    "hardly any contrast": (Reason.BLANK, on_paper(ink(3), 9), on_paper(ink(3), 18)),
    "an even level": (Reason.BLANK, np.full((64, 64, 3), 255, np.uint8), on_paper(ink(1))),
    "noise alone": (
        Reason.NOISE,
        GENERATOR.integers(0, 256, (64, 64, 1), dtype=np.uint8),
        on_paper(ink(8), deviation=30),
    ),
    "noise as strong as ink": (Reason.NOISE, on_paper(ink(8), 40, 15), on_paper(ink(8), 40, 4)),
    "a blot": (Reason.NOISE, square(24), square(24, hollow=16)),
    "two digits": (
        Reason.SEVERAL_MARKS,
        on_paper(np.hstack([ink(3), ink(8)])),
        on_paper(np.hstack([ink(3), np.zeros((64, 64))])),
    ),
    "a second digit": (
        Reason.SEVERAL_MARKS,
        on_paper(np.hstack([ink(3), ink(8)])),
        on_paper(np.hstack([ink(3), np.pad(ink(8, 12), 26)])),
    ),
    "two strokes of the same length": (Reason.SEVERAL_MARKS, on_paper(two_strokes(40)), on_paper(two_strokes(20))),
    "a wide ring": (Reason.SEVERAL_MARKS, on_paper(ring(24, 44)), on_paper(ring(24, 36))),
    "a strip along an edge": (Reason.EDGE, strip(63), strip(56)),
    "a line along an edge": (Reason.EDGE, strip(64, 8), strip(64, 20)),
    "as much dark as bright": (Reason.UNCLEAR, on_paper(SQUARES), on_paper(SQUARES * ink(0))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_reason_has_a_picture_on_either_side(prepare_onnx: ModelProto, name: str) -> None:
    reason, rejected, accepted = PAIRS[name]
    session = open_session(prepare_onnx)
    assert session.run(["rejection"], {"picture": rejected})[0].tolist() == [reason]
    assert reason not in session.run(["rejection"], {"picture": accepted})[0].tolist()


def test_all_reasons_of_the_preparation_have_a_picture() -> None:
    assert {reason for reason, _, _ in PAIRS.values()} == set(Reason) - {Reason.IMPLAUSIBLE}


def test_a_native_picture_is_never_rejected(prepare_onnx: ModelProto) -> None:
    digit = np.zeros((28, 28, 1), np.uint8)
    digit[4:24, 6:8] = digit[4:24, 20:22] = 255  # two marks, but in MNIST's form
    session = open_session(prepare_onnx)
    assert session.run(["rejection"], {"picture": digit})[0].tolist() == [0]
    larger = np.pad(digit, ((1, 1), (1, 1), (0, 0)))
    assert session.run(["rejection"], {"picture": larger})[0].tolist() == [Reason.SEVERAL_MARKS]
