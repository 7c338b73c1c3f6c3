"""The command line: parse, call, print.

Each command imports what it needs itself, so that `--help` and `predict` never pay for PyTorch.
"""

import json
import signal
import sys
from dataclasses import asdict, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperGroup

from mnist_edge.cli import output as console
from mnist_edge.errors import CheckFailedError, MnistEdgeError, UnknownNameError

if TYPE_CHECKING:
    from mnist_edge.benchmark.comparison import Comparison, Plan
    from mnist_edge.data.mnist import Split, SplitName
    from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation
    from mnist_edge.evaluation.rejection import RejectionResult
    from mnist_edge.evaluation.robustness import RobustnessResult
    from mnist_edge.training.layers import Layer
    from mnist_edge.training.progress import Step

FAILED, USAGE, REFUSED, NO_DIGIT, INTERNAL, INTERRUPTED, TERMINATED = 1, 2, 3, 4, 70, 130, 143
_EXIT_CODES = (
    "Exit codes: 0 done, 1 failed (or one of several inputs did), 2 wrong usage, "
    "3 refused by a check (budget, parity, self-test), 4 an image shows no digit, 70 a defect of this program, "
    "130 interrupted, 143 terminated."
)
_MODELS = ("v1", "v2")
_EXTRAS = {
    **dict.fromkeys(
        ("google", "msgspec", "onnx", "onnxscript", "platformdirs", "safetensors", "torch", "torchvision"), "train"
    ),
    **dict.fromkeys(("ai_edge_litert", "ncnn", "openvino", "pnnx"), "bench"),
    "matplotlib": "report",
}
"""Which extra brings a package that may be missing."""
_IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_MANY_IMAGES = 256
_ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


class _Measured(NamedTuple):
    """What was measured of a model, and its ONNX file's path; a checkpoint has neither path nor confidence."""

    path: Path | None
    evaluation: "Evaluation"
    confidence: "ConfidenceEvaluation | None"


class _Commands(TyperGroup):
    """Ends as shells expect when interrupted."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    help="Train, export and run digit networks of under 25,000 parameters.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of the four MNIST files.", show_default="$MNIST_EDGE_DATA"),
]
Suite = Literal["mnist", "robustness", "rejection"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
BudgetOption = Annotated[int, typer.Option("--max-parameters", min=1, help="Refuse models of this many or more.")]


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Take the options of all commands; `main` looks at `--debug` itself."""


@app.command(epilog="Example: mnist-edge train v2 --seed 1 --out runs/v2/checkpoint.safetensors")
def train(
    model: Annotated[str, typer.Argument(help="v1, v2, or to compare with: lenet5, cnn, resnet18.")],
    recipe: Annotated[str, typer.Option(help="reference, onepass or deploy.")] = "reference",
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Same seed, same machine: same weights.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="As PyTorch names it: cpu, cuda, mps.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Of the processor.", show_default="all")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, show_default="runs/MODEL/checkpoint.safetensors")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last whole epoch of a training that was stopped.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network from scratch and write its checkpoint, with a log beside it.

    Where tensorboard is installed, its event files are written too. A training of several epochs keeps its state
    beside the checkpoint until it is done; with --resume it gets the weights that it would have had unbroken.
    """
    from mnist_edge.cli import tables as reports
    from mnist_edge.training.checkpoint import CHECKPOINT_FILE, save_checkpoint
    from mnist_edge.training.loop import train as train_model
    from mnist_edge.training.progress import training_log
    from mnist_edge.training.recipes import find_recipe
    from mnist_edge.training.resume import STATE_FILE, StateFile
    from mnist_edge.training.torch_settings import RunSettings

    chosen = find_recipe(model, recipe)
    chosen = replace(chosen, epochs=epochs or chosen.epochs)
    path = out or Path("runs") / model / CHECKPOINT_FILE
    training, test = _load("train", data), _load("test", data)
    state = StateFile(path.with_name(STATE_FILE), resume)
    if resume and not state.path.exists():
        print(f"there is no {state.path} to go on from; training anew", file=sys.stderr)
    title = f"{model}, recipe {recipe}, seed {seed}"
    with training_log(path.parent, title) as log, console.training_progress(chosen.epochs) as show:

        def on_step(step: "Step") -> None:
            log(step)
            show(step)

        settings = RunSettings(seed=seed, device=device, threads=threads)
        result = train_model(chosen, training, test, settings, state=state, on_step=on_step)
    save_checkpoint(path, model, result.model, result.facts)
    state.path.unlink(missing_ok=True)
    if as_json:
        written = {"checkpoint": str(path), "model": model, "seed": seed, "seconds": result.seconds}
        _print_json({**written, **result.facts.metrics})
    else:
        reports.print_training(model, seed, result, path)


@app.command(epilog="Example: mnist-edge calibrate runs/v2/checkpoint.safetensors")
def calibrate(
    checkpoints: Annotated[list[str], typer.Argument(help="v1 or v2 (those in artifacts), or checkpoint files.")],
    data: DataOption = None,
) -> None:
    """Record the activation ranges of checkpoints, beside them, for their int8 export."""
    from export.exporter import calibrate as calibrate_checkpoint

    training = _load("train", data)
    for checkpoint in checkpoints:
        print(f"Written: {calibrate_checkpoint(_checkpoint_path(checkpoint), training)}")


@app.command(epilog="Example: mnist-edge export --checkpoint runs/v2/checkpoint.safetensors --out my-artifacts")
def export(
    models: Annotated[list[str] | None, typer.Argument(help="v1, v2.", show_default="both")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Export this checkpoint, with the table beside it.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Gets a folder a model.", file_okay=False)] = Path(
        "artifacts"
    ),
    max_parameters: BudgetOption = 25_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Refuse int8 files of more bytes.")] = 100_000,
    as_json: JsonOption = False,
) -> None:
    """Export checkpoints to float and int8 ONNX; nothing is replaced unless every check passes."""
    from export.exporter import export_checkpoints
    from mnist_edge.cli import tables as reports
    from runtime.contract import FLOAT_FILE, INT8_FILE

    named = [_checkpoint_path(_check_model(model)) for model in models or ()] + (checkpoint or [])
    paths = named or [_checkpoint_path(model) for model in _MODELS]
    exported = export_checkpoints(paths, out, max_parameters=max_parameters, max_bytes=max_bytes)
    if as_json:
        _print_json(
            [{"folder": str(model.folder), "parity": asdict(model.parity), **model.manifest} for model in exported]
        )
        return
    differences = {
        model.name: {
            FLOAT_FILE: (model.parity.float_max_difference, 1.0),
            INT8_FILE: (model.parity.int8_max_difference, model.parity.int8_agreement),
        }
        for model in exported
    }
    reports.print_export(out, [model.manifest for model in exported], differences)
    print(f"Budget: fewer than {max_parameters:,} parameters, at most {max_bytes:,} bytes of int8: kept.")
    print(f"Parity with PyTorch on {exported[0].parity.images} drawn digits: kept.")


@app.command(epilog="Example: mnist-edge predict scan.png photos/ --top 3 --json")
def predict(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for standard input.")],
    model: Annotated[str, typer.Option(help="v1, v2, or an ONNX file or its folder.")] = "v2",
    top: Annotated[int, typer.Option(min=1, max=10, help="Name this many digits.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    reject: Annotated[
        bool, typer.Option("--reject/--no-reject", help="Say of what is no digit that it is none.")
    ] = True,
    reject_below: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least confidence of a digit.", show_default="the model's own")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read images.", show_default="all cores if many")
    ] = None,
    explain: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw what the network saw, PNG; of one image.")
    ] = None,
) -> None:
    """Name the digit in each image, a line each; images that cannot be read are reported and passed over."""
    from mnist_edge.cli import tables as reports
    from mnist_edge.machine import usable_cores
    from runtime import ImageError, Predictor, predict_stream

    if as_json and as_csv:
        raise typer.BadParameter("give one of --json and --csv", param_hint="--csv")
    images = _list_images(inputs)
    if explain is not None and (len(images) != 1 or images == ["-"]):
        raise typer.BadParameter("explains one image, of a file", param_hint="--explain")
    predictor = Predictor(model, reject_below=reject_below if reject else 0)
    processes = workers or (usable_cores() if len(images) >= _MANY_IMAGES else 1)
    if as_csv:
        reports.print_csv_header()
    failed = rejected = False
    with console.image_progress(len(images)) as on_image:
        sources = (sys.stdin.buffer.read() if name == "-" else name for name in images)
        for name, found in zip(images, predict_stream(predictor, sources, processes), strict=True):
            on_image()
            if isinstance(found, ImageError):
                failed = True
                said = str(found)
                print(f"error: {said if name in said else f'{name}: {said}'}", file=sys.stderr, flush=True)
                continue
            rejected |= found.rejected is not None
            reports.print_prediction(name, found, top, "json" if as_json else "csv" if as_csv else "text")
            if explain is not None:
                _explain_image(name, explain, reports.describe_prediction(found, top))
    if failed or rejected:
        raise typer.Exit(FAILED if failed else NO_DIGIT)


@app.command(epilog="Example: mnist-edge evaluate artifacts/v1/model.onnx v1 --data ~/mnist")
def evaluate(
    models: Annotated[list[str] | None, typer.Argument(help="v1 or v2 (int8), or files.", show_default="v2")] = None,
    suite: Annotated[
        Suite,
        typer.Option(help="The test images as they are, as photographs and corrupted, or beside what is no digit."),
    ] = "mnist",
    record: Annotated[
        bool, typer.Option("--record", help="Write what is measured into the models' manifests.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure models on MNIST's 10,000 test images: accuracy, digits, confusion, confidence.

    The robustness suite makes 500 pictures of each kind of them; three minutes a model. The rejection suite adds
    pictures that show no digit; half a minute.
    """
    from mnist_edge.cli import tables as reports

    names = models or ["v2"]
    if checkpoints := [name for name in names if Path(name).suffix == ".safetensors"]:
        if record:
            raise typer.BadParameter(f"writes into manifests, and {checkpoints[0]} has none", param_hint="--record")
        if suite != "mnist":
            raise typer.BadParameter(f"needs an exported model, not {checkpoints[0]}", param_hint="--suite")
    test = _load("test", data)
    if suite == "robustness":
        fields = {name: _evaluate_robustness(name, test, record) for name in names}
        if as_json:
            facts = [reports.robustness_facts(name, results) for name, results in fields.items()]
            _print_json(facts[0] if len(facts) == 1 else {"models": facts})
        else:
            reports.print_robustness(fields)
        return
    if suite == "rejection":
        rejections = {name: _evaluate_rejection(name, test, record) for name in names}
        if as_json:
            facts = [{"model": name, **asdict(found)} for name, found in rejections.items()]
            _print_json(facts[0] if len(facts) == 1 else {"models": facts})
        else:
            reports.print_rejections(rejections)
        return
    measured = {name: _evaluate(name, test) for name in names}
    if record:
        _record(measured)
    if as_json:
        facts = [reports.evaluation_facts(name, found.evaluation, found.confidence) for name, found in measured.items()]
        _print_json(facts[0] if len(facts) == 1 else {"models": facts})
    else:
        reports.print_evaluations({name: (found.evaluation, found.confidence) for name, found in measured.items()})


@app.command(epilog="Example: mnist-edge benchmark v2 --json v2.json --plot v2.png")
def benchmark(
    models: Annotated[
        list[str] | None, typer.Argument(help="v1, v2, or exported folders.", show_default="both")
    ] = None,
    training: Annotated[bool, typer.Option("--training", help="Time one epoch of training instead.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Of each measurement.", show_default="15; 5")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a bar chart, PNG.")] = None,
    data: DataOption = None,
) -> None:
    """Measure the models against what else would run them, or their training against the ordinary way.

    Takes five minutes a model, or three with --training. Engines that are not installed are named; the extra `bench`
    has them all. Runs in a checkout of the repository only.
    """
    from mnist_edge.cli import benchmark_tables as reports
    from mnist_edge.files import save_results

    chosen = [model if Path(model).is_dir() and not training else _check_model(model) for model in models or _MODELS]
    if training:
        if plot is not None:
            raise typer.BadParameter("draws the engines; with --training there are none", param_hint="--plot")
        from mnist_edge.benchmark.training import benchmark_training

        timed = benchmark_training(chosen, _directory(data), rounds or 5, console.step_progress)
        reports.print_training_benchmark(timed)
        if json_file is not None:
            save_results(json_file, timed)
        return
    if plot is not None:
        from mnist_edge.benchmark.plot import plot_benchmark  # its package is missed now, not after ten minutes
    from mnist_edge.benchmark.runner import benchmark_models

    folders = {model: _ARTIFACTS / model if model in _MODELS else Path(model) for model in chosen}
    splits = _load("train", data), _load("test", data)
    measured = benchmark_models(folders, *splits, rounds or 15, console.step_progress)
    reports.print_benchmark(measured)
    if json_file is not None:
        save_results(json_file, measured)
    if plot is not None:
        plot_benchmark(plot, measured)


SeedsOption = Annotated[int, typer.Option(min=1, help="Trainings of each.")]
ProcessesOption = Annotated[int | None, typer.Option(min=1, help="Trainings at once.", show_default="one a core")]
ResultsOption = Annotated[Path, typer.Option("--json", metavar="FILE", help="Results; those in it are kept.")]
CheckpointsOption = Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Gets the first seed's weights.")]


@app.command(epilog="Example: mnist-edge compare --seeds 3 --json compare.json")
def compare(
    seeds: SeedsOption = 10,
    full: Annotated[bool, typer.Option("--full", help="Add each network's usual number of epochs; an hour.")] = False,
    processes: ProcessesOption = None,
    results: ResultsOption = Path("runs/compare.json"),
    checkpoints: CheckpointsOption = Path("runs/compare"),
    data: DataOption = None,
) -> None:
    """Train V1, V2, LeNet-5, a typical CNN and ResNet-18 with several seeds, and export and time each.

    Takes a quarter of an hour. When interrupted it goes on where it stopped.
    """
    from mnist_edge.benchmark.comparison import with_int8
    from mnist_edge.benchmark.exported import measure_int8
    from mnist_edge.benchmark.plans import compared_plans
    from mnist_edge.cli import tables as reports
    from mnist_edge.files import save_results

    found = _compare(compared_plans(seeds, full), data, results, checkpoints, processes)
    if any(one.int8 is None for one in found.networks):  # all together, so that they are timed in turn
        paths = {one.name: checkpoints / f"{one.name}.safetensors" for one in found.networks}
        paths = {name: path for name, path in paths.items() if path.exists()}
        training, test = _load("train", data), _load("test", data)
        with console.step_progress("int8", len(paths)) as on_network:
            found = with_int8(found, measure_int8(paths, training, test, on_network))
        save_results(results, found)
    reports.print_comparison(found)


@app.command(epilog="Example: mnist-edge ablate --seeds 3 --json ablations.json")
def ablate(
    seeds: SeedsOption = 5,
    processes: ProcessesOption = None,
    results: ResultsOption = Path("runs/ablations.json"),
    checkpoints: CheckpointsOption = Path("runs/ablations"),
    data: DataOption = None,
) -> None:
    """Test the reference's claims for V2 one by one: train it without each. Takes ten minutes."""
    from mnist_edge.benchmark.plans import claims
    from mnist_edge.cli import tables as reports

    plans = [claim.plan for claim in claims(seeds)]
    reports.print_comparison(_compare(plans, data, results, checkpoints, processes))


@app.command(epilog="Example: mnist-edge report my-report && open my-report/index.html")
def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", file_okay=False, help="Folder that gets the page.")],
    models: Annotated[
        list[str] | None, typer.Option("--model", help="v1, v2, lenet5, cnn, resnet18.", show_default="v1 and v2")
    ] = None,
    recipe: Annotated[str, typer.Option(help="reference or onepass.")] = "onepass",
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Of the training.")] = 0,
    compared: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Results of `mnist-edge compare` to draw.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Train V1 and V2 for one epoch and draw a page of it: curves, mistakes, filters, costs. Takes a minute."""
    from mnist_edge.benchmark.comparison import Comparison
    from mnist_edge.files import load_results
    from mnist_edge.report.history import train_with_history
    from mnist_edge.report.page import write_report
    from mnist_edge.training.recipes import find_recipe

    names = models or list(_MODELS)
    chosen = [find_recipe(name, recipe) for name in names]
    found = None if compared is None else load_results(compared, Comparison)
    training, test = _load("train", data), _load("test", data)
    networks = []
    for one in chosen:
        with console.training_progress(one.epochs) as on_step:
            networks.append(
                train_with_history(one.architecture, training, test, recipe=recipe, seed=seed, on_step=on_step)
            )
    print(f"Written: {write_report(out, networks, test, recipe, seed, found)}")


@app.command(epilog="Example: mnist-edge inspect artifacts/v2/model.int8.onnx")
def inspect(
    model: Annotated[str, typer.Argument(help="v1, v2, a checkpoint, an ONNX file or its folder.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid diagram instead.")] = False,
    max_parameters: BudgetOption = 25_000,
    as_json: JsonOption = False,
) -> None:
    """Show a network layer by layer, and whether it keeps the budget of parameters."""
    from mnist_edge.cli import tables as reports
    from mnist_edge.training.layers import mermaid as draw
    from mnist_edge.training.layers import total_multiply_adds

    layers, parameters = _layers(model)
    stored = sum(layer.parameters for layer in layers)
    kept = parameters < max_parameters
    if mermaid:
        print(draw(layers))
    elif as_json:
        totals = {"parameters": parameters, "stored_parameters": stored, "multiply_adds": total_multiply_adds(layers)}
        listed = [asdict(layer) for layer in layers]
        _print_json({"model": model, **totals, "within_budget": kept, "layers": listed})
    else:
        reports.print_layers(f"{model}, one image", layers)
        verdict = "kept" if kept else "exceeded"
        spread = f"; laid out for int8 they are {stored:,}" if stored > parameters else ""
        print(f"Budget of fewer than {max_parameters:,} parameters: {verdict} ({parameters:,}{spread}).")
    if not kept:
        raise typer.Exit(REFUSED)


@app.command(epilog="Example: mnist-edge selftest v2 && start-the-device")
def selftest(
    models: Annotated[
        list[str] | None, typer.Argument(help="v1, v2, ONNX files or their folders.", show_default="v1 v2")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that models give the logits on this machine that they gave where they were exported."""
    from runtime import Predictor, PredictorError
    from runtime.errors import SelftestError

    found: dict[str, Any] = {}
    code = 0
    for model in models or _MODELS:
        try:
            report = Predictor(model).selftest()
        except PredictorError as error:
            found[model] = {"error": str(error)}
            code = max(code, REFUSED if isinstance(error, SelftestError) else FAILED)
            print(f"error: {model}: {error}", file=sys.stderr, flush=True)
            continue
        found[model] = asdict(report)
        if not as_json:
            print(
                f"{model}: passed; the logits of {report.images} golden images differ by at most "
                f"{report.max_difference:.3g} (allowed: {report.tolerance:.3g})"
            )
    if as_json:
        _print_json(found)
    if code:
        raise typer.Exit(code)


@app.command(name="data", epilog="Example: mnist-edge data --data ~/mnist")
def show_data(
    data: DataOption = None,
    download: Annotated[bool, typer.Option(help="Fetch what is missing.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Show where the MNIST files are looked for, check them, and fetch those that are missing."""
    from mnist_edge.data import mnist as files

    directory, said_by = files.data_directory(data)
    if download and files.missing_files(directory):
        with console.download_progress() as on_progress:
            files.download(directory, on_progress)
    rows: list[tuple[str, str]] = []
    for file in files.FILES.values():
        path = files.locate(directory, file)
        if path is not None:
            files.read_idx(path, file)
        rows.append((file.name, str(path) if path else "missing"))
    missing = files.missing_files(directory)
    if as_json:
        _print_json({"directory": str(directory), "named_by": said_by, "files": dict(rows), "missing": missing})
    else:
        console.print_table(f"{directory} (named by {said_by})", ("file", "found and verified"), rows)
    if missing:
        raise typer.Exit(FAILED)


@app.command(epilog="Example: mnist-edge version --json")
def version(as_json: JsonOption = False) -> None:
    """Print the versions of this program and of what it stands on."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    found: dict[str, str | None] = {}
    for package in ("mnist-edge", "numpy", "onnxruntime", "pillow", "torch", "torchvision", "onnx"):
        try:
            found[package] = version_of(package)
        except PackageNotFoundError:
            found[package] = None
    found["python"] = platform.python_version()
    if as_json:
        _print_json(found)
        return
    for package, number in found.items():
        print(f"{package} {number or 'not installed'}")


def main() -> None:
    """Run the command line; every error becomes a line on stderr and an exit code."""
    debug = "--debug" in sys.argv
    if isinstance(sys.stdout, TextIOWrapper):  # a pipe of a narrow encoding is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    # Ended in order, what was done is printed and no process is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        app(prog_name="mnist-edge")
    except Exception as error:
        if debug:
            raise
        code, message = _explain(error)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(code)


def _explain(error: Exception) -> tuple[int, str]:
    """Give an error's exit code and what to tell the user."""
    from runtime.errors import PredictorError, SelftestError

    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if extra := _EXTRAS.get(package):
            return FAILED, (
                f"this command needs the package {error.name!r}. Install it with: pip install 'mnist-edge[{extra}]'"
            )
    if isinstance(error, UnknownNameError):
        return USAGE, str(error)
    if isinstance(error, CheckFailedError | SelftestError):
        return REFUSED, str(error)
    if isinstance(error, MnistEdgeError | PredictorError | OSError):
        return FAILED, str(error)
    return INTERNAL, f"{type(error).__name__}: {error}. This is a defect; mnist-edge --debug … shows where."


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _check_model(model: str) -> str:
    if model not in _MODELS:
        raise UnknownNameError(f"there is no model {model!r}; there are {', '.join(_MODELS)}")
    return model


def _checkpoint_path(model: str) -> Path:
    """Give the path of a checkpoint: `v1` and `v2` mean the committed ones."""
    from mnist_edge.training.checkpoint import CHECKPOINT_FILE

    return _ARTIFACTS / model / CHECKPOINT_FILE if model in _MODELS else Path(model)


def _load(split: "SplitName", directory: Path | None) -> "Split":
    from mnist_edge.data import mnist as files

    return files.load_split(_directory(directory, split), split)


def _directory(directory: Path | None, split: "SplitName | None" = None) -> Path:
    """Give the folder of the data set, or of a split's part, and show the download of what is missing."""
    from mnist_edge.data.mnist import ensure_data

    with console.download_progress() as on_progress:
        return ensure_data(directory, on_progress, split)


def _list_images(inputs: list[str]) -> list[str]:
    """Name each image: files as they are, those of a folder in order, and `-`."""
    names: list[str] = []
    for name in inputs:
        if name != "-" and Path(name).is_dir():
            found = sorted(str(path) for path in Path(name).iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
            names += found or [name]  # a folder without images is passed on, to be reported like a file that is none
        else:
            names.append(name)
    return names


def _explain_image(name: str, path: Path, verdict: str) -> None:
    from mnist_edge.cli.explanation import save_explanation
    from runtime.preprocess import prepare

    steps: dict[str, Any] = {}
    prepare(name, steps=steps)
    save_explanation(path, steps, f"{name}: {verdict}")


def _evaluate(model: str, test: "Split") -> _Measured:
    from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation, expected_calibration_error

    if Path(model).suffix == ".safetensors":
        from mnist_edge.training.checkpoint import load_checkpoint
        from mnist_edge.training.loop import evaluate_model

        return _Measured(None, evaluate_model(load_checkpoint(Path(model)).model, test), None)
    from runtime import Predictor

    predictor = Predictor(model)
    digits, probabilities = predictor.classify(test.images)
    confidences = probabilities.max(axis=1)
    error = expected_calibration_error(confidences, digits == test.labels)
    confidence = ConfidenceEvaluation(error, float((confidences < predictor.reject_below).mean()))
    return _Measured(Path(predictor.path), Evaluation.of(digits, test.labels), confidence)


def _evaluate_robustness(model: str, test: "Split", record: bool) -> "list[RobustnessResult]":
    from mnist_edge.evaluation.robustness import KINDS, evaluate_robustness
    from runtime import Predictor

    predictor = Predictor(model)
    with console.step_progress(f"robustness suite, {model}", len(KINDS)) as on_kind:
        results = evaluate_robustness(predictor.predict_batch, test, on_kind=on_kind)
    if record:
        from export.manifest import record_robustness

        record_robustness(Path(predictor.path), results)
    return results


def _evaluate_rejection(model: str, test: "Split", record: bool) -> "RejectionResult":
    from mnist_edge.evaluation.rejection import evaluate_rejection
    from runtime import Predictor

    predictor = Predictor(model)
    confidences = predictor.classify(test.images).probabilities.max(axis=1)
    seeing = Predictor(model, reject_below=sys.float_info.min)  # rejects what its preparation sees, no more
    result = evaluate_rejection(seeing.predict_batch, confidences, predictor.reject_below)
    if record:
        from export.manifest import record_rejection

        record_rejection(Path(predictor.path), result)
    return result


def _record(measured: dict[str, _Measured]) -> None:
    from export.manifest import record_accuracies

    by_folder: dict[Path, dict[str, tuple[Evaluation, ConfidenceEvaluation]]] = {}
    for found in measured.values():
        if found.path is not None and found.confidence is not None:
            by_folder.setdefault(found.path.parent, {})[found.path.name] = (found.evaluation, found.confidence)
    for folder, results in by_folder.items():
        record_accuracies(folder, "MNIST test", results)


def _compare(
    plans: "list[Plan]", data: Path | None, results: Path, checkpoints: Path, processes: int | None
) -> "Comparison":
    from mnist_edge.benchmark.comparison import compare as run

    training, test = _load("train", data), _load("test", data)
    progress = console.step_progress
    return run(plans, training, test, results, checkpoints=checkpoints, processes=processes, progress=progress)


def _layers(model: str) -> "tuple[list[Layer], int]":
    """List a model's layers and count its network's parameters."""
    if Path(model).suffix == ".onnx" or Path(model).is_dir():
        from export.graph import layers_of_graph, load_graph, network_parameters
        from runtime.contract import INT8_FILE

        graph = load_graph(Path(model) / INT8_FILE if Path(model).is_dir() else Path(model))
        layers = layers_of_graph(graph)
        return layers, network_parameters(graph) or sum(layer.parameters for layer in layers)
    from mnist_edge.training.layers import layers_of

    if Path(model).suffix == ".safetensors":
        from mnist_edge.training.checkpoint import load_checkpoint

        network = load_checkpoint(Path(model)).model
    else:
        from mnist_edge.training.models import build_model

        network = build_model(model)
    layers = layers_of(network)
    return layers, sum(layer.parameters for layer in layers)
