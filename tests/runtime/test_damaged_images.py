"""Damaged image files are read or refused."""

import io

import numpy as np
import pytest
from PIL import Image

from runtime import ImageError
from runtime.images import read_picture

NOISE = np.random.default_rng(0).integers(0, 256, (40, 64), dtype=np.uint8)


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        encoded("PNG")[:45],
        encoded("PNG")[:-500],
        encoded("JPEG")[:-400],
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["empty", "text", "cut header", "cut png", "cut jpeg", "zeros"],
)
def test_damaged_files_are_refused(content: bytes) -> None:
    with pytest.raises(
        ImageError, match=r"the data (cannot be read as an image: |is in none of the formats PNG, JPEG)"
    ):
        read_picture(content)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PPM", "PNG", "TIFF", "WEBP"])
def test_a_file_cut_anywhere_is_an_image_or_an_error(kind: str) -> None:
    content = encoded(kind)
    unreadable = 0
    for length in range(0, len(content), 17):
        try:
            assert read_picture(content[:length]).shape[:2] == NOISE.shape
        except ImageError:
            unreadable += 1
    assert unreadable > len(content) // 34
