"""The plan of a scoring: which pictures, in which blocks, by which model. It is made before the first block.

In the folder of results, `_plan` is a parquet file that lists the pictures, a row group for each block: a worker reads
only its own. The metadata that describes the plan is added last; a list without it is unfinished. A block's file is
named by its number and the plan's digest, so a file of that name is a finished block of this plan.
"""

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow
from pyarrow.fs import FileSelector, LocalFileSystem
from pyarrow.parquet import ParquetFile, ParquetWriter

from mnist_edge.errors import ScoringError
from mnist_edge.files import fsync_path, write_bytes
from mnist_edge.scoring.sources import Picture, Place, list_pictures

PLAN_FILE = "_plan"
"""Readers of a folder of parquet files pass over names that start with an underscore."""
_STORES = ("s3", "gcs")
"""Stores in which a file appears when it is complete. In pyarrow's others, unfinished files can be seen."""
_SCHEMA = pyarrow.schema({"path": pyarrow.string(), "file_bytes": pyarrow.int64(), "row": pyarrow.int64()})
"""A `Picture`."""


@dataclass(frozen=True)
class Settings:
    """What decides the table: the source and its column, the model's SHA-256, the program, the size of a block."""

    source: str
    column: str | None
    model_sha256: str
    mnist_edge: str
    pictures_per_block: int


@dataclass(frozen=True)
class Plan:
    """Settings, the number of pictures and of blocks, and the SHA-256 of the settings and the list, in hexadecimal."""

    settings: Settings
    pictures: int
    blocks: int
    digest: str

    def file_of(self, block: int) -> str:
        """Return the name of a block's file; blocks are counted from 0."""
        return f"{block:08}-{self.digest[:16]}.parquet"

    def pictures_in(self, block: int) -> int:
        """Return the number of pictures of a block; only the last one may have fewer than the others."""
        size = self.settings.pictures_per_block
        return min(size, self.pictures - block * size)


def open_plan(settings: Settings, source: Place, out: Place, *, resume: bool) -> Plan:
    """Return the plan of an interrupted run with these settings, or list the pictures and write a plan.

    Raises:
        ScoringError: the folder has a plan without `resume`, or one with other settings, or holds something else; the
            source cannot be listed, or has no pictures.
        OSError: a folder cannot be listed or written.
    """
    plan = load_plan(out)
    if plan is None:
        return _make_plan(settings, source, out)
    if not resume:
        raise ScoringError(f"{out} already has a plan; continue it with --resume, or score into another folder")
    theirs, ours = asdict(plan.settings), asdict(settings)
    others = [f"{name} was {theirs[name]} and is {ours[name]}" for name in ours if theirs[name] != ours[name]]
    if others:
        raise ScoringError(f"{out} is the result of another plan: {'; '.join(others)}. Score into another folder.")
    return plan


def load_plan(out: Place) -> Plan | None:
    """Return the plan in a folder, or None if there is none or its list is unfinished."""
    try:
        with _plan_file(out) as file:
            metadata = file.metadata
        document = json.loads(metadata.metadata[b"plan"])
        return Plan(Settings(**document["settings"]), metadata.num_rows, metadata.num_row_groups, document["digest"])
    except (FileNotFoundError, ValueError, TypeError, LookupError):
        return None


def pending_blocks(plan: Plan, out: Place) -> list[int]:
    """Return the blocks that are not finished, in order; OSError if the folder cannot be listed."""
    names = _names(out)
    return [block for block in range(plan.blocks) if plan.file_of(block) not in names]


def read_block(out: Place, block: int) -> list[Picture]:
    """Return the pictures of a block; OSError if the plan cannot be read."""
    with _plan_file(out) as file:
        return [Picture(**row) for row in file.read_row_group(block).to_pylist()]


def write_whole(out: Place, name: str, content: bytes) -> None:
    """Write a file whole or not at all: in a folder through a temporary file, while a store itself sees to it."""
    if isinstance(out.filesystem, LocalFileSystem):
        write_bytes(Path(out.path, name), content)
    else:
        with out.filesystem.open_output_stream(f"{out.path}/{name}") as stream:
            stream.write(content)


def _make_plan(settings: Settings, source: Place, out: Place) -> Plan:
    is_local = isinstance(out.filesystem, LocalFileSystem)
    if not is_local and out.filesystem.type_name not in _STORES:
        raise ScoringError(f"{out} would show files before they are complete; use a folder, s3:// or gs://")
    out.filesystem.create_dir(out.path)
    for name in _names(out) - {PLAN_FILE}:
        raise ScoringError(f"{out} already holds {name}; score into an empty folder")
    document, size, listed = {"settings": asdict(settings)}, settings.pictures_per_block, 0
    pictures, digest = list_pictures(source, settings.column), hashlib.sha256(json.dumps(document).encode())
    with (
        out.filesystem.open_output_stream(f"{out.path}/{PLAN_FILE}") as stream,
        ParquetWriter(stream, _SCHEMA, compression="zstd", write_statistics=False) as writer,
    ):
        while block := list(itertools.islice(pictures, size)):
            columns = map(pyarrow.array, zip(*block, strict=True), _SCHEMA.types)
            writer.write_batch(pyarrow.RecordBatch.from_arrays(list(columns), schema=_SCHEMA))
            digest.update(json.dumps(block).encode())
            listed += len(block)
        if not listed:
            raise ScoringError(f"there are no {'rows' if settings.column else 'image files'} in {source}")
        writer.add_key_value_metadata({"plan": json.dumps({**document, "digest": digest.hexdigest()})})
    if is_local:
        fsync_path(Path(out.path, PLAN_FILE))
    return Plan(settings, listed, -(-listed // size), digest.hexdigest())


def _names(out: Place) -> set[str]:
    return {entry.base_name for entry in out.filesystem.get_file_info(FileSelector(out.path))}


def _plan_file(out: Place) -> ParquetFile:
    return ParquetFile(f"{out.path}/{PLAN_FILE}", filesystem=out.filesystem)
