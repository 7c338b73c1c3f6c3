"""The commands `predict` and `selftest`."""

import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.cli.exit_codes import FAILED, NO_DIGIT, explain
from mnist_edge.cli.options import JsonOption
from mnist_edge.cli.output import Output, discarded_stderr, image_progress

if TYPE_CHECKING:
    from runtime import Prediction, Predictor

_COLUMNS = (
    "file",
    "digit",
    "confidence",
    "plausibility",
    "rejection",
    *(f"probability_{digit}" for digit in range(10)),
)
_IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_MANY_IMAGES = 64
"""From this number on, it pays to start a thread per core."""


def predict(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for standard input.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="v1, v2, an ONNX file or its folder.")] = "v2",
    top: Annotated[int, typer.Option(metavar="N", min=1, max=10, help="Show the N most probable digits.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    reject: Annotated[
        bool, typer.Option("--reject/--no-reject", help="Report pictures of no digit; blank ones always.")
    ] = True,
    reject_below: Annotated[
        float | None,
        typer.Option(metavar="P", min=0, max=1, help="Lowest accepted plausibility.", show_default="0.5"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Threads that predict images.", show_default="all cores for many images"),
    ] = None,
    drawing: Annotated[
        Path | None,
        typer.Option("--explain", metavar="FILE", dir_okay=False, help="Draw how an image was prepared, as PNG."),
    ] = None,
) -> None:
    """Predict the digit in each image, one line each. Unreadable images are reported and skipped."""
    from runtime import ImageError, Predictor, predict_stream
    from runtime.contract import REJECT_BELOW

    if as_json and as_csv:
        raise typer.BadParameter("choose either --json or --csv", param_hint="--csv")
    if reject_below is None:
        reject_below = REJECT_BELOW
    elif not reject:
        raise typer.BadParameter("has no effect with --no-reject; leave out one of them", param_hint="--reject-below")
    elif math.isnan(reject_below):
        raise typer.BadParameter("nan is not in the range 0<=x<=1", param_hint="--reject-below")
    if "" in inputs:  # as a path it would be the working folder
        raise typer.BadParameter("a name is empty", param_hint="IMAGE")
    images = _list_images(inputs)
    if drawing is not None and (len(images) != 1 or images == ["-"]):
        raise typer.BadParameter("needs exactly one image file", param_hint="--explain")
    predictor = Predictor(model, reject=reject, reject_below=reject_below)
    if workers is None and len(images) >= _MANY_IMAGES:
        from mnist_edge.machine import usable_cores

        workers = usable_cores()
    output = Output(as_json, as_csv)
    output.header(_COLUMNS)
    failed = rejected = False
    with discarded_stderr() as stderr, image_progress(len(images), stderr) as on_image:
        sources = (sys.stdin.buffer.read() if name == "-" else name for name in images)
        for name, prediction in zip(images, predict_stream(predictor, sources, workers or 1), strict=True):
            on_image()
            if isinstance(prediction, ImageError):
                failed = True
                message = str(prediction)
                print(f"error: {message if name in message else f'{name}: {message}'}", file=stderr, flush=True)
                continue
            rejected |= prediction.rejection is not None
            _print_prediction(output, name, prediction, top)
            if drawing is not None:
                _draw_preparation(drawing, predictor, name, _describe(prediction, top))
    if failed or rejected:
        raise typer.Exit(FAILED if failed else NO_DIGIT)


def _list_images(inputs: list[str]) -> list[str]:
    """List the images: files and `-` as given, the images of a folder in alphabetical order."""
    names: list[str] = []
    for name in inputs:
        files = [] if name == "-" else _images_in(Path(name))
        names += files or [name]  # a folder without images stays, and is reported as unreadable
    return names


def _images_in(folder: Path) -> list[str]:
    """List the images in a folder; none where it is no folder, or cannot be looked into."""
    try:
        paths = list(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []
    return sorted(str(path) for path in paths if path.suffix.lower() in _IMAGE_SUFFIXES)


def _print_prediction(output: Output, name: str, prediction: "Prediction", top: int) -> None:
    ranked = [{"digit": digit, "probability": probability} for digit, probability in prediction.top(top)]
    rejection = prediction.rejection
    reason = rejection.reason.label if rejection else ""
    output.record(
        f"{name}: {_describe(prediction, top)}",
        [name, prediction.digit, prediction.confidence, prediction.plausibility, reason, *prediction.probabilities],
        {
            "file": name,
            **asdict(prediction),
            "rejection": {"reason": reason, "detail": rejection.detail} if rejection else None,
            "top": ranked,
        },
    )


def _describe(prediction: "Prediction", top: int) -> str:
    digits = ", ".join(f"{digit} ({probability:.1%})" for digit, probability in prediction.top(top))
    if prediction.rejection is None:
        return digits
    return f"no digit ({prediction.rejection.detail}); best guess: {digits}"


def _draw_preparation(path: Path, predictor: "Predictor", image: str, verdict: str) -> None:
    from mnist_edge.cli.explanation import save_explanation

    save_explanation(path, predictor.explain(image), f"{image}: {verdict}")


def selftest(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="ONNX files or folders.", show_default="v1 v2")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that models give the same answers on this machine as where they were exported."""
    from runtime import Predictor, PredictorError
    from runtime.contract import MODELS

    output, documents, codes = Output(as_json), list[dict[str, Any]](), {0}
    for model in models or MODELS:
        try:
            report = Predictor(model).selftest()
        except PredictorError as error:
            code, message = explain(error)
            codes.add(code)
            documents.append({"model": model, "error": message})
            print(f"error: {model}: {message}", file=sys.stderr, flush=True)
            continue
        documents.append({"model": model, **asdict(report)})
        pictures = f"; {report.pictures} golden pictures are read as at export" if report.pictures else ""
        output.text(
            f"{model}: passed; the logits of {report.images} golden images differ by at most "
            f"{report.max_difference:.3g} (allowed: {report.tolerance:.3g}){pictures}"
        )
    output.result({"models": documents}, ())
    raise typer.Exit(max(codes))
