"""Decoding every kind of picture that people have; expected pixels are Pillow's, or calculated by hand."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from runtime import ImageError
from runtime.images import read_picture

RAMP = np.arange(0, 240, 2, dtype=np.uint8).reshape(10, 12)


def png(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def test_every_type_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP)
    content = png(image)
    (tmp_path / "ramp.png").write_bytes(content)
    for source in (tmp_path / "ramp.png", str(tmp_path / "ramp.png"), content, memoryview(content), image, RAMP):
        pixels = read_picture(source)
        assert pixels.flags.c_contiguous
        assert np.array_equal(pixels, RAMP[..., None])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_mode_becomes_eight_bit_channels(mode: str) -> None:
    image = Image.fromarray(np.dstack([RAMP, RAMP.T.reshape(10, 12), RAMP])).convert(mode)
    pixels = read_picture(image)
    assert pixels.dtype == np.uint8
    assert pixels.shape[:2] == (10, 12)
    expected = {"1": "L", "L": "L", "LA": "RGBA", "RGBA": "RGBA"}.get(mode, "RGB")
    assert np.array_equal(pixels.squeeze(), np.asarray(image.convert(expected)))


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(png(deep))[..., 0], RAMP)


@pytest.mark.parametrize(
    "wide",
    [RAMP.astype(np.float32) / 255, RAMP.astype(np.float32), RAMP.astype(np.int32), RAMP.astype(np.int32) * 257],
    ids=["fractions", "float levels", "32 bits holding 8", "32 bits holding 16"],
)
def test_wide_greys_are_scaled_by_the_range_they_use(tmp_path: Path, wide: NDArray[Any]) -> None:
    Image.fromarray(wide).save(tmp_path / "wide.tiff")
    assert np.abs(read_picture(tmp_path / "wide.tiff")[..., 0].astype(int) - RAMP).max() <= 1


def test_levels_beyond_16_bits_are_scaled_by_the_highest(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.int32) * 100_000).save(tmp_path / "wide.tiff")
    expected = RAMP * (255 / RAMP.max())
    assert np.abs(read_picture(tmp_path / "wide.tiff")[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("highest", "white"),
    [
        *((top, top) for top in (255, 1_023, 4_095, 16_383, 65_535, 65_536)),
        *((top + 1, next_top) for top, next_top in ((255, 1_023), (1_023, 4_095), (4_095, 16_383), (16_383, 65_535))),
    ],
)
def test_white_is_the_top_of_the_smallest_usual_range(tmp_path: Path, highest: int, white: int) -> None:
    levels = np.linspace(0, highest, 120).round().astype(np.int32).reshape(10, 12)
    Image.fromarray(levels).save(tmp_path / "wide.tiff")
    assert np.abs(read_picture(tmp_path / "wide.tiff")[..., 0] - levels * (255 / white)).max() <= 0.51


@pytest.mark.parametrize(
    ("highest", "white"), [(1.0, 1), (1.5, 255), (255.0, 255), (256.0, 65_535), (65_535.0, 65_535), (65_536.0, 65_536)]
)
def test_floats_are_scaled_by_the_ranges_of_floats(tmp_path: Path, highest: float, white: int) -> None:
    levels = np.linspace(0, highest, 120).astype(np.float32).reshape(10, 12)
    Image.fromarray(levels).save(tmp_path / "wide.tiff")
    assert np.abs(read_picture(tmp_path / "wide.tiff")[..., 0] - levels * (255 / white)).max() <= 0.51


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinite_and_nan_pixels_are_refused(tmp_path: Path, value: float) -> None:
    pixels = RAMP.astype(np.float32)
    pixels[3, 3] = value
    Image.fromarray(pixels).save(tmp_path / "wide.tiff")
    with pytest.raises(ImageError, match="it has infinite or NaN pixels") as caught:
        read_picture(tmp_path / "wide.tiff")
    assert str(caught.value).startswith(str(tmp_path / "wide.tiff"))


def test_transparent_palette_entries_stay_transparent() -> None:
    image = Image.fromarray((RAMP > 100).astype(np.uint8), "L").convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    pixels = read_picture(png(image, transparency=0))
    assert pixels.shape == (10, 12, 4)
    assert np.array_equal(pixels[..., 3], np.where(RAMP > 100, 255, 0))


def test_a_camera_held_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to view" in the EXIF standard
    pixels = read_picture(png(Image.fromarray(RAMP), exif=exif))
    assert np.array_equal(pixels[..., 0], np.rot90(RAMP, -1))


@pytest.mark.parametrize("suffix", ["bmp", "gif", "jpg", "pgm", "tiff", "webp"])
def test_formats_besides_png_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ramp.{suffix}"
    Image.fromarray(RAMP).save(path, quality=100) if suffix == "jpg" else Image.fromarray(RAMP).save(path)
    pixels = read_picture(path)
    assert np.abs(pixels[..., 0].astype(int) - RAMP).max() <= 12


@pytest.mark.parametrize("source", [None, 7, [[0, 255]], 1.5])
def test_unsupported_types_are_refused(source: Any) -> None:
    with pytest.raises(TypeError, match=f"an image must be a path, bytes, .*, not {type(source).__name__}"):
        read_picture(source)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="there is no image file") as caught:
        read_picture(tmp_path / "none.png")
    assert str(caught.value).endswith(str(tmp_path / "none.png"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, not an image file") as caught:
        read_picture(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["no\0image.png", "n" * 5_000])
def test_impossible_file_names_are_an_error(name: str) -> None:
    with pytest.raises(ImageError, match="cannot be read as an image: "):
        read_picture(name)


def png_header(width: int, height: int) -> bytes:
    """Return a tiny PNG file that claims any size, with an empty body."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(9_000, 10_000), (20_000, 10_000), (100_000, 100_000)])
def test_huge_images_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="pixels; scale it down to at most 89,000,000"):
        read_picture(png_header(*size))


def test_the_limit_of_a_program_that_lowers_pillows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 59)
    with pytest.raises(ImageError, match="the data has too many pixels; scale it down to at most 118"):
        read_picture(png(Image.fromarray(RAMP)))


def test_a_huge_opened_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.images.MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="the image has 12 × 10 pixels"):
        read_picture(Image.fromarray(RAMP))


def test_formats_that_start_programs_are_not_opened(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "ramp.eps")
    with pytest.raises(ImageError, match="none of the formats PNG, JPEG"):
        read_picture(tmp_path / "ramp.eps")


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_levels_of_a_camera_are_scaled_by_its_range(tmp_path: Path, bits: int) -> None:
    """Sensors produce 10 to 14 bits, stored in files of 16."""
    levels = np.linspace(0, 2**bits - 1, 120).round().astype(np.uint16).reshape(10, 12)
    Image.fromarray(levels).save(tmp_path / "raw.tiff")
    assert np.abs(read_picture(tmp_path / "raw.tiff")[..., 0] - levels * (255 / (2**bits - 1))).max() <= 0.5001
