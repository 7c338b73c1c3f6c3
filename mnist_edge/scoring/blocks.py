"""Score one block of pictures and write its file: a row for each picture, in the order of the plan."""

import platform
from dataclasses import dataclass
from typing import Any

import pyarrow
from pyarrow import parquet

from mnist_edge import __version__
from mnist_edge.errors import ScoringError
from mnist_edge.scoring.plan import Plan, read_block, write_whole
from mnist_edge.scoring.sources import Place, Source, read_pictures
from runtime import ImageError, Predictor

SCHEMA = pyarrow.schema(
    {
        "path": pyarrow.string(),
        "digit": pyarrow.int8(),
        "confidence": pyarrow.float32(),
        "rejection": pyarrow.string(),
        "error": pyarrow.string(),
        "model_sha256": pyarrow.string(),
    }
)
"""The table of results. `rejection` is a reason's name or null. If `error` is not null, no digit was predicted."""


@dataclass(frozen=True)
class Job:
    """What every worker needs: the predictor, where pictures and results are, and the plan. Can be pickled."""

    predictor: Predictor
    source: Source
    out: Place
    plan: Plan


def score_block(job: Job, block: int) -> int:
    """Write the file of a block and return the number of its pictures.

    Raises:
        ScoringError: this machine has another version of the program, or a file has changed since it was listed.
        ModelError: the model cannot be used on this machine.
        OSError: pictures cannot be read for another reason than theirs, or the file cannot be written.
    """
    if job.plan.settings.mnist_edge != __version__:
        raise ScoringError(
            f"{platform.node()} has mnist-edge {__version__}, but the plan was made by {job.plan.settings.mnist_edge}; "
            "install the same version on every host"
        )
    pictures = read_pictures(job.source, read_block(job.out, block))
    rows = [_row(job.predictor, path, content) for path, content in pictures]
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), sink, compression="zstd")
    write_whole(job.out, job.plan.file_of(block), sink.getvalue().to_pybytes())
    return len(rows)


def _row(predictor: Predictor, path: str, content: bytes | str) -> dict[str, Any]:
    row = {"path": path, "model_sha256": predictor.sha256}
    if isinstance(content, str):
        return {**row, "error": content}
    try:
        prediction = predictor.predict(content)
    except ImageError as error:
        return {**row, "error": str(error)}
    rejection = prediction.rejection
    return {
        **row,
        "digit": prediction.digit,
        "confidence": prediction.confidence,
        "rejection": rejection.reason.label if rejection else None,
    }
