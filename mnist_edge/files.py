"""Write files atomically, compute their digests, and save and load results as JSON."""

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

CHECKPOINT_FILE = "checkpoint.safetensors"
_TEMPORARY_SUFFIX = ".part"
_STALE_AFTER_SECONDS = 3_600
"""Temporary files and folders unchanged for this long were left by a killed process."""
_RESULTS_FORMAT = 1
_Results = TypeVar("_Results", bound="DataclassInstance")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file, and rename the file to `path` when the block succeeds.

    The content is flushed to disk before the rename. If the block raises, `path` stays unchanged and the temporary
    file is removed. Missing parent folders are created.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY_SUFFIX)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's 0600 would hide the file from other users
        fsync_path(temporary)
        temporary.replace(path)
        fsync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def fsync_path(path: Path) -> None:
    """Flush a file or a folder to disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot flush folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder next to `path`, on the same file system, and remove it when the block ends.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():  # otherwise a stale folder may hold the only copy, moved there by a killed `publish`
        _remove_stale(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY_SUFFIX) as folder:
        yield Path(folder)


def _remove_stale(path: Path) -> None:
    """Remove temporary files and folders of `path` that killed processes left behind."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*{_TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            if time.time() - temporary.stat().st_mtime < _STALE_AFTER_SECONDS:
                continue
            if temporary.is_dir():
                shutil.rmtree(temporary)
            else:
                temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, as `atomic_write` does."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in lower-case hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def results_document(results: "DataclassInstance") -> dict[str, Any]:
    """Return results as the JSON document that `save_results` writes."""
    return {"kind": type(results).__name__, "format": _RESULTS_FORMAT, **asdict(results)}


def save_results(path: Path, results: "DataclassInstance") -> None:
    """Write a dataclass of results as JSON, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    write_document(path, results_document(results))


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON document, as `save_results` does."""
    write_bytes(path, f"{json.dumps(document, indent=1)}\n".encode())


def read_document(path: Path, results_type: "type[DataclassInstance]") -> dict[str, Any]:
    """Read a JSON document of results, and check that it is of the given type but not what it holds.

    Raises:
        BenchmarkError: the file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("no object")
        if (content.get("kind"), content.get("format")) != (results_type.__name__, _RESULTS_FORMAT):
            raise ValueError(f"kind {content.get('kind')!r}, format {content.get('format')!r}")
    except (OSError, ValueError) as error:
        raise not_results(path, results_type, error) from error
    return content


def load_results(path: Path, results_type: type[_Results]) -> _Results:
    """Read results of the given type, written by `save_results`.

    Raises:
        BenchmarkError: the file cannot be read or holds something else.
    """
    import msgspec  # not at the top: devices have only the base packages, without msgspec

    try:
        return msgspec.convert(read_document(path, results_type), results_type)
    except msgspec.ValidationError as error:
        raise not_results(path, results_type, error) from error


def not_results(path: Path, results_type: "type[DataclassInstance]", problem: object) -> BenchmarkError:
    """Return the error that a file does not hold results of the given type."""
    expected = f"results of type {results_type.__name__}, format {_RESULTS_FORMAT}"
    return BenchmarkError(f"{path} holds no {expected} ({problem}). Measure again, into a new file.")
