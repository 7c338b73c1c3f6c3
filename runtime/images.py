"""Turn whatever holds an image into an array of 8-bit pixels.

Pillow is imported by the functions that need it, so that a device program with its own camera
pipeline does without.
"""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import (
    ImageError,
    ImageNotFoundError,
    ImageShapeError,
    ImageTooLargeError,
    ImageTypeError,
    UnreadableImageError,
)
from .ink import MAX_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What is decoded, as Pillow names it. Among the others are some that start programs."""
MAX_PIXELS = 89_000_000
"""More are not decoded: a small file may claim any number. From 89.5 million on Pillow warns of them."""

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image | NDArray[np.uint8]"
"""A path, an image file's bytes, a Pillow image, or pixels uint8 `[H, W]` or `[H, W, 1..4]`."""


def read_image(source: ImageSource) -> NDArray[np.uint8]:
    """Give an image's pixels, upright; those of a large JPEG file at a lower resolution, half of `MAX_SIDE` or more.

    Returns:
        uint8 `[H, W]` (grey), `[H, W, 2]` (grey and alpha), `[H, W, 3]` (RGB) or `[H, W, 4]` (RGBA).

    Raises:
        ImageNotFoundError: there is no such file.
        UnreadableImageError: no image, or a damaged one.
        ImageTooLargeError: more than `MAX_PIXELS` pixels.
        ImageTypeError: no type that holds an image, or an array of another type than uint8.
        ImageShapeError: an array of another shape, or without pixels.
    """
    if isinstance(source, np.ndarray):
        return _check_array(source)
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        with _readable(name), open(name, "rb") as stream:  # noqa: PTH123 (a path may be any os.PathLike)
            return _decode(stream, name)
    if isinstance(source, bytes | bytearray | memoryview):
        with _readable("the data"):
            return _decode(io.BytesIO(source), "the data")
    from PIL import Image

    if isinstance(source, Image.Image):
        with _readable("the image"):
            _check_size(source, "the image")
            return _to_array(source, "the image")
    raise ImageTypeError(f"{type(source).__name__} holds no image: give a path, bytes, a Pillow image or a uint8 array")


def _check_array(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        raise ImageTypeError(f"pixels must be uint8, 0 to 255, not {pixels.dtype}. Scale and convert them first.")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)) or pixels.size == 0:
        raise ImageShapeError(
            f"pixels of shape {list(pixels.shape)} are no image: give [height, width], grey, "
            "or [height, width, 3 or 4], RGB or RGBA, of at least one pixel"
        )
    return pixels


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn whatever opening and decoding raise into this package's errors."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageNotFoundError(name) from error
    except IsADirectoryError as error:
        raise UnreadableImageError(name, "a folder; it holds no image files itself") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, f"none of the formats {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(name, f"over {Image.MAX_IMAGE_PIXELS or MAX_PIXELS:,}", MAX_PIXELS) from error
    except Exception as error:  # Pillow's decoders raise anything for damaged files
        raise UnreadableImageError(name, getattr(error, "strerror", None) or str(error)) from error


def _decode(stream: IO[bytes], name: str) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(stream, formats=FORMATS) as image:
        _check_size(image, name)
        # A JPEG file of a large photograph is decoded to a half, a fourth or an eighth, at a part of the cost.
        image.draft(None, (MAX_SIDE // 2, MAX_SIDE // 2))
        return _to_array(image, name)


def _check_size(image: "Image", name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(name, f"{width:,} × {height:,}", MAX_PIXELS)


def _to_array(image: "Image", name: str) -> NDArray[np.uint8]:
    """Decode an opened image: upright, 8 bits a channel, transparency kept. Copies are made only of what changes."""
    from PIL import ExifTags, ImageOps

    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith("I") or upright.mode == "F":
        return _check_array(_wide_to_bytes(np.asarray(upright), name))
    if upright.has_transparency_data:
        mode = "LA" if upright.mode == "LA" else "RGBA"
    else:
        mode = "L" if upright.mode in ("1", "L") else "RGB"
    return _check_array(np.asarray(upright if upright.mode == mode else upright.convert(mode)))


def _wide_to_bytes(values: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Bring grey levels of 16 or 32 bits, or fractions, to 0..255 by the range that their largest speaks for."""
    highest = float(values.max(initial=0))
    if not math.isfinite(highest + float(values.min(initial=0))):
        raise UnreadableImageError(name, "it holds values that are not finite")
    ranges = (1, 255, 65_535) if values.dtype.kind == "f" else (255, 1_023, 4_095, 16_383, 65_535)
    full = next((full for full in ranges if highest <= full), highest)
    levels = values.astype(np.float32)
    levels *= 255 / full
    np.rint(levels, out=levels).clip(0, 255, out=levels)
    return levels.astype(np.uint8)
