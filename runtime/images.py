"""Read an image from any source into an array of 8-bit pixels.

Pillow is imported only inside the functions that need it: programs that pass arrays run without it.
"""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError
from .ink import MAX_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""The formats that are decoded, by Pillow's names. Some of Pillow's other formats start external programs."""
MAX_PIXELS = 89_000_000
"""The largest image that is decoded, since a small file can claim any size. Pillow itself warns from 89.5 million."""

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image | NDArray[np.uint8]"
"""A path, an image file's bytes, a Pillow image, or pixels uint8 `[H, W]` or `[H, W, 1..4]`."""


def read_image(source: ImageSource) -> NDArray[np.uint8]:
    """Return an image's pixels, turned upright.

    Large JPEG files are decoded at a lower resolution, with sides of at least half of `MAX_SIDE`.

    Returns:
        uint8 `[H, W]` (grey), `[H, W, 2]` (grey and alpha), `[H, W, 3]` (RGB) or `[H, W, 4]` (RGBA).

    Raises:
        ImageError: a file is missing, is not an image, is damaged or has more than `MAX_PIXELS` pixels,
            or an array has the wrong shape or no pixels.
        TypeError: the source is of an unsupported type, or an array is not uint8.
    """
    if isinstance(source, np.ndarray):
        return _check_array(source)
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        with _image_errors(name), open(name, "rb") as stream:  # noqa: PTH123 (a path may be any os.PathLike)
            return _decode(stream, name)
    if isinstance(source, bytes | bytearray | memoryview):
        with _image_errors("the data"):
            return _decode(io.BytesIO(source), "the data")
    from PIL import Image

    if isinstance(source, Image.Image):
        with _image_errors("the image"):
            _check_size(source, "the image")
            return _to_array(source, "the image")
    raise TypeError(f"an image must be a path, bytes, a Pillow image or a uint8 array, not {type(source).__name__}")


def _check_array(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, 0 to 255, not {pixels.dtype}; scale and convert them first")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)) or pixels.size == 0:
        raise ImageError(
            f"an array of shape {list(pixels.shape)} is not an image; pass [height, width] (grey) or "
            "[height, width, channels] with 1 to 4 channels and at least one pixel"
        )
    return pixels


@contextmanager
def _image_errors(name: str) -> Iterator[None]:
    """Convert exceptions from opening and decoding an image to `ImageError`."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageError(f"there is no image file {name}") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder, not an image file") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is in none of the formats {', '.join(FORMATS)}; convert it first") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        least = Image.MAX_IMAGE_PIXELS or MAX_PIXELS
        raise ImageError(f"{name} has over {least:,} pixels; scale it down to at most {MAX_PIXELS:,}") from error
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions for damaged files
        problem = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} cannot be read as an image: {problem}") from error


def _decode(stream: IO[bytes], name: str) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(stream, formats=FORMATS) as image:
        _check_size(image, name)
        # JPEG decoders can scale by 1/2, 1/4 or 1/8, which makes large photographs much cheaper to decode.
        image.draft(None, (MAX_SIDE // 2, MAX_SIDE // 2))
        return _to_array(image, name)


def _check_size(image: "Image", name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name} has {width:,} × {height:,} pixels; scale it down to at most {MAX_PIXELS:,}")


def _to_array(image: "Image", name: str) -> NDArray[np.uint8]:
    """Decode an opened image: upright, 8 bits per channel, with transparency. Copies only if something changes."""
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
    """Scale grey levels of 16 or 32 bits, or floats, to 0..255 by the smallest usual range that holds the highest."""
    highest = float(values.max(initial=0))
    if not math.isfinite(highest + float(values.min(initial=0))):
        raise ImageError(f"{name} cannot be read as an image: it has infinite or NaN pixels")
    ranges = (1, 255, 65_535) if values.dtype.kind == "f" else (255, 1_023, 4_095, 16_383, 65_535)
    white = next((white for white in ranges if highest <= white), highest)
    levels = values.astype(np.float32)
    levels *= 255 / white
    np.rint(levels, out=levels).clip(0, 255, out=levels)
    return levels.astype(np.uint8)
