"""Damaged image files: read or refused, in the same way whatever the program's warning filters."""

import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import ImageError
from runtime.images import read_picture
from tests.runtime.damage import NOISE, write_files_that_print, write_files_with_warnings

_READ_IN_THREADS = """
import hashlib, sys, warnings
from concurrent.futures import ThreadPoolExecutor
from runtime import ImageError
from runtime.images import read_picture

def read(path):
    try:
        return hashlib.sha256(read_picture(path)).hexdigest()
    except ImageError as error:
        return str(error)

filters = list(warnings.filters)
with ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(read, sys.argv[1:] * 20))
assert warnings.filters == filters
print("\\n".join(answers))
"""


def read_in_threads(root: Path, files: list[Path], *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *options, "-c", _READ_IN_THREADS, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)


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


def test_damage_that_pillow_only_warns_about_does_no_harm(tmp_path: Path) -> None:
    """These tests turn warnings into errors, as a program may."""
    animation, exif, *refused = write_files_with_warnings(tmp_path)
    assert np.array_equal(read_picture(animation)[..., 0], NOISE)
    assert np.abs(read_picture(exif)[..., 0].astype(int) - np.rot90(NOISE, -1)).max() <= 12
    for path in refused:
        with pytest.raises(ImageError, match=r"cannot be read as an image|in none of the formats"):
            read_picture(path)
    for path in (animation, exif):
        with pytest.raises(UserWarning), Image.open(path) as image:
            image.getexif()


def test_an_opened_image_is_read_despite_warnings(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(write_files_with_warnings(tmp_path)[1])
    with image:
        assert read_picture(image).shape == (64, 40, 1)


def test_answers_do_not_depend_on_warning_filters(tmp_path: Path, root: Path) -> None:
    files = write_files_with_warnings(tmp_path)
    done = {action: read_in_threads(root, files, "-W", action) for action in ("ignore", "always", "error")}
    assert done["ignore"].stdout == done["always"].stdout == done["error"].stdout
    assert len(set(done["error"].stdout.split("\n")[:-1])) == len(files)
    assert done["error"].stderr == done["ignore"].stderr == ""
    assert "UserWarning: Invalid APNG" in done["always"].stderr
    assert "UserWarning: Metadata Warning" in done["always"].stderr


def test_sound_images_and_arrays_print_nothing(tmp_path: Path, root: Path, samples: Path) -> None:
    for kind in ("BMP", "GIF", "JPEG", "PPM", "PNG", "TIFF", "WEBP"):
        (tmp_path / kind).write_bytes(encoded(kind))
    assert read_in_threads(root, [*tmp_path.iterdir(), *samples.iterdir()], "-W", "always").stderr == ""
    printed = read_in_threads(root, write_files_that_print(tmp_path)).stderr
    for message in ("Fax4Decode: Bad code word", "WEBP compression", "More samples per pixel"):
        assert message in printed
