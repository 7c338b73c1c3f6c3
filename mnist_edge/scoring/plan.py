"""The plan of a scoring: which pictures, in which blocks, by which model. It is written before the first block.

In the folder of results, `_plan/blocks.arrow` lists the pictures, a record batch for each block, so that a worker reads
only its own; `_plan/plan.json`, written last, describes the plan. A block's file is named by its number and the plan's
digest, so a file of that name is a finished block of this plan.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import ipc
from pyarrow.fs import FileSelector, LocalFileSystem

from mnist_edge.errors import ScoringError
from mnist_edge.files import fsync_path, write_bytes
from mnist_edge.scoring.sources import Place, Source, Span, divide, list_spans

PLAN_FOLDER = "_plan"
"""Readers of a folder of parquet files pass over names that start with an underscore."""
PLAN_FILE = f"{PLAN_FOLDER}/plan.json"
BLOCKS_FILE = f"{PLAN_FOLDER}/blocks.arrow"
_STORES = ("s3", "gcs")
"""Stores in which a file appears when it is complete. In pyarrow's others, unfinished files can be seen."""
_SCHEMA = pyarrow.schema(
    {"path": pyarrow.string(), "file_bytes": pyarrow.int64(), "first_row": pyarrow.int64(), "pictures": pyarrow.int64()}
)
"""A `Span`."""


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
    """Settings, and the list of pictures that was made: how many, in how many blocks, and the list's SHA-256."""

    settings: Settings
    pictures: int
    blocks: int
    list_sha256: str

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all of it, in hexadecimal."""
        return hashlib.sha256(_document(self)).hexdigest()

    def file_of(self, block: int) -> str:
        """Return the name of a block's file; blocks are counted from 0."""
        return f"{block:08}-{self.digest[:16]}.parquet"

    def pictures_in(self, block: int) -> int:
        """Return the number of pictures of a block; only the last one may have fewer than the others."""
        size = self.settings.pictures_per_block
        return min(size, self.pictures - block * size)


def make_plan(settings: Settings, source: Source, out: Place) -> Plan:
    """List the pictures and write the plan, into a folder that holds at most the beginning of one.

    Raises:
        ScoringError: the folder holds something else, the source cannot be listed, or it has no pictures.
        OSError: a folder cannot be listed or written.
    """
    if not isinstance(out.filesystem, LocalFileSystem) and out.filesystem.type_name not in _STORES:
        raise ScoringError(f"{out} would show files before they are complete; use a folder, s3:// or gs://")
    out.filesystem.create_dir(f"{out.path}/{PLAN_FOLDER}")
    for name in _names(out):
        if name != PLAN_FOLDER:
            raise ScoringError(f"{out} already holds {name}; score into an empty folder")
    digest, pictures, blocks = hashlib.sha256(), 0, 0
    with (
        out.filesystem.open_output_stream(f"{out.path}/{BLOCKS_FILE}") as sink,
        ipc.new_file(sink, _SCHEMA, options=ipc.IpcWriteOptions(compression="zstd")) as writer,
    ):
        for block in divide(list_spans(source), settings.pictures_per_block):
            writer.write_batch(pyarrow.RecordBatch.from_pylist([span._asdict() for span in block], _SCHEMA))
            digest.update(json.dumps(block).encode())
            blocks, pictures = blocks + 1, pictures + sum(span.pictures for span in block)
    if not pictures:
        raise ScoringError(f"there are no {'rows' if source.column else 'image files'} in {source}")
    if isinstance(out.filesystem, LocalFileSystem):
        fsync_path(Path(out.path, BLOCKS_FILE))
    plan = Plan(settings, pictures, blocks, digest.hexdigest())
    write_whole(out, PLAN_FILE, _document(plan))
    return plan


def load_plan(out: Place) -> Plan | None:
    """Return the plan in a folder, or None if there is none.

    Raises:
        ScoringError: it cannot be read.
    """
    try:
        with out.filesystem.open_input_stream(f"{out.path}/{PLAN_FILE}") as stream:
            document: dict[str, Any] = json.loads(stream.read())
        return Plan(**{**document, "settings": Settings(**document["settings"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ScoringError(f"{out}/{PLAN_FILE} cannot be read ({error}); score into another folder") from error


def check_settings(plan: Plan, settings: Settings, out: Place) -> None:
    """Check that a plan has the given settings.

    Raises:
        ScoringError: it has others.
    """
    theirs, ours = asdict(plan.settings), asdict(settings)
    others = [f"{name} was {theirs[name]} and is {ours[name]}" for name in ours if theirs[name] != ours[name]]
    if others:
        raise ScoringError(f"{out} is the result of another plan: {'; '.join(others)}. Score into another folder.")


def pending_blocks(plan: Plan, out: Place) -> list[int]:
    """Return the blocks that are not finished, in order.

    Raises:
        OSError: the folder cannot be listed.
    """
    names = _names(out)
    return [block for block in range(plan.blocks) if plan.file_of(block) not in names]


def read_block(out: Place, block: int) -> list[Span]:
    """Return the pictures of a block, numbered from 0.

    Raises:
        OSError: the plan cannot be read.
    """
    with out.filesystem.open_input_file(f"{out.path}/{BLOCKS_FILE}") as file, ipc.open_file(file) as reader:
        return [Span(**row) for row in reader.get_batch(block).to_pylist()]


def write_whole(out: Place, name: str, content: bytes) -> None:
    """Write a file whole or not at all: through a temporary file in a folder; a store itself sees to it.

    Raises:
        OSError: the file cannot be written.
    """
    if isinstance(out.filesystem, LocalFileSystem):
        write_bytes(Path(out.path, name), content)
    else:
        with out.filesystem.open_output_stream(f"{out.path}/{name}") as stream:
            stream.write(content)


def _names(out: Place) -> set[str]:
    return {entry.base_name for entry in out.filesystem.get_file_info(FileSelector(out.path))}


def _document(plan: Plan) -> bytes:
    return f"{json.dumps(asdict(plan), indent=1)}\n".encode()
