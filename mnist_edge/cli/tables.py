"""The tables of results that commands print for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.cli.output import Part, Table
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import FLOAT_FILE, INT8_FILE

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
    evaluations = {"train": result.train, "validation": result.validation, "test": result.test}
    yield Table(
        f"{model} trained in {result.seconds:.1f} s, seed {seed}",
        ("images", "accuracy", "correct", "of"),
        [
            (name, percent(evaluation.accuracy), evaluation.correct, evaluation.images)
            for name, evaluation in evaluations.items()
            if evaluation
        ],
    )
    if result.test is not None:
        yield worst_pairs(result.test)
    yield f"Written: {path}"
    yield f"Next: mnist-edge calibrate {path}, then mnist-edge export --checkpoint {path}"


def worst_pairs(evaluation: "Evaluation") -> str:
    """Return the most frequent mistakes as one line."""
    pairs = evaluation.worst_pairs(_WORST_PAIRS)
    mistakes = ", ".join(f"{true} as {predicted} {images}×" for true, predicted, images in pairs)
    return f"Most frequent mistakes: {mistakes or 'none'}\n"


def export(out: Path, reports: "Sequence[ExportReport]", max_parameters: int, max_bytes: int) -> Iterator[Part]:
    """Yield the files of an export, their operators and the checks that they passed."""
    rows = []
    for report in reports:
        parity, manifest = report.parity, report.manifest
        for file, difference, agreement in (
            (FLOAT_FILE, parity.float_max_difference, 1.0),
            (INT8_FILE, parity.int8_max_difference, parity.int8_agreement),
        ):
            recorded = manifest["accuracy"].get(file)
            rows.append(
                (
                    f"{report.name}/{file}",
                    manifest["parameters"],
                    manifest["files"][file]["bytes"],
                    difference,
                    f"{agreement:.1%}",
                    percent(recorded["top1"]) if recorded else "not measured",
                )
            )
    yield Table(
        f"Exported to {out}",
        ("file", "parameters", "bytes", "largest logit difference", "same digit as PyTorch", "MNIST test accuracy"),
        rows,
    )
    for report in reports:
        operators = report.manifest["files"][INT8_FILE]["operators"]
        yield f"{report.name} int8 operators: {', '.join(f'{count} {kind}' for kind, count in operators.items())}"
    yield f"Budget: fewer than {max_parameters:,} parameters, at most {max_bytes:,} bytes of int8: kept."
    yield f"Parity with PyTorch on {reports[0].parity.images} drawn digits: kept."


def layers(title: str, listed: "Sequence[Layer]") -> Table:
    """Return a network layer by layer, with the totals."""
    parameters = sum(layer.parameters for layer in listed)
    rows: list[tuple[Any, ...]] = [
        (
            layer.name,
            layer.kind,
            "×".join(map(str, layer.output_shape)),
            layer.parameters,
            f"{layer.parameters / max(parameters, 1):.1%}",
            layer.multiply_adds,
            layer.parameter_bytes,
        )
        for layer in listed
    ]
    multiply_adds = sum(layer.multiply_adds for layer in listed)
    parameter_bytes = sum(layer.parameter_bytes for layer in listed)
    rows.append(("total", "", "", parameters, "100.0%", multiply_adds, parameter_bytes))
    return Table(title, ("layer", "kind", "output", "parameters", "share", "multiply-adds", "bytes"), rows)


def comparison(compared: "Comparison") -> Iterator[Part]:
    """Yield the results of each network of a comparison."""
    yield describe_measurement(compared.machine, compared.versions)
    yield Table(
        f"{compared.data_set}; {count_of(compared.processes, 'training')} at once, "
        f"{count_of(compared.threads, 'thread')} each",
        (
            *("network", "parameters", "multiply-adds", "seeds", "top-1", "deviation", "lowest", "seconds"),
            *("int8 bytes", "int8 top-1", "int8 µs/image"),
        ),
        [
            (
                network.name,
                network.parameters,
                network.multiply_adds,
                len(network.trials),
                percent(network.mean),
                percent(network.deviation),
                percent(network.lowest),
                round(network.seconds, 1),
                network.int8 and network.int8.bytes,
                percent(network.int8.accuracy if network.int8 else None),
                network.int8 and round(network.int8.microseconds, 1),
            )
            for network in compared.networks
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
