"""Pictures and arrays made to do harm. `tests/fuzz` and `test_properties.py` generate other ones at random."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from runtime import ImageError, Prediction, Predictor

MEMORY_BOUND_MB = 1_600
"""The limit in SECURITY.md, for the whole process while it decodes 89 million pixels."""
_MEASURE = """
import sys, warnings
from pathlib import Path
from runtime import Predictor
predictor = Predictor()
warnings.simplefilter("ignore")  # Pillow warns that the image is large
print(predictor.predict(sys.argv[1]).digit)
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def bomb(width: int, height: int, *, bits: int = 8, colour_type: int = 0, orientation: int = 1) -> Iterator[bytes]:
    """Yield the parts of a PNG file, compressed to a thousandth of its pixels: a dark rectangle on light.

    Format: W3C, "Portable Network Graphics (PNG) Specification", third edition, 2025.
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixel = {0: b"\0", 6: b"\0\0\0\xff"}[colour_type] * (bits // 8)
    light = b"\0" + b"\xff" * (width * len(pixel))
    dark = bytearray(light)
    third = width // 3 * len(pixel)
    dark[1 + third : 1 + 2 * third] = pixel * (width // 3)
    packer = zlib.compressobj(1)
    rows = b"".join(
        packer.compress(bytes(dark) if height // 3 <= row < 2 * height // 3 else light) for row in range(height)
    )
    yield b"\x89PNG\r\n\x1a\n"
    yield chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    yield chunk(b"eXIf", b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0))
    yield chunk(b"IDAT", rows + packer.flush())
    yield chunk(b"IEND", b"")


def peak_mb(path: Path, root: Path) -> int:
    """Return the peak memory of a process that predicts a picture."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, path], capture_output=True, text=True, cwd=root, check=True)
    digit, peak = map(int, done.stdout.split())
    assert 0 <= digit <= 9
    return peak


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((50_000, 1_700), {}),
        ((9_400, 9_400), {"colour_type": 6, "orientation": 6}),
        ((9_400, 9_400), {"bits": 16, "orientation": 6}),
    ],
    ids=["50,000 wide", "colours, turned", "16 bits, turned"],
)
def test_a_bomb_below_the_limit_takes_bounded_memory(
    size: tuple[int, int], kind: dict[str, int], tmp_path: Path, root: Path
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(b"".join(bomb(*size, **kind)))
    assert path.stat().st_size < 3_000_000
    assert peak_mb(path, root) < MEMORY_BOUND_MB


def test_a_large_webp_takes_bounded_memory(tmp_path: Path, root: Path) -> None:
    """No other format's decoder holds three copies of the picture."""
    Image.new("RGBA", (9_400, 9_400), "white").save(tmp_path / "large.webp", lossless=True, quality=0, method=0)
    assert MEMORY_BOUND_MB // 2 < peak_mb(tmp_path / "large.webp", root) < MEMORY_BOUND_MB


def test_a_bomb_above_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(b"".join(bomb(50_000, 1_800)))
    with pytest.raises(ImageError, match="has 50,000 × 1,800 pixels; scale it down"):
        Predictor().predict(path)


def test_a_small_bomb_is_an_ordinary_picture(tmp_path: Path) -> None:
    """So only their size decides whether large ones are refused."""
    for name, kind in {"grey": {}, "colours": {"colour_type": 6}, "16 bits": {"bits": 16}}.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(b"".join(bomb(30, 60, **kind)))
        with Image.open(path) as image:
            assert image.size == (30, 60)
            grey = np.asarray(image.convert("RGB") if name == "colours" else image)
        assert grey[0, 0].max() > 0 == grey[30, 15].min()


@pytest.mark.parametrize("shape", [(1, 50_000), (50_000, 1), (4, 50_000), (50_000, 4), (2, 50_000, 3), (1, 1)])
def test_pictures_of_any_proportions_are_predicted(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    prediction = Predictor().predict(pixels)
    assert isinstance(prediction, Prediction)
    assert len(prediction.probabilities) == 10


@pytest.mark.parametrize("shape", [(0, 28), (28, 0), (0, 0), (28, 28, 0), (0,), ()])
def test_images_without_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="is not an image"):
        Predictor().predict(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((28, 28), np.nan),
        np.full((28, 28), np.inf, np.float32),
        np.full((28, 28), None),
        np.full((28, 28), "7"),
        np.zeros((28, 28), [("level", "u1")]),
        np.zeros((28, 28), "M8[s]"),
    ],
    ids=["NaN", "infinite", "objects", "text", "records", "dates"],
)
@pytest.mark.parametrize("method", ["predict", "logits", "classify"])
def test_arrays_of_other_dtypes_are_refused(pixels: NDArray[np.uint8], method: str) -> None:
    with pytest.raises(TypeError, match="pixels must be "):
        getattr(Predictor(), method)(pixels if method == "predict" else pixels[None])


@pytest.mark.parametrize("shape", [(28, 28), (97, 83), (97, 83, 3), (97, 83, 4)])
@pytest.mark.parametrize("memory", ["read-only", "memory-mapped", "reversed", "fortran", "spread", "repeated", "bytes"])
def test_pixels_may_lie_in_memory_in_any_way(shape: tuple[int, ...], memory: str, tmp_path: Path) -> None:
    plain = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    plain[30:60, 20:40] //= 8
    spread = np.zeros((2 * shape[0], 3 * shape[1], *shape[2:]), np.uint8)
    spread[::2, ::3] = plain
    match memory:
        case "read-only":
            taken = plain.copy()
            taken.flags.writeable = False
        case "memory-mapped":
            plain.tofile(tmp_path / "pixels")
            taken = np.memmap(tmp_path / "pixels", np.uint8, "r", shape=shape)
        case "reversed":
            taken = plain[::-1, ::-1].copy()[::-1, ::-1]
        case "fortran":
            taken = np.asfortranarray(plain)
        case "spread":
            taken = spread[::2, ::3]
        case "repeated":  # a stride of 0
            plain = np.broadcast_to(plain[:1], shape).copy()
            taken = np.broadcast_to(plain[:1], shape)
        case _:
            taken = np.frombuffer(plain.tobytes(), np.uint8).reshape(shape)
    before = plain.copy()
    predictor = Predictor()
    assert predictor.predict(taken) == predictor.predict(plain)
    assert np.array_equal(taken, before)
    if shape == (28, 28):
        assert np.array_equal(predictor.logits(taken[None]), predictor.logits(plain[None]))
