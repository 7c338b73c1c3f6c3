"""Image files with sides over the limit: shrunk, turned upright, all of their kinds."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from runtime import ImageError
from runtime.images import MAX_SIDE, read_picture
from tests.runtime.test_arrays import block_means, laid_on

NOISE = np.random.default_rng(0).integers(0, 256, (70, 2_100, 3), dtype=np.uint8)
FACTOR = 3


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"])
def test_opaque_modes_become_averages_of_blocks(mode: str) -> None:
    image = Image.fromarray(NOISE).convert(mode)
    colors = np.asarray(image.convert("L" if mode in ("1", "L") else "RGB")).reshape(*NOISE.shape[:2], -1)
    assert np.abs(read_picture(image) - block_means(colors, FACTOR)).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("paper", [0, 255])
def test_transparent_modes_weight_colors_by_opacity(mode: str, paper: int) -> None:
    image = Image.fromarray(NOISE).convert(mode)
    image.putalpha(Image.fromarray(np.where(NOISE[..., 1] < 128, 0, NOISE[..., 1])))
    expected = block_means(laid_on(np.asarray(image.convert("RGBA")), paper), FACTOR)
    assert np.abs(laid_on(read_picture(image), paper) - expected).max() <= 2.5  # two roundings to 8 bits


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_color_is_applied_before_averaging(mode: str) -> None:
    light = NOISE[..., 0] > 100
    image = Image.fromarray(np.where(light, 200, 50).astype(np.uint8)).convert(mode)
    key = {"P": image.getpixel((0, 0)), "L": 200, "RGB": (200, 200, 200)}[mode]
    content = encoded(image, "PNG", transparency=key)
    opacity = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))[..., 3:]
    assert 0 < np.count_nonzero(opacity) < opacity.size
    assert np.abs(read_picture(content)[..., 3:] - block_means(opacity, FACTOR)).max() <= 1


@pytest.mark.parametrize(
    ("dtype", "levels"), [("<u2", 257), (">u2", 257), (np.int32, 257), (np.float32, 1), (np.float32, 1 / 255)]
)
def test_wide_greys_are_averaged_before_they_are_scaled(tmp_path: Path, dtype: str, levels: float) -> None:
    grey = np.maximum(NOISE[..., :1], 255 * (np.arange(2_100)[:, None] < 300)).astype(np.uint8)  # with white paper
    Image.fromarray((grey[..., 0].astype(float) * levels).astype(dtype)).save(tmp_path / "wide.tiff")
    assert np.abs(read_picture(tmp_path / "wide.tiff") - block_means(grey, FACTOR)).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinite_and_nan_pixels_of_large_images_are_refused(tmp_path: Path, value: float) -> None:
    pixels = NOISE[..., 0].astype(np.float32)
    Image.fromarray(pixels).save(tmp_path / "wide.tiff")
    assert read_picture(tmp_path / "wide.tiff").shape == (24, 700, 1)
    pixels[-1, -1] = value
    Image.fromarray(pixels).save(tmp_path / "wide.tiff")
    with pytest.raises(ImageError, match="it has infinite or NaN pixels"):
        read_picture(tmp_path / "wide.tiff")


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("kind", "mode"), [("PNG", "LA"), ("TIFF", "1"), ("TIFF", "RGB"), ("JPEG", "L")])
@pytest.mark.parametrize("size", [(60, 40), (MAX_SIDE + 16, 160)])
def test_every_orientation_is_turned_upright(orientation: int, kind: str, mode: str, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(NOISE[:8, :8]).resize(size)
    content = encoded(image.convert(mode), kind, exif=exif)
    with Image.open(io.BytesIO(content)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened).convert("RGBA"))
    expected = block_means(upright, 1 + (max(size) > MAX_SIDE))
    picture = read_picture(content)
    colors = 3 if picture.shape[2] == 4 else picture.shape[2]
    assert picture.shape[:2] == expected.shape[:2]
    assert np.abs(picture[..., :colors] - expected[..., :colors]).max() <= (6 if kind == "JPEG" else 1)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(1_024, 1_024), (1_025, 513), (2_048, 1_024), (2_049, 513), (4_000, 1_000), (8_192, 1_024), (8_200, 513)],
)
def test_the_longer_side_of_a_jpeg_ends_between_512_and_1024(side: int, expected: int) -> None:
    for size in ((side, 16), (24, side)):
        picture = read_picture(encoded(Image.new("RGB", size), "JPEG"))
        assert max(picture.shape[:2]) == expected


@pytest.mark.parametrize("height", [1, 4, 3_000])
def test_a_jpeg_is_averaged_down(height: int) -> None:
    levels = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, 4_000)).astype(np.uint8)
    picture = read_picture(encoded(Image.fromarray(levels), "JPEG", quality=90))
    assert picture.shape == (-(-height // 4), 1_000, 1)
    assert np.abs(picture - block_means(levels[..., None], 4)).max() <= 2


def test_thin_strokes_in_a_photograph_of_12_megapixels_stay_dark() -> None:
    levels = np.full((3_000, 4_000), 230, np.uint8)
    levels[1_400:1_500, 2_000:2_008] = 40
    picture = read_picture(encoded(Image.fromarray(levels), "JPEG"))[..., 0]
    assert np.abs(picture[355:370, 500:502].astype(int) - 40).max() < 20
    assert picture[355:370, [497, 505]].min() > 200


@pytest.mark.parametrize("size", [(80_000, 1), (1, 80_000), (80_000, 2)])
def test_extreme_proportions_keep_a_pixel_and_both_ends(size: tuple[int, int]) -> None:
    image = Image.new("L", size, 255)
    image.paste(0, (max(0, size[0] - 50), max(0, size[1] - 50), *size))
    picture = read_picture(encoded(image, "PNG"))[..., 0]
    assert sorted(picture.shape) == [1, 1_013]
    assert picture.ravel()[0] == 255 > picture.ravel()[-1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_opened_image_is_not_changed(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(io.BytesIO(encoded(Image.fromarray(NOISE), kind, exif=exif))) as image:
        assert read_picture(image).shape == (700, 24, 3)
        assert (image.size, image.mode, image.getexif()[0x0112]) == ((2_100, 70), "RGB", 6)


def test_an_orientation_that_a_program_sets_is_followed() -> None:
    image = Image.fromarray(NOISE).convert("CMYK")
    image.getexif()[0x0112] = 6
    assert read_picture(image).shape == (700, 24, 3)
