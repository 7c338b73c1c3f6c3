"""The commands `compare`, `ablate` and `report`."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.data import load_split
from mnist_edge.cli.options import DataOption, JsonOption, OutOption, SeedOption
from mnist_edge.cli.output import Output, step_progress, training_progress

_Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Train each network with N seeds.")]
_Processes = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Training runs at once.", show_default="one per core")
]
_Results = Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="Results to write, and to resume from.")]


def compare(
    seeds: _Seeds = 10,
    full: Annotated[bool, typer.Option("--full", help="Also train for the usual number of epochs; an hour.")] = False,
    processes: _Processes = None,
    results: _Results = Path("runs/compare.json"),
    out: OutOption = Path("runs/compare"),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train V1, V2, LeNet-5, a typical CNN and ResNet-18 with several seeds; export and time each.

    Takes a quarter of an hour. An interrupted comparison continues where it stopped.
    """
    from mnist_edge.benchmark.comparison import compare as compare_plans
    from mnist_edge.benchmark.comparison import with_int8
    from mnist_edge.benchmark.exported import measure_int8
    from mnist_edge.benchmark.plans import compared_plans
    from mnist_edge.cli import tables
    from mnist_edge.files import results_document, save_results

    training, test = load_split(data, "train"), load_split(data, "test")
    plans = compared_plans(seeds, full)
    comparison = compare_plans(
        plans, training, test, results, checkpoints=out, processes=processes, progress=step_progress
    )
    if any(network.int8 is None for network in comparison.networks):  # all of them, so that their timings interleave
        paths = {network.name: out / f"{network.name}.safetensors" for network in comparison.networks}
        paths = {name: path for name, path in paths.items() if path.exists()}
        with step_progress("int8", len(paths)) as on_network:
            comparison = with_int8(comparison, measure_int8(paths, training, test, on_network))
        save_results(results, comparison)
    Output(as_json).result(results_document(comparison), tables.comparison(comparison))


def ablate(
    seeds: _Seeds = 5,
    processes: _Processes = None,
    results: _Results = Path("runs/ablations.json"),
    out: OutOption = Path("runs/ablations"),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test the reference's claims: train V2 without each of its claimed features in turn. Takes ten minutes."""
    from mnist_edge.benchmark.comparison import compare as compare_plans
    from mnist_edge.benchmark.plans import claims
    from mnist_edge.cli import tables
    from mnist_edge.files import results_document

    training, test = load_split(data, "train"), load_split(data, "test")
    plans = list(claims(seeds).values())
    comparison = compare_plans(
        plans, training, test, results, checkpoints=out, processes=processes, progress=step_progress
    )
    Output(as_json).result(results_document(comparison), tables.comparison(comparison))


def report(
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="v1, v2, lenet5, cnn, resnet18.", show_default="v1 and v2"),
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME", help="reference or onepass.")] = "onepass",
    seed: SeedOption = 0,
    compared: Annotated[Path | None, typer.Option(metavar="FILE", help="Also draw the results of `compare`.")] = None,
    out: OutOption = Path("runs/report"),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train V1 and V2 for one epoch and draw a page of curves, mistakes, filters and costs. Takes a minute."""
    from mnist_edge.benchmark.comparison import Comparison
    from mnist_edge.files import load_results
    from mnist_edge.report.history import train_with_history
    from mnist_edge.report.page import write_report
    from mnist_edge.training.recipes import find_recipe
    from runtime.contract import MODELS

    recipes = [find_recipe(model, recipe) for model in models or MODELS]
    comparison = None if compared is None else load_results(compared, Comparison)
    training, test = load_split(data, "train"), load_split(data, "test")
    histories = []
    for chosen in recipes:
        with training_progress(chosen.epochs) as on_step:
            histories.append(
                train_with_history(chosen.architecture, training, test, recipe=recipe, seed=seed, on_step=on_step)
            )
    page = write_report(out, histories, test, recipe, seed, comparison)
    Output(as_json).result({"page": str(page)}, [f"Written: {page}"])
