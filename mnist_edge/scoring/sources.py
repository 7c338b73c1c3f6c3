"""List pictures and read them: image files, or a column of encoded images in parquet files, local or in a store."""

import itertools
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from fsspec.utils import glob_translate
from PIL import Image
from pyarrow import RecordBatch, compute, types
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem
from pyarrow.parquet import ParquetFile

from mnist_edge.errors import ScoringError
from runtime.images import FORMATS

MAX_FILE_BYTES = 256 << 20
"""Larger image files are reported instead of read: a file is read whole, and some others with it."""
_FILES_AHEAD = 8
"""Files that are read at once, ahead of the one that is scored: a store takes some milliseconds to answer."""
_ROWS = 16
"""Rows of a parquet file that are decoded at once."""
_BUFFER_BYTES = 1 << 20
"""Buffer for reading a parquet column. Without one pyarrow would read a whole row group into memory."""


class Picture(NamedTuple):
    """A picture: its file, that file's bytes when it was listed, and in a parquet file the row, counted from 0."""

    path: str
    file_bytes: int
    row: int = 0


@dataclass(frozen=True)
class Place:
    """A file, a folder, or the files in it that match a pattern; `prefix` precedes a path there in a full name."""

    filesystem: FileSystem
    path: str
    prefix: str = ""
    pattern: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, [self.prefix + self.path, self.pattern]))


def open_place(location: str) -> Place:
    """Return the file or folder that a path, or an address like `s3://bucket/folder`, names; else a ScoringError."""
    scheme, mark, _ = location.partition("://")
    try:
        filesystem, path = FileSystem.from_uri(location if mark else Path(location).absolute().as_posix())
    except (OSError, ValueError) as error:
        raise ScoringError(f"{location} cannot be opened: {str(error).partition(chr(10))[0]}") from error
    prefix = "" if isinstance(filesystem, LocalFileSystem) else f"{scheme}://"
    return Place(filesystem, path.rstrip("/") or path, prefix)


def open_source(location: str) -> Place:
    """Return what `open_place` does, also for a pattern like `photos/**/*.png`, without listing it."""
    path, mark, options = location.partition("?") if "://" in location else (location, "", "")
    if not has_magic(path) or ("://" not in path and Path(path).exists()):
        return open_place(location)
    parts = path.split("/")
    fixed = next(index for index, part in enumerate(parts) if has_magic(part))
    folder = "/".join([*parts[:fixed], ""]) + mark + options
    return replace(open_place(folder), pattern="/".join(parts[fixed:]))


def list_pictures(source: Place, column: str | None) -> Iterator[Picture]:
    """Yield the image files, or the rows of parquet files if there is a column, a folder and a file after the other.

    Raises:
        ScoringError: there is nothing at the source, or a parquet file cannot be read or lacks the column.
        OSError: a folder cannot be listed.
    """
    info = source.filesystem.get_file_info(source.path)
    if info.type == FileType.NotFound:
        raise ScoringError(f"there is nothing at {source}")
    is_file, start = info.type == FileType.File, len(source.path.rstrip("/")) + 1
    images = tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS)
    suffixes = ("",) if is_file or source.pattern else (".parquet",) if column else images
    pattern = re.compile(glob_translate(source.pattern or "**"))
    for file in [info] if is_file else _walk(source.filesystem, source.path):
        if pattern.match(file.path[start:]) and file.path.lower().endswith(suffixes):
            rows = _count_rows(source, file.path, column) if column else 1
            yield from (Picture(file.path, file.size, row) for row in range(rows))


def read_pictures(source: Place, column: str | None, pictures: Sequence[Picture]) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name of each picture, and its encoded image or why there is none; rows have names like `FILE#ROW`.

    Raises:
        ScoringError: a parquet file is not the one that was listed.
        OSError: a parquet file cannot be read, or a store does not answer.
    """
    if column:
        for _, rows in itertools.groupby(pictures, lambda picture: picture.path):
            yield from _read_rows(source, column, list(rows))
        return
    with ThreadPoolExecutor(_FILES_AHEAD) as pool:
        ahead = deque(pool.submit(_read_file, source, picture.path) for picture in pictures[:_FILES_AHEAD])
        for picture, later in itertools.zip_longest(pictures, pictures[_FILES_AHEAD:]):
            content = ahead.popleft().result()
            if later:
                ahead.append(pool.submit(_read_file, source, later.path))
            yield source.prefix + picture.path, content


def _walk(filesystem: FileSystem, folder: str, above: tuple[str, ...] = ()) -> Iterator[FileInfo]:
    """Yield the files below a folder in alphabetical order; a link to one of the folders `above` is not followed."""
    folders = (*above, os.path.realpath(folder) if isinstance(filesystem, LocalFileSystem) else folder)
    if folders[-1] in above:
        return
    try:
        entries = sorted(filesystem.get_file_info(FileSelector(folder)), key=lambda entry: str(entry.path))
    except UnicodeDecodeError as error:
        raise ScoringError(f"{folder} has a file whose name is not UTF-8; rename it") from error
    for entry in entries:
        if entry.type == FileType.Directory:
            yield from _walk(filesystem, entry.path, folders)
        elif entry.type == FileType.File:
            yield entry


def _count_rows(source: Place, path: str, column: str) -> int:
    try:
        with ParquetFile(path, filesystem=source.filesystem) as file:
            metadata = file.metadata
    except (OSError, ValueError) as error:
        raise ScoringError(f"{source.prefix}{path} cannot be read as parquet: {error}") from error
    columns = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    kinds = {each.path: (each.physical_type, each.logical_type.type, each.max_repetition_level) for each in columns}
    usable = [name for name, kind in kinds.items() if kind == ("BYTE_ARRAY", "NONE", 0)]  # bytes, in no list
    if column not in usable:
        others = f"it has {', '.join(usable) or 'no column of bytes'}"
        raise ScoringError(f"{source.prefix}{path} has no column {column!r} of encoded images; {others}")
    return int(metadata.num_rows)


def _read_file(source: Place, path: str) -> bytes | str:
    try:
        with source.filesystem.open_input_stream(path, compression=None) as stream:
            content: bytes = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        # A store may fail for other reasons than this picture: its errors end the run, which can be resumed.
        if not (isinstance(source.filesystem, LocalFileSystem) or isinstance(error, FileNotFoundError)):
            raise
        return f"the file cannot be read: {error}"
    return content if len(content) <= MAX_FILE_BYTES else f"the file has more than {MAX_FILE_BYTES:,} bytes"


def _read_rows(source: Place, column: str, pictures: Sequence[Picture]) -> Iterator[tuple[str, bytes | str]]:
    """Yield consecutive rows of a parquet file. Row groups before the first row are not read."""
    path, file_bytes, first = pictures[0]
    name = f"{source.prefix}{path}"
    with source.filesystem.open_input_file(path) as file:
        if file.size() != file_bytes:
            raise ScoringError(f"{name} has changed since its pictures were listed; score it into another folder")
        parquet = ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        sizes = (parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups))
        before = [end for end in itertools.accumulate(sizes) if end <= first]
        groups, skipped = range(len(before), parquet.num_row_groups), first - max(before, default=0)
        batches = parquet.iter_batches(_ROWS, groups, [column], use_threads=False)
        images = itertools.chain.from_iterable(map(_images, batches))
        for picture, image in zip(pictures, itertools.islice(images, skipped, skipped + len(pictures)), strict=True):
            yield f"{name}#{picture.row}", image or "the row has no image"


def _images(batch: RecordBatch) -> list[bytes | None]:
    """Return the only column of a batch, or the only field of the structs in it."""
    values = batch.column(0)
    while types.is_struct(values.type):
        values = compute.struct_field(values, [0])
    images: list[bytes | None] = values.to_pylist()
    return images
