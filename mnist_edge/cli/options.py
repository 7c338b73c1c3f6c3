"""Options that several commands share, and the check of a model's name."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.errors import UnknownNameError

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the four MNIST files.",
        show_default="$MNIST_EDGE_DATA, else the user's cache",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
SeedOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=2**64 - 1, help="The same seed on the same machine gives the same weights."),
]
OutOption = Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Folder to write into.")]
BudgetOption = Annotated[
    int, typer.Option("--max-parameters", metavar="N", min=1, help="Refuse models of N or more parameters.")
]
MaxBytesOption = Annotated[int, typer.Option("--max-bytes", metavar="N", min=1, help="Refuse int8 files over N bytes.")]


def check_packaged(model: str) -> str:
    """Return the name of a packaged model.

    Raises:
        UnknownNameError: there is no such model.
    """
    from runtime.contract import MODELS

    if model not in MODELS:
        raise UnknownNameError(f"there is no model {model!r}; there are {', '.join(MODELS)}")
    return model
