"""Find, check, read and download the four MNIST files.

Their format is IDX: two zero bytes, a type code (8 for uint8), the number of dimensions, each dimension as a big-endian
uint32, then the values (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits").
"""

import gzip
import hashlib
import math
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
_CACHE = "the user's cache"
_KINDS = {2049: "labels", 2051: "images"}  # by magic number

SplitName = Literal["train", "test"]
Progress = Callable[[str, int, int], None]  # a file's name, the bytes received so far, the total (0 if unknown)


@dataclass(frozen=True)
class IdxFile:
    """One of the four files: its published name, its dimensions and the SHA-256 of its uncompressed content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """The bytes before the values: the magic number (type code and number of dimensions) and each dimension."""
        return struct.pack(f">{1 + len(self.shape)}I", 0x0800 + len(self.shape), *self.shape)


FILES: dict[tuple[SplitName, str], IdxFile] = {
    ("train", "images"): IdxFile(
        "train-images-idx3-ubyte", (60_000, 28, 28), "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    ("train", "labels"): IdxFile(
        "train-labels-idx1-ubyte", (60_000,), "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    ("test", "images"): IdxFile(
        "t10k-images-idx3-ubyte", (10_000, 28, 28), "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    ("test", "labels"): IdxFile(
        "t10k-labels-idx1-ubyte", (10_000,), "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}


@dataclass(frozen=True)
class Split:
    """Images, uint8 `[N, 28, 28]`, bright ink on a dark background, and their labels, uint8 `[N]` in 0..9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_idx(path: Path, expected: IdxFile) -> NDArray[np.uint8]:
    """Return the verified values of one IDX file, plain or gzipped: uint8 of the expected shape, read-only.

    Decompression stops one byte past the expected size, so that a gzip bomb cannot fill the memory.

    Raises:
        DataError: the file is damaged, holds something else, or its content is not MNIST's.
        OSError: the file cannot be opened.
    """
    values_bytes = math.prod(expected.shape)
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content = (gzip.GzipFile(fileobj=file) if gzipped else file).read(len(expected.header) + values_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from error
    if path.suffix == ".gz" and not gzipped:
        raise DataError(f"{path}: is named .gz but is no gzip file")
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise DataError(f"{path}: {_difference(content, expected)}")
    return np.frombuffer(content, np.uint8, values_bytes, len(expected.header)).reshape(expected.shape)


def _difference(content: bytes, expected: IdxFile) -> str:
    """Return the first thing that is wrong with the uncompressed content of a file."""
    header, values = content[: len(expected.header)], content[len(expected.header) :]
    magic, expected_magic = int.from_bytes(header[:4]), int.from_bytes(expected.header[:4])
    total_bytes = len(expected.header) + math.prod(expected.shape)
    if len(header) >= 4 and magic != expected_magic:
        kind, expected_kind = _KINDS.get(magic, "not MNIST"), _KINDS[expected_magic]
        return f"magic number {magic} ({kind}) instead of {expected_magic} ({expected_kind}): is it another file?"
    if len(header) == len(expected.header) and header != expected.header:
        return f"dimensions {struct.unpack(f'>{len(expected.shape)}I', header[4:])} instead of {expected.shape}"
    if len(content) != total_bytes:
        least = "only" if len(content) < total_bytes else "at least"
        return f"{least} {len(content):,} bytes instead of {total_bytes:,}"
    if _KINDS[expected_magic] == "labels" and max(values) >= DIGITS:
        return f"label {max(values)} at position {values.index(max(values))}; labels are 0 to 9"
    digest = hashlib.sha256(content).hexdigest()
    return f"the content's SHA-256 is {digest[:16]}…, the one of MNIST's file is {expected.sha256[:16]}…"


def locate(directory: Path, file: IdxFile) -> Path | None:
    """Return a file's path in a folder, or in torchvision's `MNIST/raw` below it; None if it is in neither.

    The dotted names of some archives (`train-images.idx3-ubyte`) are accepted too.
    """
    names = [f"{name}{suffix}" for name in (file.name, file.name.replace("-idx", ".idx")) for suffix in (".gz", "")]
    paths = (directory / folder / name for folder in (".", "MNIST/raw", "raw") for name in names)
    return next(filter(Path.is_file, paths), None)


def missing_files(directory: Path, split: SplitName | None = None) -> list[str]:
    """Return the names of those of the four files, or of one split's two, that a folder lacks."""
    wanted = [file for (name, _), file in FILES.items() if split in (None, name)]
    return [f"{file.name}.gz" for file in wanted if locate(directory, file) is None]


def _missing_error(directory: Path, missing: Sequence[str], named_by: str = "") -> DataError:
    return DataError(
        f"{directory}{named_by} lacks {len(missing)} of the four MNIST files. Put them there, plain or gzipped: "
        f"{', '.join(missing)}. Or name another folder with --data DIR or {DATA_VARIABLE}."
    )


def data_directory(directory: Path | None = None) -> tuple[Path, str]:
    """Return the folder to look for the data set in, and the setting that chose it.

    In order of precedence: the argument, the variable `MNIST_EDGE_DATA`, the user's cache, which may not exist yet.
    """
    if directory is not None:
        return directory, "--data"
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named), DATA_VARIABLE
    from platformdirs import user_cache_path  # all that pooch.os_cache calls, without the packages that pooch needs

    return user_cache_path("mnist-edge") / "mnist", _CACHE


def available_data(directory: Path | None, split: SplitName | None) -> Path | None:
    """Return the folder that holds a split's files, or all four, without ever downloading.

    None if no folder was named and the user's cache lacks them, or cannot be looked up without the extra `train`.

    Raises:
        DataError: a folder named by the argument or by `MNIST_EDGE_DATA` lacks files.
    """
    try:
        folder, named_by = data_directory(directory)
    except ModuleNotFoundError:
        return None
    missing = missing_files(folder, split)
    if missing and named_by != _CACHE:
        raise _missing_error(folder, missing, f" (named by {named_by})")
    return None if missing else folder


def ensure_data(
    directory: Path | None = None, on_progress: Progress | None = None, split: SplitName | None = None
) -> Path:
    """Return a folder that holds all four files, or a split's two; download them to the user's cache if needed.

    Raises:
        DataError: a folder that was named explicitly lacks files, or no mirror could be reached.
    """
    if (folder := available_data(directory, split)) is None:
        folder, _ = data_directory()
        download(folder, on_progress)
    return folder


def load_split(directory: Path, name: SplitName) -> Split:
    """Read and verify the images and labels of one split.

    Raises:
        DataError: a file is missing or is not MNIST's.
    """
    values = {}
    for kind in ("images", "labels"):
        path = locate(directory, FILES[name, kind])
        if path is None:
            raise _missing_error(directory, missing_files(directory, name))
        values[kind] = read_idx(path, FILES[name, kind])
    return Split(**values)


def download(directory: Path, on_progress: Progress | None = None, mirrors: Sequence[str] | None = None) -> None:
    """Download the files that a folder lacks.

    A file gets its name only after its content has been verified, so a broken download leaves nothing behind. The
    mirrors are base URLs that end with a slash, tried in order; torchvision's by default.

    Raises:
        DataError: no mirror delivered the file.
        OSError: the folder cannot be written.
    """
    if mirrors is None:
        from torchvision.datasets import MNIST

        mirrors = MNIST.mirrors
    directory.mkdir(parents=True, exist_ok=True)
    for file in [file for file in FILES.values() if locate(directory, file) is None]:
        name, problems = f"{file.name}.gz", list[str]()
        for mirror in mirrors:
            try:
                with atomic_write(directory / name) as temporary:
                    _fetch(mirror + name, temporary, file, on_progress)
                    read_idx(temporary, file)
                break
            except (DataError, OSError, HTTPException) as error:
                problems.append(f"{mirror}: {error}")
        else:
            raise DataError(
                f"could not download {name} ({'; '.join(problems)}). Without a network, put the four MNIST files into "
                f"{directory}, or name the folder that holds them with --data DIR or {DATA_VARIABLE}: "
                f"{', '.join(f'{known.name}.gz' for known in FILES.values())}."
            )


def _fetch(url: str, path: Path, file: IdxFile, on_progress: Progress | None) -> None:
    # Not pooch: to limit the size and count the bytes, it needs a progress-bar class longer than this function.
    received_bytes = 0
    limit_bytes = 1_000 + math.prod(file.shape) * 101 // 100  # no gzip file of this content is longer
    with urllib.request.urlopen(url, timeout=30) as response, path.open("wb") as stream:  # noqa: S310 (torchvision's mirrors)
        while chunk := response.read(1 << 16):
            received_bytes += len(chunk)
            if received_bytes > limit_bytes:
                raise DataError(f"{path}: more than {limit_bytes:,} bytes")
            stream.write(chunk)
            if on_progress is not None:
                on_progress(f"{file.name}.gz", received_bytes, int(response.headers.get("Content-Length") or 0))
