"""What the commands print for people: the tables and lines of each result."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mnist_edge.cli.output import print_table
from mnist_edge.data.mnist import DIGITS
from mnist_edge.evaluation.metrics import Evaluation
from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.robustness import mean_accuracy
from mnist_edge.machine import describe_machine, describe_versions

if TYPE_CHECKING:
    from mnist_edge.benchmark.comparison import Comparison
    from mnist_edge.evaluation.metrics import ConfidenceEvaluation
    from mnist_edge.evaluation.rejection import RejectionResult
    from mnist_edge.evaluation.robustness import RobustnessResult
    from mnist_edge.machine import Machine
    from mnist_edge.training.layers import Layer
    from mnist_edge.training.loop import TrainingResult

_WORST_PAIRS = 5


def print_training(model: str, seed: int, result: "TrainingResult", path: Path) -> None:
    """Print what a training reached and where its checkpoint is."""
    measured = {"train": result.train, "validation": result.validation, "test": result.test}
    print_table(
        f"{model} trained in {result.seconds:.1f} s, seed {seed}",
        ("images", "accuracy", "correct", "of"),
        [(name, f"{found.accuracy:.2%}", found.correct, found.images) for name, found in measured.items() if found],
    )
    if result.test is not None:
        _print_worst_pairs(result.test)
    print(f"Written: {path}\nNext: mnist-edge calibrate {path}, then mnist-edge export --checkpoint {path}")


def print_export(out: Path, manifests: Sequence[Mapping[str, Any]], differences: Mapping[str, Any]) -> None:
    """Print the models that an export wrote.

    Args:
        out: the folder of the artifacts' folders.
        manifests: of each model.
        differences: by model and file, the largest difference of a logit from PyTorch's and the
            share of equal digits.
    """
    rows = []
    for manifest in manifests:
        for name, (difference, agreement) in differences[manifest["name"]].items():
            recorded = manifest["accuracy"].get(name)
            rows.append(
                (
                    f"{manifest['name']}/{name}",
                    manifest["parameters"],
                    manifest["files"][name]["bytes"],
                    difference,
                    f"{agreement:.1%}",
                    f"{recorded['top1']:.2%}" if recorded else "not measured",
                )
            )
    print_table(
        f"Exported to {out}",
        ("file", "parameters", "bytes", "largest logit difference", "same digit as PyTorch", "MNIST test accuracy"),
        rows,
    )
    for manifest in manifests:
        found = manifest["files"]["model.int8.onnx"]["operators"]
        print(f"{manifest['name']} int8 operators: {', '.join(f'{count} {kind}' for kind, count in found.items())}")


def describe_prediction(prediction: Any, top: int) -> str:
    """Name the most probable digits of a `runtime.Prediction` and their shares, and say if the image shows none."""
    digits = ", ".join(f"{digit} ({share:.1%})" for digit, share in prediction.top(top))
    return digits if prediction.rejected is None else f"no digit, {prediction.rejected}; at most {digits}"


def print_csv_header() -> None:
    """Print the columns' names of `print_prediction` as CSV."""
    _print_csv(["file", "digit", "confidence", "rejected", *(f"probability_{digit}" for digit in range(DIGITS))])


def print_prediction(name: str, prediction: Any, top: int, form: Literal["text", "json", "csv"]) -> None:
    """Print the prediction of one image on a line, at once."""
    if form == "text":
        print(f"{name}: {describe_prediction(prediction, top)}", flush=True)
    elif form == "csv":
        shares = prediction.probabilities
        _print_csv([name, prediction.digit, prediction.confidence, prediction.rejected or "", *shares])
    else:
        ranked = [{"digit": digit, "probability": share} for digit, share in prediction.top(top)]
        print(json.dumps({"file": name, **asdict(prediction), "top": ranked}), flush=True)


def _print_csv(cells: Sequence[object]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerow(cells)
    sys.stdout.flush()


def print_evaluations(results: "Mapping[str, tuple[Evaluation, ConfidenceEvaluation | None]]") -> None:
    """Print the accuracies of models, then the digits and the confusion of each."""
    print_table(
        "MNIST test",
        ("model", "top-1", "correct", "of", "calibration error", "rejected"),
        [
            (
                name,
                f"{found.accuracy:.2%}",
                found.correct,
                found.images,
                _percent(confidence.expected_calibration_error if confidence else None),
                _percent(confidence.rejected if confidence else None),
            )
            for name, (found, confidence) in results.items()
        ],
    )
    for name, (found, _) in results.items():
        print_table(
            f"{name}: by digit",
            ("digit", "recall", "precision"),
            [(digit, _percent(found.recall(digit)), _percent(found.precision(digit))) for digit in range(DIGITS)],
        )
        print_table(
            f"{name}: true digit (row) named as (column)",
            ("", *map(str, range(DIGITS))),
            [(f"{digit}", *found.confusion[digit]) for digit in range(DIGITS)],
        )
        _print_worst_pairs(found)


def evaluation_facts(model: str, found: Evaluation, confidence: "ConfidenceEvaluation | None") -> dict[str, Any]:
    """Give what was measured of one model as `evaluate --json` prints it."""
    return {
        "model": model,
        "data_set": "MNIST test",
        "images": found.images,
        "correct": found.correct,
        "accuracy": found.accuracy,
        **(asdict(confidence) if confidence is not None else {}),
        "recall": [found.recall(digit) for digit in range(DIGITS)],
        "precision": [found.precision(digit) for digit in range(DIGITS)],
        "confusion": found.confusion,
    }


def print_robustness(fields: "Mapping[str, Sequence[RobustnessResult]]") -> None:
    """Print how often models are right on each kind of the robustness suite, and how often they reject it."""
    columns = [column for name in fields for column in (name, f"{name} rejects")]
    rows = [
        (
            f"{kind[0].group}: {kind[0].kind}",
            *(cell for one in kind for cell in (_percent(one.accuracy), _percent(one.rejected / one.images))),
        )
        for kind in zip(*fields.values(), strict=True)
    ]
    print_table(
        f"Robustness suite, {next(iter(fields.values()))[0].images:,} pictures per kind", ("kind", *columns), rows
    )
    for name, results in fields.items():
        means = {group: mean_accuracy(results, group) for group in ("photograph", "corruption")}
        print(
            f"{name}: mean of the photographs {means['photograph']:.2%}, of the corruptions {means['corruption']:.2%}"
        )


def robustness_facts(model: str, results: "Sequence[RobustnessResult]") -> dict[str, Any]:
    """Give what one model made of the robustness suite as `evaluate --suite robustness --json` prints it."""
    return {
        "model": model,
        "data_set": "MNIST test, robustness suite",
        "photographs": mean_accuracy(results, "photograph"),
        "corruptions": mean_accuracy(results, "corruption"),
        "kinds": [{**asdict(result), "accuracy": result.accuracy} for result in results],
    }


def print_rejections(results: "Mapping[str, RejectionResult]") -> None:
    """Print what share of each kind of picture that shows no digit is rejected, and the curve over thresholds."""
    one = next(iter(results.values()))
    rows = [
        (f"{NON_DIGITS[kind][0]}: {kind}", *(f"{found.kinds[kind]:.1%}" for found in results.values()))
        for kind in one.kinds
    ]
    print_table(f"Rejected of {one.images_per_kind} pictures a kind", ("kind", *results), rows)
    for name, found in results.items():
        points = [("its own", found.own), *(("", point) for point in found.curve)]
        print_table(
            f"{name}: share rejected",
            ("threshold", "", "MNIST test digits", "blank or noise", "unseen classes"),
            [
                (
                    f"{point.reject_below:.4f}",
                    own,
                    *(f"{share:.1%}" for share in (point.digits, point.blank_or_noise, point.unseen_class)),
                )
                for own, point in points
            ],
        )


def print_comparison(found: "Comparison") -> None:
    """Print what each network of a comparison reached."""
    print(describe_measurement(found.machine, found.versions))
    print_table(
        f"{found.data_set}; {count_of(found.processes, 'training')} at once, {count_of(found.threads, 'thread')} each",
        (
            *("network", "parameters", "multiply-adds", "seeds", "top-1", "deviation", "lowest", "seconds"),
            *("int8 bytes", "int8 top-1", "int8 µs an image"),
        ),
        [
            (
                one.name,
                one.parameters,
                one.multiply_adds,
                len(one.trials),
                f"{one.mean:.2%}",
                _percent(one.deviation),
                f"{one.lowest:.2%}",
                round(one.seconds, 1),
                one.int8 and one.int8.bytes,
                _percent(one.int8.accuracy if one.int8 else None),
                one.int8 and round(one.int8.microseconds, 1),
            )
            for one in found.networks
        ],
    )


def count_of(number: int, thing: str) -> str:
    """Give a number with what it counts, in the plural where it should be."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def describe_measurement(machine: "Machine", versions: Mapping[str, str]) -> str:
    """Return what a measurement was made on and with, as one line."""
    return f"{describe_machine(machine)}, {machine.system}, Python {machine.python}; {describe_versions(versions)}\n"


def print_layers(title: str, layers: Sequence["Layer"]) -> None:
    """Print a network layer by layer, with the sums."""
    stored = sum(layer.parameters for layer in layers)
    rows: list[tuple[Any, ...]] = [
        (
            layer.name,
            layer.kind,
            "×".join(map(str, layer.output_shape)),
            layer.parameters,
            f"{layer.parameters / max(stored, 1):.1%}",
            layer.multiply_adds,
            layer.parameter_bytes,
        )
        for layer in layers
    ]
    multiply_adds, held_bytes = (
        sum(values) for values in zip(*((layer.multiply_adds, layer.parameter_bytes) for layer in layers), strict=True)
    )
    rows.append(("total", "", "", stored, "100.0%", multiply_adds, held_bytes))
    print_table(title, ("layer", "kind", "output", "parameters", "share", "multiply-adds", "bytes"), rows)


def _print_worst_pairs(found: Evaluation) -> None:
    pairs = found.worst_pairs(_WORST_PAIRS)
    listed = ", ".join(f"{true} as {predicted} {images}×" for true, predicted, images in pairs)
    print(f"Most frequent mistakes: {listed or 'none'}\n")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"
