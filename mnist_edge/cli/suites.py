"""The suites of `evaluate`: how each measures a model, prints the results and records them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from mnist_edge.cli.output import Part, Table, step_progress
from mnist_edge.cli.tables import percent, worst_pairs
from mnist_edge.data.mnist import DIGITS, Split
from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation, expected_calibration_error
from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS, check_packages
from mnist_edge.evaluation.rejection import RejectionResult, evaluate_rejection
from mnist_edge.evaluation.robustness import KINDS, RobustnessResult, evaluate_robustness, mean_accuracy
from mnist_edge.evaluation.styles import STYLES, StylesResult, evaluate_styles
from runtime import Predictor

_DATA_SET = "MNIST test"
_Result = TypeVar("_Result")
LoadSplit = Callable[[], Split]


@dataclass(frozen=True)
class Suite(Generic[_Result]):
    """One way to evaluate exported models.

    Attributes:
        run: measures a model, given its name for the progress display and a function that loads MNIST's test images.
        facts: returns one model's result for JSON.
        table: yields the tables of all models' results, by name.
        record: writes a result into the manifest beside the model's file.
    """

    run: Callable[[str, Predictor, LoadSplit], _Result]
    facts: Callable[[_Result], dict[str, Any]]
    table: Callable[[Mapping[str, _Result]], Iterator[Part]]
    record: Callable[[Path, _Result], None]


class _MnistResult(NamedTuple):
    """A model's evaluation, and that of its confidences unless it is a checkpoint."""

    evaluation: Evaluation
    confidence: ConfidenceEvaluation | None


def evaluate_checkpoint(path: Path, test: Split) -> _MnistResult:
    """Measure a checkpoint with PyTorch. Its confidences are not calibrated before the export."""
    from mnist_edge.training.checkpoint import load_checkpoint
    from mnist_edge.training.loop import evaluate_model

    return _MnistResult(evaluate_model(load_checkpoint(path).model, test), None)


def _run_mnist(_name: str, predictor: Predictor, load_test: LoadSplit) -> _MnistResult:
    test = load_test()
    digits, probabilities, plausibilities = predictor.classify(test.images)
    error = expected_calibration_error(probabilities.max(axis=1), digits == test.labels)
    confidence = ConfidenceEvaluation(error, float((plausibilities < predictor.reject_below).mean()))
    return _MnistResult(Evaluation.of(digits, test.labels), confidence)


def _mnist_facts(result: _MnistResult) -> dict[str, Any]:
    evaluation, confidence = result
    return {
        "data_set": _DATA_SET,
        "images": evaluation.images,
        "correct": evaluation.correct,
        "accuracy": evaluation.accuracy,
        **(asdict(confidence) if confidence else {}),
        "recall": [evaluation.recall(digit) for digit in range(DIGITS)],
        "precision": [evaluation.precision(digit) for digit in range(DIGITS)],
        "confusion": evaluation.confusion,
    }


def _mnist_tables(results: Mapping[str, _MnistResult]) -> Iterator[Part]:
    evaluations, confidences = zip(*results.values(), strict=True)
    yield Table(
        _DATA_SET,
        [
            ("model", list(results)),
            ("top-1", [percent(evaluation.accuracy) for evaluation in evaluations]),
            ("correct", [evaluation.correct for evaluation in evaluations]),
            ("of", [evaluation.images for evaluation in evaluations]),
            ("calibration error", [percent(each.expected_calibration_error) if each else None for each in confidences]),
            ("rejected", [percent(each.rejected) if each else None for each in confidences]),
        ],
    )
    digits = range(DIGITS)
    for name, evaluation in zip(results, evaluations, strict=True):
        recall = ("recall", [percent(evaluation.recall(digit)) for digit in digits])
        precision = ("precision", [percent(evaluation.precision(digit)) for digit in digits])
        yield Table(f"{name}: by digit", [("digit", digits), recall, precision])
        predicted = [(str(digit), [row[digit] for row in evaluation.confusion]) for digit in digits]
        yield Table(f"{name}: true digit (row), predicted digit (column)", [("", list(map(str, digits))), *predicted])
        yield worst_pairs(evaluation)


# A device evaluates without the extra `train`, which only recording needs.


def _record_mnist(model: Path, result: _MnistResult) -> None:
    from export.manifest import record_accuracies

    if result.confidence is not None:
        record_accuracies(model.parent, _DATA_SET, {model.name: (result.evaluation, result.confidence)})


def _record_robustness(model: Path, result: list[RobustnessResult]) -> None:
    from export.manifest import record_robustness

    record_robustness(model, result)


def _record_rejection(model: Path, result: RejectionResult) -> None:
    from export.manifest import record_rejection

    record_rejection(model, result)


def _record_styles(model: Path, result: StylesResult) -> None:
    from export.manifest import record_styles

    record_styles(model, result)


def _run_robustness(name: str, predictor: Predictor, load_test: LoadSplit) -> list[RobustnessResult]:
    test = load_test()
    with step_progress(f"robustness suite, {name}", len(KINDS)) as on_kind:
        return evaluate_robustness(predictor.predict_batch, test, on_kind=on_kind)


def _robustness_facts(kinds: Sequence[RobustnessResult]) -> dict[str, Any]:
    return {
        "data_set": f"{_DATA_SET}, robustness suite",
        "photographs": mean_accuracy(kinds, "photograph"),
        "corruptions": mean_accuracy(kinds, "corruption"),
        "kinds": [{**asdict(kind), "accuracy": kind.accuracy} for kind in kinds],
    }


def _robustness_tables(results: Mapping[str, Sequence[RobustnessResult]]) -> Iterator[Part]:
    first = next(iter(results.values()))
    columns: list[tuple[str, list[str | None]]] = [("kind", [f"{kind.group}: {kind.kind}" for kind in first])]
    for name, kinds in results.items():
        columns.append((name, [percent(kind.accuracy) for kind in kinds]))
        columns.append((f"{name} rejects", [percent(kind.rejected / kind.images) for kind in kinds]))
    yield Table(f"Robustness suite, {first[0].images:,} pictures per kind", columns)
    for name, kinds in results.items():
        photographs, corruptions = mean_accuracy(kinds, "photograph"), mean_accuracy(kinds, "corruption")
        yield f"{name}: mean of the photographs {photographs:.2%}, of the corruptions {corruptions:.2%}"


def _run_rejection(name: str, predictor: Predictor, load_test: LoadSplit) -> RejectionResult:
    check_packages()
    digits = predictor.classify(load_test().images)
    preparing = Predictor(predictor.path, reject_below=0)  # only the preparation rejects pictures
    with step_progress(f"rejection suite, {name}", len(NON_DIGITS)) as on_kind:
        return evaluate_rejection(preparing.predict_batch, digits, predictor.reject_below, on_kind=on_kind)


def _rejection_tables(results: Mapping[str, RejectionResult]) -> Iterator[Part]:
    first = next(iter(results.values()))
    kinds = ("kind", [f"{NON_DIGITS[kind][0]}: {kind}" for kind in first.kinds])
    shares = [(name, [f"{result.kinds[kind]:.1%}" for kind in first.kinds]) for name, result in results.items()]
    yield Table(f"Rejected of {first.images_per_kind} pictures per kind", [kinds, *shares])
    for name, result in results.items():
        points = [result.own, *result.curve]
        yield Table(
            f"{name}: share rejected",
            [
                ("threshold", [f"{point.reject_below:.4f}" for point in points]),
                ("", ["its own", *("" for _ in result.curve)]),
                ("MNIST test digits", [f"{point.digits:.1%}" for point in points]),
                *((group, [f"{point.non_digits[group]:.1%}" for point in points]) for group in NON_DIGIT_GROUPS),
            ],
        )


def _run_styles(name: str, predictor: Predictor, _load_test: LoadSplit) -> StylesResult:
    with step_progress(f"styles suite, {name}", len(STYLES)) as on_style:
        return evaluate_styles(predictor.predict_batch, on_style=on_style)


def _styles_tables(results: Mapping[str, StylesResult]) -> Iterator[Part]:
    first = next(iter(results.values()))
    columns: list[tuple[str, list[str | None]]] = [("style", list(first.styles))]
    for name, result in results.items():
        columns.append((name, [percent(shares.accuracy) for shares in result.styles.values()]))
        columns.append((f"{name} rejects", [percent(shares.rejected) for shares in result.styles.values()]))
    yield Table(f"Styles suite, {first.images_per_style:,} pictures per style", columns)
    for name, result in results.items():
        yield f"{name}: mean of the styles {result.mean.accuracy:.2%}, rejected {result.mean.rejected:.2%}"


SUITES: dict[str, Suite[Any]] = {
    "mnist": Suite(_run_mnist, _mnist_facts, _mnist_tables, _record_mnist),
    "robustness": Suite(_run_robustness, _robustness_facts, _robustness_tables, _record_robustness),
    "rejection": Suite(_run_rejection, asdict, _rejection_tables, _record_rejection),
    "styles": Suite(_run_styles, asdict, _styles_tables, _record_styles),
}
