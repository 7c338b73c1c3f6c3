"""The command `score`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated

import typer

from mnist_edge.cli.options import JsonOption
from mnist_edge.cli.output import Output, discarded_stderr, score_progress


def score(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Folder, pattern or file; a path or an address like s3://bucket/photos."),
    ],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="Folder for the table; a path, or an address in S3 or GCS.")
    ],
    model: Annotated[str, typer.Option(metavar="MODEL", help="v1, v2, an ONNX file or its folder.")] = "v2",
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Column of encoded images, if SOURCE is parquet.", show_default="image files"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes that score.", show_default="one per core")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A Ray cluster, or auto.", show_default="Ray on this machine alone"),
    ] = None,
    block: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Pictures scored at a time, and rows of a file.")
    ] = 4_096,
    as_json: JsonOption = False,
) -> None:
    """Write a table of the digit in each of any number of pictures, on one machine or many."""
    from mnist_edge.scoring.run import score as score_pictures
    from runtime import Predictor

    predictor = Predictor(model)
    # Ray writes about its processes, in Python to stdout and from C++ to stderr. What ends the run is raised as well.
    with discarded_stderr() as stderr, redirect_stdout(sys.stderr), score_progress(stderr) as on_progress:
        summary = score_pictures(
            source,
            out,
            predictor,
            column=column,
            pictures_per_block=block,
            resume=resume,
            workers=workers,
            address=address,
            on_progress=on_progress,
        )
    Output(as_json).result(
        {"out": out, **asdict(summary)},
        [
            f"{summary.pictures:,} pictures: {summary.rejected:,} rejected, {summary.unreadable:,} unreadable",
            f"Scored this time: {summary.scored:,} in {summary.seconds:.1f} s by {summary.workers} workers",
            f"Written: {out}",
        ],
    )
