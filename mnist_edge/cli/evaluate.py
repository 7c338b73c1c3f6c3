"""The command `evaluate`."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mnist_edge.cli.data import load_split
from mnist_edge.cli.options import DataOption, JsonOption
from mnist_edge.cli.output import Output

SuiteName = Literal["mnist", "robustness", "rejection", "styles"]


def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="v1 or v2 (int8), ONNX files, folders or checkpoints.", show_default="v2"
        ),
    ] = None,
    suite: Annotated[SuiteName, typer.Option(help="What to measure (see above).")] = "mnist",
    record: Annotated[bool, typer.Option("--record", help="Write the results into the models' manifests.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure models on MNIST's 10,000 test images, or on pictures that are drawn.

    mnist: accuracy, confusion and calibration error on the images as they are. Takes seconds.

    robustness: accuracy on photographs and corruptions made from them, 500 of each kind. Takes three minutes per model.

    rejection: how many digits and non-digits are rejected. Takes half a minute per model. The extra `suites` installs
    the fonts and photographs that it needs.

    styles: accuracy on digits drawn in styles of handwriting that training does not contain. Takes ten seconds per
    model and needs no MNIST.
    """
    from mnist_edge.cli.suites import SUITES, evaluate_checkpoint
    from runtime import Predictor
    from runtime.contract import INT8_FILE, OPTIMIZED_FILE

    names = models or ["v2"]
    if checkpoints := [name for name in names if _is_checkpoint(name)]:
        if record:
            raise typer.BadParameter(f"needs a manifest, and {checkpoints[0]} has none", param_hint="--record")
        if suite != "mnist":
            raise typer.BadParameter(f"needs an exported model, not {checkpoints[0]}", param_hint="--suite")
    if record:
        import export.manifest  # noqa: F401 (a missing package is reported before the measurement)
    load_test, chosen = cache(lambda: load_split(data, "test")), SUITES[suite]
    results: dict[str, Any] = {}
    for name in names:
        if _is_checkpoint(name):
            results[name] = evaluate_checkpoint(Path(name), load_test())
            continue
        predictor = Predictor(name)
        results[name] = chosen.run(name, predictor, load_test)
        if record:
            path = Path(predictor.path)  # an optimized file gives the int8 file's answers, which has the accuracy
            chosen.record(path.with_name(INT8_FILE) if path.name == OPTIMIZED_FILE else path, results[name])
    documents = [{"model": name, **chosen.facts(result)} for name, result in results.items()]
    Output(as_json).result({"suite": suite, "models": documents}, chosen.table(results))


def _is_checkpoint(model: str) -> bool:
    return Path(model).suffix == ".safetensors"
