"""The commands `calibrate` and `export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.data import load_split
from mnist_edge.cli.options import BudgetOption, DataOption, JsonOption, MaxBytesOption, OutOption, check_packaged
from mnist_edge.cli.output import Output


def calibrate(
    checkpoints: Annotated[list[str], typer.Argument(metavar="CHECKPOINT...", help="v1, v2 or checkpoint files.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record each checkpoint's activation ranges and fit its confidence and plausibility."""
    from export.exporter import calibrate as calibrate_checkpoint

    training, output = load_split(data, "train"), Output(as_json)
    documents = []
    for checkpoint in map(_checkpoint_path, checkpoints):
        table = calibrate_checkpoint(checkpoint, training)
        documents.append({"checkpoint": str(checkpoint), "table": str(table)})
        output.text(f"Written: {table}")
    output.result({"models": documents}, ())


def export(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="v1, v2.", show_default="both")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Export this file, with the calibration table beside it.")
    ] = None,
    out: OutOption = Path("artifacts"),
    max_parameters: BudgetOption = 25_000,
    max_bytes: MaxBytesOption = 100_000,
    with_ort: Annotated[
        bool, typer.Option("--ort", help="Add ORT format and the operators that a minimal build needs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Export checkpoints to ONNX: float, int8 and picture to digit. Nothing is replaced unless every check passes."""
    from export.exporter import export_checkpoints
    from mnist_edge.cli import tables
    from runtime.contract import MODELS

    named = [_checkpoint_path(check_packaged(model)) for model in models or ()] + (checkpoint or [])
    paths = named or [_checkpoint_path(model) for model in MODELS]
    reports = export_checkpoints(paths, out, max_parameters=max_parameters, max_bytes=max_bytes, with_ort=with_ort)
    documents = [
        {"folder": str(report.folder), "parity": asdict(report.parity), **report.manifest.to_json()}
        for report in reports
    ]
    Output(as_json).result({"models": documents}, tables.export(out, reports, max_parameters, max_bytes))


def _checkpoint_path(model: str) -> Path:
    """Return the path of a checkpoint; `v1` and `v2` name those of a checkout.

    Raises:
        CheckpointError: the package is installed apart from its checkout.
    """
    from mnist_edge.errors import CheckpointError
    from mnist_edge.files import CHECKPOINT_FILE
    from runtime.contract import ARTIFACTS, MODELS

    if model not in MODELS:
        return Path(model)
    path = ARTIFACTS / model / CHECKPOINT_FILE
    if not path.exists():
        raise CheckpointError(
            f"there is no {path}: checkpoints are not installed. Install the clone by pip install -e '.[train]', or "
            f"name a file, such as artifacts/{model}/{CHECKPOINT_FILE} in the clone"
        )
    return path
