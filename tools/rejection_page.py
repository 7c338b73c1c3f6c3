"""Plot the rejection rates of non-digits over those of digits, of the int8 models: `tools.rejection_page PNG`."""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from export.manifest import read_manifest
from mnist_edge.benchmark.plot import encode
from mnist_edge.evaluation.non_digits import NonDigitGroup
from mnist_edge.evaluation.rejection import RejectionResult
from mnist_edge.files import write_bytes
from runtime.contract import ARTIFACTS, INT8_FILE, MODELS

_COLORS: dict[NonDigitGroup, str] = {"unseen class": "#1f6feb", "seen class": "#8250df", "natural": "#1a7f37"}
"""Colors by group; blank and noisy pictures are left out, as all are rejected."""


def rejection_figure(suites: dict[str, RejectionResult]) -> Figure:
    """Return a chart for each model, by name: digits rejected against non-digits rejected, by two scores."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    panels = figure.subplots(1, len(suites), sharey=True, squeeze=False)[0]
    for panel, (model, suite) in zip(panels, suites.items(), strict=True):
        for group, color in _COLORS.items():
            for name, curve, line in (
                ("plausibility", suite.curve, "o-"),
                ("confidence", suite.confidence_curve, "o:"),
            ):
                digits = [100 * point.digits for point in curve]
                non_digits = [100 * point.non_digits[group] for point in curve]
                panel.plot(digits, non_digits, line, color=color, markersize=3, label=f"{group}, by {name}")
            panel.plot(100 * suite.own.digits, 100 * suite.own.non_digits[group], "s", color=color, markersize=7)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}%")
        panel.yaxis.set_major_formatter("{x:g}%")
        panel.grid(alpha=0.25)
        panel.set_title(f"{model.upper()}, int8", loc="left", size=10, weight="bold")
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    figure.supxlabel("MNIST's test digits rejected; squares: the models' own threshold", size=8)
    figure.supylabel("non-digits rejected", size=8)
    return figure


def recorded_suites(artifacts: Path = ARTIFACTS) -> dict[str, RejectionResult]:
    """Return the rejection suite's results in the manifests of the models that have them, by the model's name."""
    measured = {model: read_manifest(artifacts / model).accuracy.get(INT8_FILE) for model in MODELS}
    return {
        model: each.rejection for model, each in measured.items() if each is not None and each.rejection is not None
    }


if __name__ == "__main__":
    write_bytes(Path(sys.argv[1]), encode(rejection_figure(recorded_suites()), "png"))
