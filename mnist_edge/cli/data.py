"""The command `data`, and how the other commands get the MNIST files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.exit_codes import FAILED
from mnist_edge.cli.options import DataOption, JsonOption
from mnist_edge.cli.output import Output, Table, download_progress

if TYPE_CHECKING:
    from mnist_edge.data.mnist import Split, SplitName


def data(
    directory: DataOption = None,
    download: Annotated[bool, typer.Option(help="Download the files that are missing.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Show where the MNIST files are, verify them and download those that are missing."""
    from mnist_edge.data import mnist

    folder, named_by = mnist.data_directory(directory)
    if download and mnist.missing_files(folder):
        with download_progress() as on_progress:
            mnist.download(folder, on_progress)
    files: dict[str, str] = {}
    for file in mnist.FILES.values():
        path = mnist.locate(folder, file)
        if path is not None:
            mnist.read_idx(path, file)
        files[file.name] = str(path) if path else "missing"
    missing = mnist.missing_files(folder)
    Output(as_json).result(
        {"directory": str(folder), "named_by": named_by, "files": files, "missing": missing},
        [
            Table(
                f"{folder} (named by {named_by}); the files found are verified",
                [("file", list(files)), ("path", list(files.values()))],
            )
        ],
    )
    if missing:
        raise typer.Exit(FAILED)


def ensure_data(directory: Path | None, split: "SplitName | None" = None) -> Path:
    """Return the folder of the MNIST files, or of one split's; show the download of missing ones."""
    from mnist_edge.data import mnist

    with download_progress() as on_progress:
        return mnist.ensure_data(directory, on_progress, split)


def load_split(directory: Path | None, split: "SplitName") -> "Split":
    """Load one split of MNIST, downloading it if needed."""
    from mnist_edge.data import mnist

    return mnist.load_split(ensure_data(directory, split), split)
