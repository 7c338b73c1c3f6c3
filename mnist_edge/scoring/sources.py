"""List pictures and read them: image files, or a column of encoded images in parquet files, local or in a store."""

import itertools
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from fsspec.utils import glob_translate
from PIL import Image
from pyarrow import Array, compute
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem
from pyarrow.parquet import ParquetFile, read_metadata

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


class Span(NamedTuple):
    """Consecutive pictures of a file: the file's path and bytes, the first row, and how many. An image file has one."""

    path: str
    file_bytes: int
    first_row: int
    pictures: int


@dataclass(frozen=True)
class Place:
    """A file or folder: its file system, its path there, and what in a full name precedes such a path."""

    filesystem: FileSystem
    path: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}{self.path}"


@dataclass(frozen=True)
class Source:
    """Where pictures are: a file or a folder, the pattern of file names in it, and the column of parquet files."""

    place: Place
    pattern: str
    column: str | None

    def __str__(self) -> str:
        return "/".join(filter(None, [str(self.place), self.pattern]))


def open_place(location: str) -> Place:
    """Return the place that a path, or an address like `s3://bucket/folder`, names.

    Raises:
        ScoringError: pyarrow has no file system for the address.
    """
    if "://" not in location:
        return Place(LocalFileSystem(), Path(location).absolute().as_posix())
    try:
        filesystem, path = FileSystem.from_uri(location)
    except (OSError, ValueError) as error:
        raise ScoringError(f"{location} cannot be opened: {str(error).partition(chr(10))[0]}") from error
    is_local = isinstance(filesystem, LocalFileSystem)
    return Place(filesystem, path.rstrip("/"), "" if is_local else f"{location.partition('://')[0]}://")


def open_source(location: str, column: str | None) -> Source:
    """Return the source that a path, an address or a pattern like `photos/**/*.png` names, without listing it.

    Raises:
        ScoringError: pyarrow has no file system for the address.
    """
    path, mark, options = location.partition("?") if "://" in location else (location, "", "")
    if not has_magic(path) or ("://" not in path and Path(path).exists()):
        return Source(open_place(location), "", column)
    parts = path.split("/")
    fixed = list(itertools.takewhile(lambda part: not has_magic(part), parts))
    folder = "/".join([*fixed, ""]) + mark + options
    return Source(open_place(folder), "/".join(parts[len(fixed) :]), column)


def list_spans(source: Source) -> Iterator[Span]:
    """Yield the pictures of each file, in alphabetical order of folders and files; holds only a folder in memory.

    Raises:
        ScoringError: there is nothing at the source, or a parquet file cannot be read or lacks the column.
        OSError: a folder cannot be listed.
    """
    for file in _list_files(source):
        yield Span(file.path, file.size, 0, _count_rows(source, file.path) if source.column else 1)


def divide(spans: Iterator[Span], pictures_per_block: int) -> Iterator[list[Span]]:
    """Yield blocks of consecutive pictures, all but the last one of the given size; long spans are cut."""
    block, room = list[Span](), pictures_per_block
    for span in spans:
        first, end = span.first_row, span.first_row + span.pictures
        while first < end:
            taken = min(room, end - first)
            block.append(span._replace(first_row=first, pictures=taken))
            first, room = first + taken, room - taken
            if not room:
                yield block
                block, room = [], pictures_per_block
    if block:
        yield block


def read_pictures(source: Source, spans: Sequence[Span]) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name of each picture, and its encoded image or why there is none. Reads a few files ahead.

    A row of a parquet file has the name `FILE#ROW`, counted from 0.

    Raises:
        ScoringError: a parquet file is not the one that was listed.
        OSError: a parquet file cannot be read, or a store does not answer.
    """
    if source.column:
        for span in spans:
            yield from _read_rows(source, span)
        return
    with ThreadPoolExecutor(_FILES_AHEAD) as pool:
        ahead = deque[tuple[str, Future[bytes | str]]]()
        for span in spans:
            ahead.append((span.path, pool.submit(_read_file, source.place.filesystem, span.path)))
            if len(ahead) > _FILES_AHEAD:
                path, content = ahead.popleft()
                yield source.place.prefix + path, content.result()
        for path, content in ahead:
            yield source.place.prefix + path, content.result()


def _list_files(source: Source) -> Iterator[FileInfo]:
    """Yield the file at a source, or those of a folder that match the pattern or have the suffix of their kind."""
    place = source.place
    info = place.filesystem.get_file_info(place.path)
    if info.type == FileType.NotFound:
        raise ScoringError(f"there is nothing at {place}")
    if info.type == FileType.File:
        yield info
        return
    pattern, start = re.compile(glob_translate(source.pattern)), len(place.path.rstrip("/")) + 1
    images = tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS)
    suffixes = (".parquet",) if source.column else images
    for file in _walk(place.filesystem, place.path):
        if pattern.match(file.path[start:]) if source.pattern else file.path.lower().endswith(suffixes):
            yield file


def _walk(filesystem: FileSystem, folder: str, above: tuple[str, ...] = ()) -> Iterator[FileInfo]:
    """Yield the files below a folder; a link to one of the folders `above` is not followed."""
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


def _count_rows(source: Source, path: str) -> int:
    try:
        with source.place.filesystem.open_input_file(path) as file:
            metadata = read_metadata(file)
    except (OSError, ValueError) as error:
        raise ScoringError(f"{source.place.prefix}{path} cannot be read as parquet: {error}") from error
    columns = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    usable = [
        column.path
        for column in columns
        if (column.physical_type, column.logical_type.type, column.max_repetition_level) == ("BYTE_ARRAY", "NONE", 0)
    ]
    if source.column not in usable:
        raise ScoringError(
            f"{source.place.prefix}{path} has no column {source.column!r} of encoded images; "
            f"it has {', '.join(usable) or 'no column of bytes'}"
        )
    return int(metadata.num_rows)


def _read_file(filesystem: FileSystem, path: str) -> bytes | str:
    try:
        with filesystem.open_input_stream(path, compression=None) as stream:
            content: bytes = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        # A store may fail for other reasons than this picture: its errors end the run, which can be resumed.
        if not (isinstance(filesystem, LocalFileSystem) or isinstance(error, FileNotFoundError)):
            raise
        return f"the file cannot be read: {error}"
    return content if len(content) <= MAX_FILE_BYTES else f"the file has more than {MAX_FILE_BYTES:,} bytes"


def _read_rows(source: Source, span: Span) -> Iterator[tuple[str, bytes | str]]:
    name = f"{source.place.prefix}{span.path}"
    with source.place.filesystem.open_input_file(span.path) as file:
        if file.size() != span.file_bytes:
            raise ScoringError(f"{name} has changed since its pictures were listed; score it into another folder")
        parquet = ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        end, row = span.first_row + span.pictures, 0
        for group in range(parquet.num_row_groups):
            if row + (rows := parquet.metadata.row_group(group).num_rows) <= span.first_row:
                row += rows
                continue
            for batch in parquet.iter_batches(_ROWS, [group], [source.column], use_threads=False):
                values = _child(batch.column(0), str(source.column).removeprefix(batch.schema.names[0]))
                for index in range(max(span.first_row - row, 0), min(end - row, len(values))):
                    yield f"{name}#{row + index}", values[index].as_py() or "the row has no image"
                row += len(values)
                if row >= end:
                    return


def _child(values: Array, path: str) -> Array:
    """Return a field of a struct, like `.bytes` of a data set's images; an empty path stands for the values."""
    return compute.struct_field(values, path[1:].split(".")) if path else values
