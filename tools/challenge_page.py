"""The tables of docs/challenge.md, and its picture: `python -m tools.challenge_page FILE`."""

import math
import sys
from pathlib import Path

from mnist_edge.benchmark.comparison import ComparedNetwork, Comparison, Int8
from mnist_edge.benchmark.plans import claims
from mnist_edge.files import load_results, write_bytes
from mnist_edge.machine import describe_machine, describe_versions
from mnist_edge.training.layers import layers_of, mermaid
from mnist_edge.training.models import build_model
from runtime.contract import ARTIFACTS
from tools.markdown import row

COMPARISON = ARTIFACTS.parent / "docs" / "compare.json"
ABLATIONS = ARTIFACTS.parent / "docs" / "ablations.json"
_STATED = {"v1": "96.86%", "v2": "97.11%"}
"""What the reference says of itself."""


def challenge_table(path: Path = COMPARISON) -> str:
    """Give what one epoch makes of the two networks: the reference's recipe, and ours."""
    found = load_results(path, Comparison)
    columns = ["the reference's claim", "top-1, mean ± deviation", "lowest", "seeds", "seconds"]
    rows = [
        row(
            f"{network.upper()}, `{recipe}`",
            [
                f"{_STATED[network]}" if recipe == "reference" else "",
                f"**{one.mean:.2%}** ± {one.deviation or 0:.2%}",
                f"{one.lowest:.2%}",
                f"{len(one.trials)}",
                f"{one.seconds:.1f}",
            ],
        )
        for one in found.networks
        for network, recipe in [one.name.split(maxsplit=1)]
        if network in _STATED and recipe in ("reference", "onepass")
    ]
    return "\n".join(
        [
            row("one epoch of MNIST", columns),
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            f"Float32 on MNIST's 10,000 test images; {_conditions(found)}.",
        ]
    )


def comparison_table(path: Path = COMPARISON) -> str:
    """Give everything that was compared, with the int8 files."""
    found = load_results(path, Comparison)
    columns = ["parameters", "multiply-adds", "top-1, mean ± deviation", "seeds", "seconds"]
    columns += ["int8 bytes", "int8 top-1", "int8 µs an image"]
    rows = [
        row(
            one.name,
            [
                f"{one.parameters:,}",
                f"{one.multiply_adds:,}",
                _mean(one),
                f"{len(one.trials)}",
                f"{one.seconds:.1f}",
                *_int8_cells(one.int8),
            ],
        )
        for one in found.networks
    ]
    return "\n".join(
        [
            row("network and recipe", columns),
            "| --- |" + " ---: |" * len(columns),
            *rows,
            "",
            "Top-1 on MNIST's 10,000 test images; the int8 file is the first seed's, one image at a time on one "
            f"thread; {_conditions(found)}.",
        ]
    )


def ablation_table(path: Path = ABLATIONS) -> str:
    """Give V2 without each of the things that are claimed for it."""
    found = load_results(path, Comparison)
    base = found.networks[0]
    lines = [
        row(
            "claim", ["V2 is then", "parameters", "top-1, mean ± deviation", "lowest", "difference in points", "seeds"]
        ),
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for claim in claims(len(base.trials)):
        one = found.network(claim.plan.name)
        difference = (
            "" if one is base else f"{100 * (one.mean - base.mean):+.2f} ± {100 * _standard_error(one, base):.2f}"
        )
        cells = [claim.plan.name, f"{one.parameters:,}", _mean(one), f"{one.lowest:.2%}", difference]
        lines.append(row(claim.claim, [*cells, f"{len(one.trials)}"]))
    return "\n".join(
        [
            *lines,
            "",
            "The recipe `reference`, top-1 on MNIST's 10,000 test images; ± after a difference is its standard error; "
            f"{_conditions(found)}.",
        ]
    )


def diagram(network: str) -> str:
    """Draw a network as a Mermaid flow chart."""
    return f"```mermaid\n{mermaid(layers_of(build_model(network)))}\n```"


def _int8_cells(found: Int8 | None) -> list[str]:
    return ["", "", ""] if found is None else [f"{found.bytes:,}", f"{found.accuracy:.2%}", f"{found.microseconds:.1f}"]


def _mean(one: ComparedNetwork) -> str:
    return f"{one.mean:.2%}" if one.deviation is None else f"{one.mean:.2%} ± {one.deviation:.2%}"


def _standard_error(one: ComparedNetwork, other: ComparedNetwork) -> float:
    """Give the standard error of the difference of two means."""
    return math.sqrt(sum((found.deviation or 0) ** 2 / len(found.trials) for found in (one, other)))


def _conditions(found: Comparison) -> str:
    each = f"{found.processes} trainings at once with {found.threads} thread{'' if found.threads == 1 else 's'} each"
    return f"{each}; {describe_machine(found.machine)}; {describe_versions(found.versions)}"


if __name__ == "__main__":
    from mnist_edge.report.page import encode
    from mnist_edge.report.pictures import accuracy_against_parameters

    write_bytes(Path(sys.argv[1]), encode(accuracy_against_parameters(load_results(COMPARISON, Comparison)), "png"))
