"""Pictures as arrays: which are accepted, and how large ones are shrunk; expected values are numpy's."""

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime import ImageError
from runtime.images import MAX_SIDE, read_picture


def random_pixels(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def block_means(values: NDArray[Any], factor: int) -> NDArray[np.float64]:
    """Return the means of `factor` × `factor` blocks of `[H, W, C]`, smaller ones at the end."""
    rows, columns = (np.arange(0, side, factor) for side in values.shape[:2])
    sums, counts = (
        np.add.reduceat(np.add.reduceat(array, rows, axis=0), columns, axis=1)
        for array in (values.astype(float), np.ones_like(values, float))
    )
    return sums / counts


def laid_on(pixels: NDArray[np.uint8], paper: int) -> NDArray[np.float64]:
    """Return the colors, `[H, W, 3]`, of an RGBA picture on a paper of this level."""
    opacity = pixels[..., 3:] / 255
    return pixels[..., :3] * opacity + paper * (1 - opacity)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 4), (5, 4, 1)),
        ((5, 4, 1), (5, 4, 1)),
        ((5, 4, 2), (5, 4, 4)),
        ((5, 4, 3), (5, 4, 3)),
        ((5, 4, 4), (5, 4, 4)),
    ],
)
def test_arrays_with_the_shape_of_an_image_are_accepted(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    pixels = np.asfortranarray(random_pixels(*shape))
    picture = read_picture(pixels)
    assert picture.shape == expected
    assert picture.flags.c_contiguous
    assert np.array_equal(picture[..., 0], pixels.reshape(5, 4, -1)[..., 0])


def test_grey_with_alpha_becomes_rgba() -> None:
    pixels = random_pixels(5, 4, 2)
    assert np.array_equal(read_picture(pixels), np.dstack([pixels[..., 0]] * 3 + [pixels[..., 1]]))


@pytest.mark.parametrize("shape", [(5,), (5, 4, 5), (1, 5, 4, 3), (0, 4), (5, 0), (5, 0, 3), (5, 4, 0), ()])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="is not an image; pass") as caught:
        read_picture(np.zeros(shape, np.uint8))
    assert f"shape {list(shape)} " in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16, bool, object])
def test_arrays_of_another_type_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match=f"pixels must be uint8, 0 to 255, not {np.dtype(dtype)};"):
        read_picture(np.full((28, 28), np.nan if np.issubdtype(dtype, np.floating) else 0, dtype))


@pytest.mark.parametrize("shape", [(MAX_SIDE, 3, 1), (3, MAX_SIDE, 3), (MAX_SIDE, MAX_SIDE, 4)])
def test_pictures_up_to_the_limit_keep_their_pixels(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    assert np.array_equal(read_picture(pixels), pixels)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ((MAX_SIDE + 1, 3, 1), 2),
        ((3, 2 * MAX_SIDE, 3), 2),
        ((2 * MAX_SIDE + 1, 5, 3), 3),
        ((1_100, 1_300, 3), 2),
        ((40, 17_409, 1), 18),  # 18 × 18 white pixels are more than 16 bits hold
        ((1, 80_000, 3), 79),
        ((80_000, 1, 1), 79),
    ],
)
def test_larger_pictures_become_averages_of_blocks(shape: tuple[int, ...], factor: int) -> None:
    for pixels in (random_pixels(*shape), np.full(shape, 255, np.uint8)):
        picture = read_picture(pixels)
        assert max(picture.shape[:2]) <= MAX_SIDE
        assert np.abs(picture - block_means(pixels, factor)).max() <= 0.5 + 1e-9


def test_ink_at_the_end_of_a_large_picture_survives() -> None:
    pixels = np.full((1, MAX_SIDE * 3 + 1), 255, np.uint8)
    pixels[0, -1] = 0
    assert read_picture(pixels)[0, -2:, 0].tolist() == [255, 0]


@pytest.mark.parametrize("shape", [(1_100, 60, 4), (3, 4_700, 4)])
@pytest.mark.parametrize("paper", [0, 255])
def test_shrunk_colors_are_weighted_by_their_opacity(shape: tuple[int, ...], paper: int) -> None:
    """Shrinking and laying on paper may be swapped; colors that nobody sees do not count."""
    pixels = random_pixels(*shape)
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, pixels[..., 3])
    factor = -(-max(shape) // MAX_SIDE)
    picture = read_picture(pixels)
    assert np.abs(laid_on(picture, paper) - block_means(laid_on(pixels, paper), factor)).max() <= 1
    unweighted = np.rint(block_means(pixels, factor)).astype(np.uint8)
    assert np.abs(laid_on(unweighted, paper) - block_means(laid_on(pixels, paper), factor)).max() > 9


def test_shrinking_takes_less_memory_than_the_picture() -> None:
    pixels = random_pixels(3_000, 4_000, 4)

    def peak(task: Any) -> int:
        tracemalloc.start()
        try:
            task(pixels)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(read_picture) < pixels.nbytes // 2 < peak(np.copy)


def test_arrays_need_no_pillow(root: Path) -> None:
    code = (
        "import sys; sys.modules['PIL'] = None; import numpy as np; from runtime.images import read_picture\n"
        "print(read_picture(np.zeros((2_000, 3_000, 4), np.uint8)).shape); read_picture(b'')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == "(667, 1000, 4)\n"
    problem = "opening image files needs Pillow; install it with: pip install pillow"
    assert done.stderr.endswith(f"\nModuleNotFoundError: {problem}\n")
