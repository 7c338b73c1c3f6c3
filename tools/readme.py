"""Write the generated tables of README.md and docs/ anew: `python -m tools.readme FILE…`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from export.manifest import Measurements, read_manifest
from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS
from mnist_edge.machine import describe_versions
from runtime.contract import ARTIFACTS, FLOAT_FILE, INT8_FILE, MODELS
from tools.challenge_page import ablation_table, challenge_table, comparison_table, diagram
from tools.devices_page import devices_table, reach_table
from tools.former_page import former_table
from tools.markdown import fill, table
from tools.page_results import page_table
from tools.pictures_page import pictures_table, versions_table
from tools.scoring_page import scoring_table
from tools.speed_page import speed_table, summary_table, training_table


def accuracy_table(artifacts: Path = ARTIFACTS) -> str:
    """Return the exported files with their sizes and measured accuracies."""
    rows: list[list[str]] = []
    versions: dict[str, str] = {}
    for manifest in (read_manifest(artifacts / model) for model in MODELS):
        versions |= manifest.versions
        for file in (FLOAT_FILE, INT8_FILE):
            measured, recipe = manifest.accuracy[file], manifest.training.recipe
            trained = 60_000 - recipe["validation_images"]
            rows.append(
                [
                    f"`artifacts/{manifest.name}/{file}`",
                    f"{manifest.parameters:,}",
                    f"{manifest.multiply_adds:,}",
                    f"{manifest.files[file].bytes:,}",
                    f"{measured.top1:.2%}",
                    f"{measured.expected_calibration_error:.2%}",
                    f"`{recipe['name']}`, {recipe['epochs']} epochs, seed {manifest.training.seed}",
                ]
            )
    packages = describe_versions({package: versions[package] for package in ("torch", "onnx", "onnxruntime")})
    return table(
        ["file", "parameters", "multiply-adds", "bytes", "top-1 accuracy", "calibration error", "recipe"],
        rows,
        f"Measured on MNIST's 10,000 test images after training on {trained:,} of its 60,000 training images; "
        f"{packages}.",
    )


def robustness_table(artifacts: Path = ARTIFACTS) -> str:
    """Return the accuracy of the int8 models on each kind of picture of the robustness suite."""
    suites = {model: results.robustness for model, results in _recorded(artifacts) if results.robustness}
    rows = [
        ["**photographs**, mean", *(f"{suite.means.photograph:.2%}" for suite in suites.values())],
        ["**corruptions**, mean", *(f"{suite.means.corruption:.2%}" for suite in suites.values())],
        *([kind, *(f"{suite.kinds[kind]:.1%}" for suite in suites.values())] for kind in suites["v2"].kinds),
    ]
    return table(
        ["robustness suite, int8", *(model.upper() for model in suites)],
        rows,
        f"Top-1 accuracy on {suites['v2'].images_per_kind:,} pictures of each kind, made from MNIST's test images by "
        "code. A best guess counts even if the picture is rejected. `mnist-edge evaluate --suite robustness`.",
    )


def styles_table(artifacts: Path = ARTIFACTS) -> str:
    """Return the accuracy of the int8 models on each style of the styles suite."""
    suites = {model: results.styles for model, results in _recorded(artifacts) if results.styles}
    rows = [
        ["**mean**", *(f"{suite.mean.accuracy:.2%}" for suite in suites.values())],
        ["share rejected", *(f"{suite.mean.rejected:.2%}" for suite in suites.values())],
        *(
            [style, *(f"{suite.styles[style].accuracy:.0%}" for suite in suites.values())]
            for style in suites["v2"].styles
        ),
    ]
    return table(
        ["styles suite, int8", *(model.upper() for model in suites)],
        rows,
        f"Top-1 accuracy on {suites['v2'].images_per_style:,} pictures of each style, drawn by code. A best guess "
        "counts even if the picture is rejected. `mnist-edge evaluate --suite styles`.",
    )


def rejection_table(artifacts: Path = ARTIFACTS) -> str:
    """Return what the int8 models reject: at their own threshold and at others, then by kind."""
    suites = {model: results.rejection for model, results in _recorded(artifacts) if results.rejection}
    curve = table(
        ["rejected, int8", "threshold", "MNIST test digits", *NON_DIGIT_GROUPS],
        [
            [
                f"**{model.upper()}, its own**" if point is suite.own else model.upper(),
                f"{point.reject_below:.3f}",
                f"{point.digits:.2%}",
                *(f"{point.non_digits[group]:.1%}" for group in NON_DIGIT_GROUPS),
            ]
            for model, suite in suites.items()
            for point in (suite.own, *suite.curve)
        ],
    )
    by_kind = table(
        ["rejected at its own threshold", *(model.upper() for model in suites)],
        [
            [f"{NON_DIGITS[kind][0]}: {kind}", *(f"{suite.kinds[kind]:.1%}" for suite in suites.values())]
            for kind in suites["v2"].kinds
        ],
        f"{suites['v2'].images_per_kind:,} pictures of each kind, drawn by code or cut out of photographs; "
        "`mnist-edge evaluate --suite rejection`.",
    )
    return f"{curve}\n\n{by_kind}"


TABLES: dict[str, Callable[[], str]] = {
    "summary": summary_table,
    "accuracy": accuracy_table,
    "robustness": robustness_table,
    "styles": styles_table,
    "rejection": rejection_table,
    "former": former_table,
    "speed": speed_table,
    "training": training_table,
    "pictures": pictures_table,
    "versions": versions_table,
    "reach": reach_table,
    "devices": devices_table,
    "page": page_table,
    "scoring": scoring_table,
    "challenge": challenge_table,
    "comparison": comparison_table,
    "ablations": ablation_table,
    "diagram-v1": lambda: diagram("v1"),
    "diagram-v2": lambda: diagram("v2"),
}


def _recorded(artifacts: Path) -> Iterator[tuple[str, Measurements]]:
    for model in MODELS:
        yield model, read_manifest(artifacts / model).accuracy[INT8_FILE]


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(fill(page.read_text("utf-8"), TABLES), "utf-8")
