"""Replace a folder in one step, so that all of its files change together or none do."""

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_edge.errors import ArtifactError
from mnist_edge.files import folder_beside, fsync_path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a temporary copy of a folder, empty if it does not exist, that is removed when the block ends.

    Raises:
        ArtifactError: the path is a file.
        OSError: the parent folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file, not a folder. Choose another with --out.")
    with folder_beside(folder) as scratch:
        staged = scratch / folder.name
        if folder.is_dir():
            shutil.copytree(folder, staged)
        else:
            staged.mkdir()
        yield staged


def publish(staged: Path, folder: Path) -> None:
    """Put a staged folder in the place of another, after writing it to disk.

    On Linux the two are exchanged in one step. Elsewhere the former folder is moved aside first, and moved back if the
    second step fails.

    Raises:
        OSError: the folder cannot be replaced and is unchanged.
    """
    for path in (*staged.iterdir(), staged):
        fsync_path(path)
    if not folder.exists():
        staged.rename(folder)
    elif not _exchange(staged, folder):
        aside = staged.with_name(f"{staged.name}.former")
        folder.rename(aside)
        try:
            staged.rename(folder)
        except OSError:
            aside.rename(folder)
            raise
    fsync_path(folder.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; return False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)
