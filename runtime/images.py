"""Read a picture from any source as 8-bit pixels, with sides of at most `MAX_SIDE`.

Pillow is imported only inside the functions that need it: programs that pass arrays run without it. Large arrays are
shrunk with numpy alone and little memory.
"""

import io
import math
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .contract import PILLOW
from .errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""The formats that are decoded, by Pillow's names. Some of Pillow's other formats start external programs."""
MAX_SIDE = 1_024
"""Larger pictures are shrunk until no side is longer: more pixels tell no more about a digit."""
MAX_PIXELS = 89_000_000
"""The largest image that is decoded, since a small file can claim any size. Pillow itself warns from 89.5 million."""

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image | NDArray[np.uint8]"
"""A path, an image file's bytes, a Pillow image, or pixels uint8 `[H, W]` or `[H, W, 1..4]`."""

_ROWS_PER_STRIP = 32
"""Rows of a shrunk array that are computed together, so that intermediate results stay in the processor's cache."""
_BUFFER_BYTES = 65_536
"""Read from a file at once: most small pictures in a single call."""
_ORIENTATION_TAG = 0x0112
"""The EXIF tag that tells how the camera was held, 1 to 8."""
_FILTERS_LOCK = threading.Lock()


def read_picture(source: ImageSource) -> NDArray[np.uint8]:
    """Return a picture's pixels, turned upright; a larger picture is averaged down to sides of at most `MAX_SIDE`.

    Returns:
        uint8 `[H, W, C]`, C-contiguous; C is 1 (grey), 3 (RGB) or 4 (RGBA).

    Raises:
        ImageError: a file is missing, is not an image, is damaged or has more than `MAX_PIXELS` pixels,
            or an array has the wrong shape or no pixels.
        TypeError: the source is of an unsupported type, or an array is not uint8.
        ModuleNotFoundError: the source is not an array, and Pillow is not installed.
    """
    if isinstance(source, np.ndarray):
        return _check_array(source)
    try:
        return _read_image(source)
    except Warning:
        # The program turns warnings into errors, but Pillow only warns about damage that it reads past. Filters are
        # global before Python 3.14: threads that change them must take turns.
        with _FILTERS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read_image(source)


def _read_image(source: "str | os.PathLike[str] | bytes | bytearray | memoryview | Image") -> NDArray[np.uint8]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise ModuleNotFoundError(
            f"opening image files needs Pillow; install it with: pip install {PILLOW}", name="PIL"
        ) from error
    if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image.Image):
        kind = type(source).__name__
        raise TypeError(f"an image must be a path, bytes, a Pillow image or a uint8 array, not {kind}")
    name = "the image" if isinstance(source, Image.Image) else "the data"
    try:
        if isinstance(source, Image.Image):
            return _to_array(source, name)
        if isinstance(source, bytes | bytearray | memoryview):
            return _to_array(Image.open(io.BytesIO(source), formats=FORMATS), name, is_ours=True)
        name = os.fspath(source)
        with open(name, "rb", _BUFFER_BYTES) as stream:  # noqa: PTH123 (a path may be any os.PathLike)
            return _to_array(Image.open(stream, formats=FORMATS), name, is_ours=True)
    except (ImageError, MemoryError, Warning):
        raise
    except FileNotFoundError as error:
        raise ImageError(f"there is no image file {name}") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder, not an image file") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is in none of the formats {', '.join(FORMATS)}; convert it first") from error
    except Image.DecompressionBombError as error:  # Pillow's limit is twice its `MAX_IMAGE_PIXELS`
        limit = min(2 * (Image.MAX_IMAGE_PIXELS or 0), MAX_PIXELS)
        raise ImageError(f"{name} has too many pixels; scale it down to at most {limit:,}") from error
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions for damaged files
        problem = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} cannot be read as an image: {problem}") from error


def _to_array(image: "Image", name: str, *, is_ours: bool = False) -> NDArray[np.uint8]:
    """Decode an opened image: 8 bits per channel, with transparency, shrunk, upright. Copies only what changes."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name} has {width:,} × {height:,} pixels; scale it down to at most {MAX_PIXELS:,}")
    if is_ours and (factor := _reduction(image.size)) > 1:  # a draft changes the opened image
        # JPEG decoders can scale by 1/2, 1/4 or 1/8, which makes large photographs much cheaper to decode.
        scale = 1 << (factor - 1).bit_length()
        image.draft(None, (max(1, width // scale), max(1, height // scale)))
    image.load()  # turns a TIFF
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    factor = _reduction(image.size)
    is_wide = image.mode[0] in "IF"
    if is_wide:
        mode = "I" if image.mode.startswith("I;") and factor > 1 else image.mode  # only "I" can be reduced
    elif image.has_transparency_data:
        mode = "LA" if image.mode == "LA" else "RGBA"
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if factor > 1:
        image = image.reduce(factor)  # weights colors by their opacity
    if orientation != 1:
        from PIL import ImageOps

        image.getexif()[_ORIENTATION_TAG] = orientation  # conversions lose one that the program has set
        image = ImageOps.exif_transpose(image)
    pixels = np.asarray(image)
    return _check_array(_wide_to_bytes(pixels, name) if is_wide else pixels)


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


def _check_array(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an array of pixels in the form that `read_picture` documents, if possible without a copy.

    Raises:
        ImageError: the array has the wrong shape or no pixels.
        TypeError: it is not uint8.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, 0 to 255, not {pixels.dtype}; scale and convert them first")
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1] if pixels.ndim == 3 else 0
    if not 1 <= channels <= 4 or pixels.size == 0:
        raise ImageError(
            f"an array of shape {list(pixels.shape)} is not an image; pass [height, width] (grey) or "
            "[height, width, channels] with 1 to 4 channels and at least one pixel"
        )
    picture = np.asarray(pixels).reshape(*pixels.shape[:2], channels)
    if channels == 2:
        picture = picture.take((0, 0, 0, 1), axis=2)
    if (factor := _reduction(picture.shape[:2])) > 1:
        rows = factor * _ROWS_PER_STRIP
        strips = [picture[top : top + rows] for top in range(0, len(picture), rows)]
        picture = np.concatenate([_average(strip, factor) for strip in strips])
    return np.ascontiguousarray(picture)


def _reduction(size: tuple[int, ...]) -> int:
    """Return the smallest whole number that sides must be divided by to be at most `MAX_SIDE`."""
    return -(-max(size) // MAX_SIDE)


def _average(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return averages of blocks of `factor` × `factor` pixels, smaller ones at the ends; opacity weights colors."""
    heights, widths = (np.minimum(factor, side - np.arange(0, side, factor)) for side in pixels.shape[:2])
    values, weights = pixels, np.outer(heights, widths)[..., None]
    if pixels.shape[2] == 4:
        values = pixels.astype(np.uint16)
        for color in range(3):  # broadcasting over the last axis is slow
            values[..., color] *= values[..., 3]
    sums = _sum(values, factor)
    if pixels.shape[2] == 4:
        weights = np.where([True, True, True, False], np.maximum(sums[..., 3:], 1), weights)
    return np.rint(sums / weights).astype(np.uint8)


def _sum(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return the sums of blocks of `[H, W, C]`, in the narrowest type that holds them: the narrower, the faster."""
    for _ in range(2):  # down, then across
        largest = np.iinfo(values.dtype).max * min(factor, len(values))
        sums = np.zeros((-(-len(values) // factor), *values.shape[1:]), np.min_scalar_type(largest))
        for start in range(min(factor, len(values))):
            part = values[start::factor]
            sums[: len(part)] += part
        values = sums.swapaxes(0, 1)
    return values
