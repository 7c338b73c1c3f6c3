"""Read, check and fetch the four files of MNIST.

The IDX format is the one that the data set's makers describe: two zero bytes, a type code (8 for
uint8), the number of dimensions, each dimension as a big-endian uint32, then the values
(Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits).
"""

import gzip
import hashlib
import os
import struct
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import DataError
from mnist_edge.files import atomic_write

DATA_VARIABLE = "MNIST_EDGE_DATA"
IMAGE_SIZE = 28
DIGITS = 10
_TIMEOUT_SECONDS = 30

SplitName = Literal["train", "test"]
Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes so far and the bytes in all (0 where unknown)."""


@dataclass(frozen=True)
class IdxFile:
    """One of the four files: its published name, its dimensions and the SHA-256 of its content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def magic(self) -> int:
        """The number that opens the file: 2049 for labels, 2051 for images."""
        return 0x0800 + len(self.shape)

    @property
    def header(self) -> bytes:
        """The bytes before the values."""
        return struct.pack(f">{1 + len(self.shape)}I", self.magic, *self.shape)


FILES: dict[tuple[SplitName, str], IdxFile] = {
    ("train", "images"): IdxFile(
        "train-images-idx3-ubyte",
        (60_000, IMAGE_SIZE, IMAGE_SIZE),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    ("train", "labels"): IdxFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    ("test", "images"): IdxFile(
        "t10k-images-idx3-ubyte",
        (10_000, IMAGE_SIZE, IMAGE_SIZE),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    ("test", "labels"): IdxFile(
        "t10k-labels-idx1-ubyte",
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
_MAGIC_NAMES = {2049: "labels", 2051: "images"}


@dataclass(frozen=True)
class Split:
    """Images uint8 `[N, 28, 28]`, ink bright on dark, with labels uint8 `[N]` in 0..9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_idx(path: Path, expected: IdxFile) -> NDArray[np.uint8]:
    """Read one IDX file, plain or gzipped, and check all that can be checked.

    At most one byte more than the expected content is decompressed, whatever the file claims.

    Returns:
        The values, uint8, of the expected shape; read-only.

    Raises:
        DataError: wrong magic or dimensions, too short or too long, damaged gzip, a label
            over 9, or a content that is not MNIST's.
        OSError: the file cannot be opened.
    """
    header_bytes = len(expected.header)
    total_bytes = header_bytes + int(np.prod(expected.shape))
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content = (gzip.GzipFile(fileobj=file) if zipped else file).read(total_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from error

    if path.suffix == ".gz" and not zipped:
        raise DataError(f"{path}: is named .gz but is no gzip file")
    magic = int.from_bytes(content[:4])
    if len(content) >= 4 and magic != expected.magic:
        wanted, found = _MAGIC_NAMES[expected.magic], _MAGIC_NAMES.get(magic)
        if found:
            raise DataError(f"{path} holds {found} where {wanted} belong: are the files swapped?")
        raise DataError(f"{path}: magic number {magic} instead of {expected.magic}: no IDX file of {wanted}")
    if len(content) < header_bytes:
        raise DataError(f"{path}: only {len(content)} bytes, shorter than an IDX header")
    shape = struct.unpack(f">{len(expected.shape)}I", content[4:header_bytes])
    if shape != expected.shape:
        raise DataError(
            f"{path}: dimensions {' × '.join(map(str, shape))} instead of {' × '.join(map(str, expected.shape))}"
        )
    if len(content) != total_bytes:
        problem = f"only {len(content):,}" if len(content) < total_bytes else f"more than {total_bytes:,}"
        raise DataError(f"{path}: {problem} bytes instead of {total_bytes:,}")
    values = np.frombuffer(content, np.uint8, offset=header_bytes).reshape(expected.shape)
    if expected.magic == 2049 and values.max() >= DIGITS:
        raise DataError(f"{path}: label {values.max()} at position {values.argmax()}; labels are 0 to 9")
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected.sha256:
        raise DataError(f"{path}: SHA-256 {digest[:16]}… of the content is not the one of MNIST's file")
    return values


def locate(directory: Path, file: IdxFile) -> Path | None:
    """Find one of the four files in a folder, or in the `MNIST/raw` that torchvision makes there.

    The names with a dot (`train-images.idx3-ubyte`), which some archives hold, count too.
    """
    for folder in (directory, directory / "MNIST" / "raw", directory / "raw"):
        for name in (file.name, file.name.replace("-idx", ".idx")):
            for path in (folder / f"{name}.gz", folder / name):
                if path.is_file():
                    return path
    return None


def missing_files(directory: Path, split: SplitName | None = None) -> list[str]:
    """Name those of the four files, or of one split's two, that a folder lacks."""
    wanted = [file for (name, _), file in FILES.items() if split in (None, name)]
    return [f"{file.name}.gz" for file in wanted if locate(directory, file) is None]


def _missing_message(directory: Path, missing: Sequence[str], named_by: str = "") -> str:
    return (
        f"{directory}{named_by} lacks {len(missing)} of the four MNIST files. Put them there, plain or gzipped: "
        f"{', '.join(missing)}. Or name another folder with --data DIR or {DATA_VARIABLE}."
    )


def cache_directory() -> Path:
    """Give the folder of the user's cache that downloads go to. It need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("mnist-edge") / "mnist"


def data_directory(directory: Path | None = None) -> tuple[Path, str]:
    """Say where the data set is looked for, and which setting said so.

    In this order: the argument, the variable `MNIST_EDGE_DATA`, the user's cache.
    """
    if directory is not None:
        return directory, "--data"
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named), DATA_VARIABLE
    return cache_directory(), "the user's cache"


def ensure_data(
    directory: Path | None = None, on_progress: Progress | None = None, split: SplitName | None = None
) -> Path:
    """Give a folder that holds all four files, or a split's two; the user's cache is filled by download.

    Raises:
        DataError: a folder that was named explicitly lacks files.
        DataError: no mirror could be reached.
    """
    found, said_by = data_directory(directory)
    missing = missing_files(found, split)
    if missing and found != cache_directory():
        raise DataError(_missing_message(found, missing, f" (named by {said_by})"))
    if missing:
        download(found, on_progress)
    return found


def load_split(directory: Path, name: SplitName) -> Split:
    """Read and check the images and labels of one split.

    Raises:
        DataError: a file is missing.
        DataError: a file is not what it should be.
    """
    values = {}
    for kind in ("images", "labels"):
        file = FILES[name, kind]
        path = locate(directory, file)
        if path is None:
            raise DataError(_missing_message(directory, missing_files(directory, name)))
        values[kind] = read_idx(path, file)
    return Split(values["images"], values["labels"])


def download(directory: Path, on_progress: Progress | None = None, mirrors: Sequence[str] | None = None) -> None:
    """Fetch the files that a folder lacks.

    A file gets its name only when its content has been checked, so that a broken download leaves
    nothing behind.

    Args:
        directory: where the files go; made if missing.
        on_progress: told after every piece.
        mirrors: addresses ending in a slash, tried in order; those of torchvision by default.

    Raises:
        DataError: no mirror gave the file.
        OSError: the folder cannot be written.
    """
    if mirrors is None:
        from torchvision.datasets import MNIST

        mirrors = MNIST.mirrors
    directory.mkdir(parents=True, exist_ok=True)
    for file in FILES.values():
        if locate(directory, file) is None:
            _download_file(directory, file, mirrors, on_progress)


def _download_file(directory: Path, file: IdxFile, mirrors: Sequence[str], on_progress: Progress | None) -> None:
    name = f"{file.name}.gz"
    attempts: list[str] = []
    for mirror in mirrors:
        try:
            with atomic_write(directory / name) as temporary:
                _fetch(mirror + name, temporary, file, on_progress)
                read_idx(temporary, file)
        except DataError as error:
            attempts.append(f"{mirror}: {error}")
        except (OSError, HTTPException) as error:
            attempts.append(f"{mirror}: {error}")
        else:
            return
    raise DataError(
        f"could not download {name} ({'; '.join(attempts)}). Without a network, put the four MNIST files into "
        f"{directory}, or name the folder that holds them with --data DIR or {DATA_VARIABLE}: "
        f"{', '.join(f'{known.name}.gz' for known in FILES.values())}."
    )


def _fetch(url: str, path: Path, file: IdxFile, on_progress: Progress | None) -> None:
    done_bytes = 0
    limit_bytes = 1_000 + int(np.prod(file.shape)) * 101 // 100  # no gzip of it is longer
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as stream:  # noqa: S310 (torchvision's mirrors)
        total_bytes = int(response.headers.get("Content-Length") or 0)
        while piece := response.read(1 << 16):
            done_bytes += len(piece)
            if done_bytes > limit_bytes:
                raise DataError(f"{path}: more than {limit_bytes:,} bytes")
            stream.write(piece)
            if on_progress is not None:
                on_progress(f"{file.name}.gz", done_bytes, total_bytes)
