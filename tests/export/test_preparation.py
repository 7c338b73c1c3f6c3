"""The whole preparation graph, with the network behind it: what holds for any picture, and where digits may be."""

import numpy as np
import pytest

from tests.export.reading import ALL_DIGITS, answer, draw_digit, fails, paint

HALF_CELL = "outside the middles of the coarse cells at the picture's edge, resampling gives 0, and the ink is lost"
SAME_SIZE = (
    "where the view of a digit has as many cells as the digit's grid along an axis, onnxruntime's Resize ignores the "
    "region along it, so that ends of the digit are cut off: 2 is read as 7 with a confidence of 1.0"
)


@pytest.mark.parametrize("height", [180, fails(192, because=SAME_SIZE), 200])
def test_a_digit_of_any_height_is_read(height: int) -> None:
    shares = (draw_digit(digit, height, 0.06 * height, (480, 640)) for digit in range(10))
    assert [answer(paint(share)) for share in shares] == ALL_DIGITS


@pytest.mark.parametrize(
    ("height", "shape"), [fails(24, (300, 300), because=HALF_CELL), fails(48, (480, 640), because=HALF_CELL)]
)
def test_a_digit_in_a_corner_is_read(height: int, shape: tuple[int, int]) -> None:
    gap = 0.6 * height  # from the edges to the middle of the digit: its ink ends a tenth of its height before them
    for middle in ((gap, gap), (shape[1] - gap, gap), (gap, shape[0] - gap), (shape[1] - gap, shape[0] - gap)):
        shares = (draw_digit(digit, height, 0.1 * height, shape, middle) for digit in range(10))
        assert [answer(paint(share)) for share in shares] == ALL_DIGITS
    assert answer(paint(np.zeros(shape))) == "blank"
