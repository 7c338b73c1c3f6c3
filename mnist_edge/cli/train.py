"""The command `train`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.data import load_split
from mnist_edge.cli.options import DataOption, JsonOption, SeedOption
from mnist_edge.cli.output import Output, training_progress

if TYPE_CHECKING:
    from mnist_edge.training.progress import Step


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="v1, v2, lenet5, cnn or resnet18.")],
    recipe: Annotated[str, typer.Option(metavar="NAME", help="reference, onepass or deploy.")] = "reference",
    seed: SeedOption = 0,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Passes over the training images.", show_default="the recipe's"),
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="PyTorch device: cpu, cuda, mps.")] = "cpu",
    threads: Annotated[int | None, typer.Option(metavar="N", min=1, help="CPU threads.", show_default="all")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Folder to write into.", show_default="runs/MODEL"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted training.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network from scratch and write its checkpoint and a log.

    A resumed training continues after its last finished epoch and ends with the same weights as an uninterrupted one.

    If tensorboard is installed, event files are written beside the log.
    """
    from mnist_edge.cli import tables
    from mnist_edge.files import CHECKPOINT_FILE
    from mnist_edge.training.checkpoint import save_checkpoint
    from mnist_edge.training.loop import train as train_model
    from mnist_edge.training.progress import training_log
    from mnist_edge.training.recipes import find_recipe
    from mnist_edge.training.resume import STATE_FILE, StateFile
    from mnist_edge.training.torch_settings import RunSettings

    chosen = find_recipe(model, recipe)
    if epochs is not None:
        chosen = replace(chosen, epochs=epochs)
    folder = out or Path("runs") / model
    training, test = load_split(data, "train"), load_split(data, "test")
    state = StateFile(folder / STATE_FILE, resume)
    if resume and not state.path.exists():
        print(f"there is no {state.path} to resume from; starting a new training", file=sys.stderr)
    if chosen.drawn_digits or chosen.outliers:
        print("drawing digits and outliers to train on, which takes minutes", file=sys.stderr)
    title = f"{model}, recipe {recipe}, seed {seed}"
    with training_log(folder, title) as log, training_progress(chosen.epochs) as show:

        def on_step(step: "Step") -> None:
            log(step)
            show(step)

        settings = RunSettings(seed=seed, device=device, threads=threads)
        result = train_model(chosen, training, test, settings, state=state, on_step=on_step)
    path = folder / CHECKPOINT_FILE
    save_checkpoint(path, model, result.model, result.facts)
    state.path.unlink(missing_ok=True)
    document = {"checkpoint": str(path), "model": model, "seed": seed, "seconds": result.seconds}
    Output(as_json).result(document | result.facts.metrics, tables.training(model, seed, result, path))
