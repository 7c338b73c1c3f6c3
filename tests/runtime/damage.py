"""Image files with damage that Pillow reads past or refuses, and reports on stderr in one of its three ways."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 64), dtype=np.uint8)


def _encode(kind: str, mode: str = "L", **options: Any) -> bytearray:
    stream = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(stream, kind, **options)
    return bytearray(stream.getvalue())


def write_files_with_warnings(folder: Path) -> list[Path]:
    """Write files about which Pillow warns in Python; it can read the first two, and refuses the others."""
    png, jpeg, tiff = _encode("PNG"), _encode("JPEG", quality=100), _encode("TIFF")
    control = b"acTL" + struct.pack(">II", 0, 0)  # an animation without frames
    png[33:33] = struct.pack(">I", 8) + control + struct.pack(">I", zlib.crc32(control))
    # Turn by 90 degrees; then a tag whose text lies beyond the end of the file.
    exif = b"Exif\0\0MM\0\x2a" + struct.pack(">IHHHIHHHHIII", 8, 2, 0x0112, 3, 1, 6, 0, 0x010F, 2, 5_000, 99_999, 0)
    jpeg[2:2] = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    width = tiff.index(struct.pack("<H", 256), 8)
    tiff[width + 4] = 3  # widths instead of 1
    contents = {"animation.png": png, "exif.jpg": jpeg, "widths.tiff": tiff, "empty.tiff": tiff[:8]}
    return [_write(folder / name, content) for name, content in contents.items()]


def write_files_that_print(folder: Path) -> list[Path]:
    """Write a fax with wrong codes and a WebP in a TIFF, about which libtiff prints, and one that Pillow logs."""
    fax = _encode("TIFF", "1", compression="group4")
    fax[40:60] = bytes(255 - byte for byte in fax[40:60])
    webp, samples = _encode("TIFF", "RGB", compression="tiff_adobe_deflate"), _encode("TIFF", "RGB")
    compression = webp.index(struct.pack("<HHI", 259, 3, 1))
    webp[compression + 8 : compression + 10] = struct.pack("<H", 50_001)
    samples[samples.index(struct.pack("<HHI", 277, 3, 1)) + 8] = 9
    contents = {"fax.tiff": fax, "webp.tiff": webp, "samples.tiff": samples}
    return [_write(folder / name, content) for name, content in contents.items()]


def _write(path: Path, content: bytearray) -> Path:
    path.write_bytes(content)
    return path
