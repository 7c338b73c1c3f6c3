"""The tables of results that commands print for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.cli.output import Part, Table
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import FLOAT_FILE, INT8_FILE, OPTIMIZED_FILE, PICTURE_FILE, PREPARE_FILE

if TYPE_CHECKING:
    from export.exporter import ExportReport
    from mnist_edge.benchmark.comparison import Comparison
    from mnist_edge.evaluation.metrics import Evaluation
    from mnist_edge.machine import Machine
    from mnist_edge.training.layers import Layer
    from mnist_edge.training.loop import TrainingResult

_WORST_PAIRS = 5


def training(model: str, seed: int, result: "TrainingResult", path: Path) -> Iterator[Part]:
    """Yield the accuracies of a trained network, its worst mistakes and what to do with its checkpoint."""
    named = {"train": result.train, "validation": result.validation, "test": result.test}
    evaluations = {name: evaluation for name, evaluation in named.items() if evaluation}
    yield Table(
        f"{model} trained in {result.seconds:.1f} s, seed {seed}",
        [
            ("images", list(evaluations)),
            ("accuracy", [percent(evaluation.accuracy) for evaluation in evaluations.values()]),
            ("correct", [evaluation.correct for evaluation in evaluations.values()]),
            ("of", [evaluation.images for evaluation in evaluations.values()]),
        ],
    )
    if result.test is not None:
        yield worst_pairs(result.test)
    yield f"Written: {path}"
    yield f"Next: mnist-edge calibrate {path}, then mnist-edge export --checkpoint {path} --out my-artifacts"


def worst_pairs(evaluation: "Evaluation") -> str:
    """Return the most frequent mistakes as one line."""
    pairs = evaluation.worst_pairs(_WORST_PAIRS)
    mistakes = ", ".join(f"{true} read as {predicted} ({images}×)" for true, predicted, images in pairs)
    return f"Most frequent mistakes: {mistakes or 'none'}\n"


def export(out: Path, reports: "Sequence[ExportReport]", max_parameters: int, max_bytes: int) -> Iterator[Part]:
    """Yield the files of an export, their operators and the checks that they passed."""
    files = [(report, file) for report in reports for file in (FLOAT_FILE, INT8_FILE)]
    differences, agreements = [], []
    for report in reports:
        differences += [report.parity.float_max_difference, report.parity.int8_max_difference]
        agreements += ["100.0%", f"{report.parity.int8_agreement:.1%}"]
    recorded = [report.manifest.accuracy.get(file) for report, file in files]
    accuracies = [percent(entry.top1 if entry else None) for entry in recorded]
    yield Table(
        f"Exported to {out}",
        [
            ("file", [f"{report.manifest.name}/{file}" for report, file in files]),
            ("parameters", [report.manifest.parameters for report, _ in files]),
            ("bytes", [report.manifest.files[file].bytes for report, file in files]),
            ("largest logit difference", differences),
            ("same digit as PyTorch", agreements),
            ("MNIST test accuracy", [accuracy or "not measured" for accuracy in accuracies]),
        ],
    )
    for report in reports:
        operators = report.manifest.files[INT8_FILE].operators or {}
        counts = ", ".join(f"{count} {kind}" for kind, count in operators.items())
        yield f"{report.manifest.name} int8 operators: {counts}"
    yield f"In each folder: {PICTURE_FILE}, from a picture to its digit; {OPTIMIZED_FILE}, int8 that opens faster"
    yield f"Preparation alone: {PREPARE_FILE}"
    yield f"Budget: fewer than {max_parameters:,} parameters, at most {max_bytes:,} bytes of int8: kept."
    yield f"Parity with PyTorch on {reports[0].parity.images} drawn digits: kept."


def layers(title: str, listed: "Sequence[Layer]") -> Table:
    """Return a network layer by layer, with the totals."""
    parameters = [layer.parameters for layer in listed]
    multiply_adds = [layer.multiply_adds for layer in listed]
    parameter_bytes = [layer.parameter_bytes for layer in listed]
    return Table(
        title,
        [
            ("layer", [*(layer.name for layer in listed), "total"]),
            ("kind", [*(layer.kind for layer in listed), ""]),
            ("output", [*("×".join(map(str, layer.output_shape)) for layer in listed), ""]),
            ("parameters", [*parameters, sum(parameters)]),
            ("share", [*(f"{number / max(sum(parameters), 1):.1%}" for number in parameters), "100.0%"]),
            ("multiply-adds", [*multiply_adds, sum(multiply_adds)]),
            ("bytes", [*parameter_bytes, sum(parameter_bytes)]),
        ],
    )


def comparison(compared: "Comparison") -> Iterator[Part]:
    """Yield the results of each network of a comparison."""
    networks, exported = compared.networks, [network.int8 for network in compared.networks]
    yield describe_measurement(compared.machine, compared.versions)
    yield Table(
        f"{compared.data_set}; {count_of(compared.processes, 'training')} at once, "
        f"{count_of(compared.threads, 'thread')} each",
        [
            ("network", [network.name for network in networks]),
            ("parameters", [network.parameters for network in networks]),
            ("multiply-adds", [network.multiply_adds for network in networks]),
            ("seeds", [len(network.trials) for network in networks]),
            ("top-1", [percent(network.mean) for network in networks]),
            ("deviation", [percent(network.deviation) for network in networks]),
            ("lowest", [percent(network.lowest) for network in networks]),
            ("seconds", [round(network.seconds, 1) for network in networks]),
            ("int8 bytes", [int8 and int8.bytes for int8 in exported]),
            ("int8 top-1", [percent(int8.accuracy) if int8 else None for int8 in exported]),
            ("int8 µs/image", [int8 and round(int8.microseconds, 1) for int8 in exported]),
        ],
    )


def count_of(number: int, thing: str) -> str:
    """Return a number with what it counts, in the plural where needed."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def describe_measurement(machine: "Machine", versions: Mapping[str, str]) -> str:
    """Return the machine and the versions of a measurement as one line."""
    return f"{describe_machine(machine)}, {machine.system}, Python {machine.python}; {describe_versions(versions)}\n"


def percent(share: float | None) -> str | None:
    """Return a fraction as a percentage with two decimals."""
    return None if share is None else f"{share:.2%}"
