"""The command `benchmark`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.data import ensure_data
from mnist_edge.cli.options import DataOption, JsonOption, check_packaged
from mnist_edge.cli.output import Output, step_progress

if TYPE_CHECKING:
    from mnist_edge.data.mnist import Split, SplitName


def benchmark(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="v1, v2 or exported folders.", show_default="both")
    ] = None,
    training: Annotated[bool, typer.Option("--training", help="Time one epoch of training instead.")] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Measure the whole way from a picture file to its digit instead.")
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Repetitions of each measurement.", show_default="15, or 5 with --training"
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Add the results to a JSON file, beside other machines'; with --pictures, write them.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw a chart, as PNG.")] = None,
    images: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="With --pictures: pictures of each kind to read.", show_default="100"),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="With --pictures: a checkout or unpacked wheel of another version, to compare with.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure speed, start-up time and memory of the models beside other inference engines.

    Takes five minutes per model. Engines that are not installed are listed; the extra `bench` installs them.

    With --training, one epoch is timed beside an ordinary PyTorch loop; three minutes per model.

    With --pictures, picture files are read beside recipes with OpenCV and Pillow, and beside Tesseract and RapidOCR:
    accuracy and refusals on the pictures of the robustness and rejection suites, and what each costs. Takes 20 minutes
    and needs the extra `suites`.
    """
    from mnist_edge.benchmark.machines import add_machine, read_machines
    from mnist_edge.benchmark.results import Benchmarks, TrainingBenchmarks
    from mnist_edge.cli import benchmark_tables as tables
    from mnist_edge.files import results_document, save_results
    from runtime.contract import ARTIFACTS, MODELS

    output = Output(as_json)
    packaged_only = training or pictures
    names = [name if Path(name).is_dir() and not packaged_only else check_packaged(name) for name in models or MODELS]
    if training and pictures:
        raise typer.BadParameter("choose either --training or --pictures", param_hint="--pictures")
    for option, value in (("--images", images), ("--against", against)):
        if value is not None and not pictures:
            raise typer.BadParameter("needs --pictures", param_hint=option)
    if pictures:
        if plot is not None:
            from mnist_edge.benchmark.plot import plot_pictures  # before the measurement: matplotlib may be missing
        from mnist_edge.benchmark.pictures import benchmark_pictures
        from mnist_edge.evaluation.non_digits import check_packages

        check_packages()
        read = benchmark_pictures(
            names if models else names[::-1],  # the larger one is the default of `predict`
            _available_split(data, "test"),
            images=images or 100,
            rounds=rounds or 15,
            against=against,
            progress=step_progress,
        )
        if results is not None:
            save_results(results, read)
        if plot is not None:
            plot_pictures(plot, read)
        output.result(results_document(read), tables.pictures(read))
        return
    if training:
        if plot is not None:
            raise typer.BadParameter("shows engines; --training has none", param_hint="--plot")
        from mnist_edge.benchmark.training import benchmark_training

        if results is not None:
            read_machines(results, TrainingBenchmarks)  # before the measurement: it may hold something else
        epochs = benchmark_training(names, ensure_data(data), rounds or 5, step_progress)
        if results is not None:
            add_machine(results, epochs)
        output.result(results_document(epochs), tables.training(epochs))
        return
    if plot is not None:
        from mnist_edge.benchmark.plot import plot_benchmark  # before the measurement: matplotlib may be missing
    if results is not None:
        read_machines(results, Benchmarks)
    from mnist_edge.benchmark.runner import benchmark_models

    folders = {name: ARTIFACTS / name if name in MODELS else Path(name) for name in names}
    splits = _available_split(data, "train"), _available_split(data, "test")
    measured = benchmark_models(folders, *splits, rounds or 15, step_progress)
    if results is not None:
        add_machine(results, measured)
    if plot is not None:
        plot_benchmark(plot, measured)
    output.result(results_document(measured), tables.inference(measured))


def _available_split(directory: Path | None, split: "SplitName") -> "Split | None":
    """Load one split of MNIST if its files are there; nothing is downloaded."""
    from mnist_edge.data.mnist import available_data, load_split

    folder = available_data(directory, split)
    return None if folder is None else load_split(folder, split)
