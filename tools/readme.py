"""Write the generated tables of README.md and docs/ anew: `python -m tools.readme FILE…`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from export.manifest import Measurements, read_manifest
from mnist_edge.benchmark.results import Benchmark, TrainingBenchmark
from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS, NON_DIGITS
from mnist_edge.files import load_results
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import ARTIFACTS, FLOAT_FILE, INT8_FILE, MODELS
from tools.challenge_page import ablation_table, challenge_table, comparison_table, diagram
from tools.devices_page import devices_table, reach_table
from tools.markdown import fill, table
from tools.page_results import page_table
from tools.pictures_page import pictures_table, versions_table
from tools.scoring_page import scoring_table

DOCS = ARTIFACTS.parent / "docs"
BENCHMARK = DOCS / "benchmark.json"
TRAINING = DOCS / "training.json"
_INT8_CONTENDER = "mnist-edge, int8"


def summary_table(artifacts: Path = ARTIFACTS, path: Path = BENCHMARK) -> str:
    """Return a table of each int8 model's size, accuracy and speed."""
    benchmark = load_results(path, Benchmark)
    threads, batches = benchmark.threads[0], (benchmark.batches[0], benchmark.batches[-1])
    rows = []
    for model in MODELS:
        manifest = read_manifest(artifacts / model)
        contender = next(entry for entry in benchmark.models[model] if entry.name == _INT8_CONTENDER)
        rows.append(
            [
                f"{model.upper()}, {manifest.parameters:,} parameters",
                f"{manifest.files[INT8_FILE].bytes:,}",
                f"{manifest.accuracy[INT8_FILE].top1:.2%}",
                *(f"{contender.timing(threads, batch).microseconds.median:.1f} µs" for batch in batches),
            ]
        )
    return table(
        ["int8 model", "bytes", "accuracy", "one image", f"per image in batches of {batches[1]}"],
        rows,
        "Accuracy on MNIST's 10,000 test images; time on one thread; processor: "
        f"{describe_machine(benchmark.machine)}.",
    )


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
        "code; `mnist-edge evaluate --suite robustness`.",
    )


def styles_table(artifacts: Path = ARTIFACTS) -> str:
    """Return the accuracy of the int8 models on each style of the styles suite."""
    suites = {model: results.styles for model, results in _recorded(artifacts) if results.styles}
    rows = [
        ["**mean**", *(f"{suite.mean.accuracy:.2%}" for suite in suites.values())],
        ["rejected", *(f"{suite.mean.rejected:.2%}" for suite in suites.values())],
        *(
            [style, *(f"{suite.styles[style].accuracy:.0%}" for suite in suites.values())]
            for style in suites["v2"].styles
        ),
    ]
    return table(
        ["styles suite, int8", *(model.upper() for model in suites)],
        rows,
        f"Top-1 accuracy on {suites['v2'].images_per_style:,} pictures of each style, drawn by code; "
        "`mnist-edge evaluate --suite styles`.",
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
                f"{point.digits:.1%}",
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


def speed_table(path: Path = BENCHMARK) -> str:
    """Return microseconds per image of every engine on one thread, then what each costs a device that runs V2."""
    benchmark = load_results(path, Benchmark)
    one_thread, all_threads = benchmark.threads[0], benchmark.threads[-1]
    first_model, *_, last_model = benchmark.models.values()
    speed = table(
        ["µs per image, one thread"]
        + [f"{model.upper()}, batch {batch}" for model in benchmark.models for batch in benchmark.batches],
        [
            [
                contender.name,
                *(
                    f"{entry.timing(one_thread, batch).microseconds.median:.1f}"
                    for contenders in benchmark.models.values()
                    for entry in contenders
                    if entry.name == contender.name
                    for batch in benchmark.batches
                ),
            ]
            for contender in first_model
        ],
    )
    pace = f"share of one core at {benchmark.predictions_per_second} images/s, {all_threads} threads"
    costs = table(
        ["V2", "accuracy", "model bytes", "cold start", "peak memory", pace],
        [
            [
                contender.name,
                f"{contender.accuracy:.2%}",
                f"{contender.bytes:,}",
                f"{contender.cold_start_seconds.median:.2f} s",
                "" if contender.peak_bytes is None else f"{contender.peak_bytes / 1e6:.0f} MB",
                f"{contender.processor_shares[str(all_threads)]:.1%}",
            ]
            for contender in last_model
        ],
        f"Speed: medians of {benchmark.rounds} interleaved rounds; cold start: median of 5; memory and processor "
        f"share: one run; {benchmark.images:,} images of {benchmark.data_set}; {_conditions(benchmark)}.",
    )
    return f"{speed}\n\n{costs}"


def training_table(path: Path = TRAINING) -> str:
    """Return the seconds that one epoch takes by each way of training."""
    benchmark = load_results(path, TrainingBenchmark)
    return table(
        ["one epoch, seconds", *(column for model in benchmark.models for column in (model.upper(), "accuracy"))],
        [
            [ways[0].way, *(cell for way in ways for cell in (f"{way.seconds.median:.1f}", f"{way.accuracy:.2%}"))]
            for ways in zip(*benchmark.models.values(), strict=True)
        ],
        f"The recipe `reference`, {benchmark.rounds} interleaved seeds, {benchmark.threads} threads. Seconds are "
        f"medians, accuracies on MNIST's test images means; {_conditions(benchmark)}.",
    )


TABLES: dict[str, Callable[[], str]] = {
    "summary": summary_table,
    "accuracy": accuracy_table,
    "robustness": robustness_table,
    "styles": styles_table,
    "rejection": rejection_table,
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


def _conditions(benchmark: Benchmark | TrainingBenchmark) -> str:
    return f"{describe_machine(benchmark.machine)}; {describe_versions(benchmark.versions)}"


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(fill(page.read_text("utf-8"), TABLES), "utf-8")
