"""The command `bundle`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import BudgetOption, JsonOption, MaxBytesOption, OutOption
from mnist_edge.cli.output import Output


def bundle(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="v1, v2 or a folder written by export.")] = "v2",
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="The package's name, for example digit_reader.")],
    version: Annotated[str, typer.Option(metavar="VERSION", help="The package's version, for example 1.0.")],
    out: OutOption = Path("dist"),
    with_zip: Annotated[bool, typer.Option("--zip", help="Also write the package's folder as a zip archive.")] = False,
    max_parameters: BudgetOption = 25_000,
    max_bytes: MaxBytesOption = 100_000,
    as_json: JsonOption = False,
) -> None:
    """Write a wheel of the predictor and one model, under a name of its own, which needs numpy and onnxruntime only."""
    from mnist_edge.bundling.bundle import make_bundle
    from runtime.contract import ARTIFACTS, MODELS

    folder = ARTIFACTS / model if model in MODELS else Path(model)
    made = make_bundle(
        folder, name, version, out, with_zip=with_zip, max_parameters=max_parameters, max_bytes=max_bytes
    )
    document = asdict(made) | {"wheel": str(made.wheel), "zip": str(made.zip) if made.zip else None}
    lines = [
        f"Bundled {made.model} as {made.name} {made.version}; it passes its self-test.",
        *(f"Written: {path} ({path.stat().st_size:,} bytes)" for path in (made.wheel, made.zip) if path),
        f"Installed, it takes {made.installed_bytes:,} bytes. Install it with: pip install '{made.wheel}[images]'",
    ]
    Output(as_json).result(document, lines)
