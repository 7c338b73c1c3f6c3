"""The commands `inspect` and `version`."""

import platform
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.exit_codes import REFUSED
from mnist_edge.cli.options import BudgetOption, JsonOption
from mnist_edge.cli.output import Output

if TYPE_CHECKING:
    from mnist_edge.training.layers import Layer

_PACKAGES = ("mnist-edge", "numpy", "onnxruntime", "pillow", "torch", "torchvision", "onnx")


def inspect(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="v1, v2, a checkpoint, an ONNX file or its folder.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid diagram instead.")] = False,
    max_parameters: BudgetOption = 25_000,
    as_json: JsonOption = False,
) -> None:
    """Show a network layer by layer, and whether it is within the parameter budget."""
    from mnist_edge.cli import tables
    from mnist_edge.training.layers import mermaid as draw
    from mnist_edge.training.layers import total_multiply_adds

    if mermaid and as_json:
        raise typer.BadParameter("choose either --json or --mermaid", param_hint="--mermaid")
    layers, parameters = _layers(model)
    stored = sum(layer.parameters for layer in layers)
    within_budget = parameters < max_parameters
    document = {
        "model": model,
        "parameters": parameters,
        "stored_parameters": stored,
        "multiply_adds": total_multiply_adds(layers),
        "within_budget": within_budget,
        "layers": [asdict(layer) for layer in layers],
    }
    verdict = "kept" if within_budget else "exceeded"
    spread = f"; the int8 layout stores {stored:,}" if stored > parameters else ""
    budget = f"Budget of fewer than {max_parameters:,} parameters: {verdict} ({parameters:,}{spread})."
    table = tables.layers(f"{model}, one image", layers)
    Output(as_json).result(document, [draw(layers)] if mermaid else [table, budget])
    if not within_budget:
        raise typer.Exit(REFUSED)


def _layers(model: str) -> "tuple[list[Layer], int]":
    """Return a model's layers and the number of its network's parameters."""
    path = Path(model)
    if path.suffix == ".onnx" or path.is_dir():
        from export.graph import layers_of_graph, load_graph, network_parameters
        from runtime.contract import INT8_FILE

        graph = load_graph(path / INT8_FILE if path.is_dir() else path)
        layers = layers_of_graph(graph)
        parameters = network_parameters(graph)
        return layers, sum(layer.parameters for layer in layers) if parameters is None else parameters
    from mnist_edge.training.checkpoint import load_checkpoint
    from mnist_edge.training.layers import layers_of
    from mnist_edge.training.models import build_model

    layers = layers_of(load_checkpoint(path).model if path.suffix == ".safetensors" else build_model(model))
    return layers, sum(layer.parameters for layer in layers)


def version(as_json: JsonOption = False) -> None:
    """Print the versions of mnist-edge and of the packages that it uses."""
    from importlib import metadata  # slow to import, and `predict` needs none

    versions: dict[str, str | None] = dict.fromkeys(_PACKAGES)
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    versions["python"] = platform.python_version()
    Output(as_json).result(versions, [f"{name} {number or 'not installed'}" for name, number in versions.items()])
