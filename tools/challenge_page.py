"""The tables of docs/challenge.md, and its picture: `python -m tools.challenge_page FILE`."""

import math
import sys
from pathlib import Path

from mnist_edge.benchmark.comparison import ComparedNetwork, Comparison
from mnist_edge.benchmark.plans import claims
from mnist_edge.files import load_results, write_bytes
from mnist_edge.machine import describe_machine, describe_versions
from mnist_edge.training.layers import layers_of, mermaid
from mnist_edge.training.models import build_model
from runtime.contract import ARTIFACTS
from tools.markdown import table

COMPARISON = ARTIFACTS.parent / "docs" / "compare.json"
ABLATIONS = ARTIFACTS.parent / "docs" / "ablations.json"
_REFERENCE_ACCURACY = {"v1": "96.86%", "v2": "97.11%"}
"""What the reference reports for its networks."""


def challenge_table(path: Path = COMPARISON) -> str:
    """Return the accuracy after one epoch: by the reference's recipe and by ours."""
    comparison = load_results(path, Comparison)
    rows = []
    for network in comparison.networks:
        model, recipe = network.name.split(maxsplit=1)
        if model in _REFERENCE_ACCURACY and recipe in ("reference", "onepass"):
            rows.append(
                [
                    f"{model.upper()}, `{recipe}`",
                    _REFERENCE_ACCURACY[model] if recipe == "reference" else "",
                    f"**{network.mean:.2%}** ± {network.deviation or 0:.2%}",
                    f"{network.lowest:.2%}",
                    f"{len(network.trials)}",
                    f"{network.seconds:.1f}",
                ]
            )
    return table(
        ["one epoch of MNIST", "reported by the reference", "top-1, mean ± deviation", "lowest", "seeds", "seconds"],
        rows,
        f"Float32 on MNIST's 10,000 test images; {_conditions(comparison)}.",
    )


def comparison_table(path: Path = COMPARISON) -> str:
    """Return every compared network, with its int8 file."""
    comparison = load_results(path, Comparison)
    return table(
        [
            *("network and recipe", "parameters", "multiply-adds", "top-1, mean ± deviation", "seeds", "seconds"),
            *("int8 bytes", "int8 top-1", "int8 µs per image"),
        ],
        [
            [
                network.name,
                f"{network.parameters:,}",
                f"{network.multiply_adds:,}",
                _mean(network),
                f"{len(network.trials)}",
                f"{network.seconds:.1f}",
                *(
                    [f"{network.int8.bytes:,}", f"{network.int8.accuracy:.2%}", f"{network.int8.microseconds:.1f}"]
                    if network.int8
                    else ["", "", ""]
                ),
            ]
            for network in comparison.networks
        ],
        "Top-1 on MNIST's 10,000 test images; the int8 file is the first seed's, timed with one image at a time on one "
        f"thread; {_conditions(comparison)}.",
    )


def ablation_table(path: Path = ABLATIONS) -> str:
    """Return V2 without each of the things that the reference claims for it."""
    ablations = load_results(path, Comparison)
    base = ablations.networks[0]
    rows = []
    for claim, plan in claims(len(base.trials)).items():
        network = ablations.network(plan.name)
        difference = f"{100 * (network.mean - base.mean):+.2f} ± {100 * _standard_error(network, base):.2f}"
        rows.append(
            [
                claim,
                plan.name,
                f"{network.parameters:,}",
                _mean(network),
                f"{network.lowest:.2%}",
                "" if network is base else difference,
                f"{len(network.trials)}",
            ]
        )
    return table(
        [
            "claim",
            "tested variant",
            "parameters",
            "top-1, mean ± deviation",
            "lowest",
            "variant minus V2, points",
            "seeds",
        ],
        rows,
        "The recipe `reference`, top-1 on MNIST's 10,000 test images; ± after a difference is its standard error; "
        f"{_conditions(ablations)}.",
    )


def diagram(model: str) -> str:
    """Return a network as a Mermaid flow chart."""
    return f"```mermaid\n{mermaid(layers_of(build_model(model)))}\n```"


def _mean(network: ComparedNetwork) -> str:
    return f"{network.mean:.2%}" + ("" if network.deviation is None else f" ± {network.deviation:.2%}")


def _standard_error(network: ComparedNetwork, other: ComparedNetwork) -> float:
    """Return the standard error of the difference of two means."""
    return math.sqrt(sum((each.deviation or 0) ** 2 / len(each.trials) for each in (network, other)))


def _conditions(comparison: Comparison) -> str:
    threads = f"{comparison.threads} thread{'' if comparison.threads == 1 else 's'}"
    parallel = f"{comparison.processes} training runs at once with {threads} each"
    return f"{parallel}; {describe_machine(comparison.machine)}; {describe_versions(comparison.versions)}"


if __name__ == "__main__":
    from mnist_edge.benchmark.plot import encode
    from mnist_edge.report.pictures import accuracy_against_parameters

    write_bytes(Path(sys.argv[1]), encode(accuracy_against_parameters(load_results(COMPARISON, Comparison)), "png"))
