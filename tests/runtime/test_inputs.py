"""What a network reads its images from: the pixels themselves, or the windows that PyTorch's `unfold` makes of them."""

import numpy as np
import pytest

from runtime.contract import INPUT, WINDOWS
from runtime.inputs import ImageInput, WindowInput, make_input
from tests.windows import unfolded


def _images(count: int, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(1, 256, (count, 28, 28), np.uint8)


@pytest.mark.parametrize("count", [1, 2, 64])
def test_windows_are_those_of_unfold(count: int) -> None:
    windows = WindowInput(count)
    windows.fill(_images(count))
    assert windows.array.tobytes() == unfolded(_images(count)).tobytes()


def test_a_window_reads_zeros_outside_of_the_image() -> None:
    windows = WindowInput(1)
    windows.fill(np.full((1, 28, 28), 255, np.uint8))
    first, last = windows.array[0, 0, 0].reshape(4, 8), windows.array[0, -1, -1].reshape(4, 8)
    assert first.tolist() == [[0] * 8, *[[0, *[255] * 7]] * 3]
    assert last.tolist() == [*[[*[255] * 5, 0, 0, 0]] * 3, [0] * 8]


@pytest.mark.parametrize("kind", [ImageInput, WindowInput])
def test_fewer_images_leave_the_rest_alone(kind: type[ImageInput | WindowInput]) -> None:
    inputs, expected = kind(3), kind(1)
    inputs.fill(_images(3))
    before = inputs.array.copy()
    inputs.fill(_images(1, seed=1))
    expected.fill(_images(1, seed=1))
    assert inputs.array[0].tobytes() == expected.array.tobytes()
    assert inputs.array[1:].tobytes() == before[1:].tobytes()


def test_an_image_with_a_channel_axis_is_the_same() -> None:
    for inputs in (ImageInput(1), WindowInput(1)):
        inputs.fill(_images(1))
        flat = inputs.array.copy()
        inputs.fill(np.zeros((1, 28, 28), np.uint8))
        inputs.fill(_images(1)[:, None])
        assert inputs.array.tobytes() == flat.tobytes()


def test_pixels_are_copied_as_they_are() -> None:
    pixels = ImageInput(2)
    pixels.fill(_images(2))
    assert pixels.array.tobytes() == _images(2).tobytes()


def test_the_name_of_the_input_tells_which() -> None:
    assert isinstance(make_input(INPUT, 1), ImageInput)
    assert isinstance(make_input(WINDOWS, 1), WindowInput)
