"""Score a source on Ray: plan it, hand its unfinished blocks to workers, and count the rows of the table."""

import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import ray
from pyarrow import dataset
from ray.data import ActorPoolStrategy, DataContext, from_items

from mnist_edge import __version__
from mnist_edge.errors import MnistEdgeError, ScoringError
from mnist_edge.machine import usable_cores
from mnist_edge.scoring.blocks import SCHEMA, Scorer
from mnist_edge.scoring.plan import Plan, Settings, open_plan, pending_blocks
from mnist_edge.scoring.sources import Place, open_place, open_source
from runtime import PredictorError

if TYPE_CHECKING:
    from runtime import Predictor

PICTURES_PER_BLOCK = 4_096
"""A few seconds of work for a worker, of which Ray takes 10 ms. As much is done again when a worker dies."""
_OBJECT_STORE_BYTES = 100_000_000
"""Shared memory of a Ray started here. Only block numbers go through it; the least that Ray accepts is 75 MB."""
_DEATHS_AT_START = 3
"""Workers that may die while they start, one after the other, before the run fails."""
_SECONDS_TO_ANSWER = 10
"""For a cluster, before it is given up. Ray itself tries for minutes."""
_RETRIES = 3
"""Times that a block is tried again after an error of a store that Ray takes for temporary."""


@dataclass(frozen=True)
class Summary:
    """What the table holds, and what was done this time: pictures scored, seconds, and workers."""

    pictures: int
    rejected: int
    unreadable: int
    scored: int
    seconds: float
    workers: int
    model_sha256: str


def score(
    source: str,
    out: str,
    predictor: "Predictor",
    *,
    column: str | None = None,
    pictures_per_block: int = PICTURES_PER_BLOCK,
    resume: bool = False,
    workers: int | None = None,
    address: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _pictures: None,
) -> Summary:
    """Write a table of the digit in each picture: parquet files with the columns `SCHEMA` in the folder `out`.

    If this process or any worker is killed, a call with `resume` completes the table: one row for each picture.

    Args:
        source: a file, a folder, or a pattern like `photos/**/*.png`; a path, or an address that pyarrow can read.
        out: an empty or new folder, or with `resume` that of the interrupted call; a path, or an address in S3 or GCS.
        predictor: the model and its settings.
        column: that of encoded images in parquet files; `a.b` is field b of the structs in a. By default image files.
        pictures_per_block: pictures that a worker scores at a time, which become the rows of a file.
        resume: keep what an interrupted call with the same arguments has finished.
        workers: processes that score; by default one for each core.
        address: a Ray cluster's; by default Ray is started on this machine and stopped again.
        on_progress: called with the number of finished pictures and of all pictures, at the start and after each block.

    Raises:
        ScoringError: there are no pictures, `out` holds something else, or the cluster or a worker fails.
        PredictorError: a worker cannot use the model.
        OSError: the source cannot be listed or read, or `out` not be written.
    """
    started_at = time.perf_counter()
    pictures, place = open_source(source), open_place(out)
    settings = Settings(str(pictures), column, predictor.sha256, __version__, pictures_per_block)
    plan = open_plan(settings, pictures, place, resume=resume)
    pending = pending_blocks(plan, place)
    to_score, size = sum(plan.pictures_in(block) for block in pending), 0
    done = plan.pictures - to_score
    on_progress(done, plan.pictures)
    if pending:
        with _ray(address, workers) as size:
            for count in _score_blocks(pending, size, predictor, pictures, place, plan):
                done += count
                on_progress(done, plan.pictures)
    rejected, unreadable = _count(plan, place)
    seconds = time.perf_counter() - started_at
    return Summary(plan.pictures, rejected, unreadable, to_score, seconds, size, predictor.sha256)


@contextmanager
def _ray(address: str | None, workers: int | None) -> Iterator[int]:
    """Connect to a cluster, or start Ray on this machine, and yield the number of workers to use."""
    options: dict[str, Any] = {"address": address}
    if address is None:
        # Ray's ports are open to the network, behind a token. One for this run need not be kept in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        options = {"address": "local", "num_cpus": workers or usable_cores(), "include_dashboard": False}
        options["object_store_memory"] = _OBJECT_STORE_BYTES
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        if address not in (None, "auto"):
            server = urlsplit(address if "://" in address else f"//{address}")
            socket.create_connection((server.hostname, server.port), _SECONDS_TO_ANSWER).close()
        ray.init(**options, logging_level=logging.ERROR, log_to_driver=False)
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray has set its own
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ScoringError(f"Ray cannot be {f'reached at {address}' if address else 'started'}: {error}") from error
    try:
        yield workers or int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _score_blocks(blocks: Sequence[int], workers: int, *scorer: object) -> Iterator[int]:
    """Yield the number of pictures of each block, as it is finished by one of the workers, each a `Scorer`."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as well
    context = DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    context.retried_map_errors, context.max_map_retries = context.retried_io_errors, _RETRIES
    context.max_consecutive_actor_init_deaths = _DEATHS_AT_START
    finished = from_items(list(blocks), override_num_blocks=len(blocks)).map_batches(
        Scorer,
        batch_size=None,
        compute=ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
        num_cpus=1,
        fn_constructor_args=scorer,
    )
    try:
        for batch in finished.iter_batches(batch_size=None, prefetch_batches=0):
            yield int(batch["pictures"].sum())
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MnistEdgeError | PredictorError | OSError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise ScoringError(f"a worker failed: {error}") from error


def _count(plan: Plan, out: Place) -> tuple[int, int]:
    """Return the numbers of rejected and of unreadable pictures in a table; ScoringError if it is damaged."""
    files = [f"{out.path}/{plan.file_of(block)}" for block in range(plan.blocks)]
    try:
        table = dataset.dataset(files, SCHEMA, "parquet", out.filesystem)
        if (rows := table.count_rows()) != plan.pictures:
            raise ValueError(f"{rows:,} rows for {plan.pictures:,} pictures")
        return tuple(table.count_rows(filter=dataset.field(name).is_valid()) for name in ("rejection", "error"))
    except (OSError, ValueError) as error:
        raise ScoringError(f"the table in {out} is damaged: {error}; delete the file and add --resume") from error
