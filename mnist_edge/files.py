"""Files that are written whole or not at all, their digests, and JSON files of results."""

import glob
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mnist_edge.errors import BenchmarkError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_RESULTS_FORMAT = 1
_Results = TypeVar("_Results", bound="DataclassInstance")

_TEMPORARY_SUFFIX = ".part"
_LEFT_BEHIND_SECONDS = 3_600
"""A temporary file or folder that has not changed for so long belongs to a process that was killed."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    The content reaches the disk before the name changes. If the block raises, the former file
    stays and the temporary one is removed. Folders that are missing are made.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY_SUFFIX)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's 0600 would hide the file from the device's other users
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`, on the same disk; removed when the block ends.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():  # where it does not, what is left may be its last copy, moved aside by a killed process
        _remove_left_behind(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY_SUFFIX) as folder:
        yield Path(folder)


def _remove_left_behind(path: Path) -> None:
    """Remove what killed processes left beside `path`; what is younger may be at work."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < _LEFT_BEHIND_SECONDS:
                continue
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in lower-case hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def save_results(path: Path, results: "DataclassInstance") -> None:
    """Write results as JSON, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    content = {"kind": type(results).__name__, "format": _RESULTS_FORMAT, **asdict(results)}
    write_bytes(path, f"{json.dumps(content, indent=1)}\n".encode())


def load_results(path: Path, kind: type[_Results]) -> _Results:
    """Read results of a kind that `save_results` wrote.

    Raises:
        BenchmarkError: it is no such file.
    """
    import msgspec

    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict)
        if (content.get("kind"), content.get("format")) != (kind.__name__, _RESULTS_FORMAT):
            raise BenchmarkError(f"{path} holds no results of this kind and version. Measure again.")
        return msgspec.convert(content, kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise BenchmarkError(f"{path} holds no results of this kind and version ({error}). Measure again.") from error
