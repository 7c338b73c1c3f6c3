"""The tables of the README and of docs/challenge.md, from the committed result files: `python -m tools.readme FILE…`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from export.manifest import read_manifest
from mnist_edge.benchmark.results import Benchmark, Measured, TrainingBenchmark
from mnist_edge.files import load_results
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import ARTIFACTS, FLOAT_FILE, INT8_FILE
from tools.challenge_page import ablation_table, challenge_table, comparison_table, diagram
from tools.markdown import row

DOCS = ARTIFACTS.parent / "docs"
BENCHMARK = DOCS / "benchmark.json"
TRAINING = DOCS / "training.json"


def accuracy_table(artifacts: Path = ARTIFACTS) -> str:
    """Give the table of the models and their measured accuracies, and what it was measured with."""
    rows: list[str] = []
    versions: dict[str, str] = {}
    for manifest in (read_manifest(artifacts / name) for name in ("v1", "v2")):
        versions |= manifest["versions"]
        for file in (FLOAT_FILE, INT8_FILE):
            measured, recipe = manifest["accuracy"][file], manifest["training"]["recipe"]
            rows.append(
                f"| `artifacts/{manifest['name']}/{file}` | {manifest['parameters']:,} | {manifest['multiply_adds']:,} "
                f"| {manifest['files'][file]['bytes']:,} | {measured['top1']:.2%} "
                f"| {measured['expected_calibration_error']:.2%} "
                f"| `{recipe['name']}`, {recipe['epochs']} epochs, seed {manifest['training']['seed']} |"
            )
    made_with = describe_versions({package: versions[package] for package in ("torch", "onnx", "onnxruntime")})
    return "\n".join(
        [
            "| file | parameters | multiply-adds | bytes | top-1 accuracy | calibration error | recipe |",
            "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
            *rows,
            "",
            f"Measured on MNIST's 10,000 test images, trained on its 60,000 training images; {made_with}.",
        ]
    )


def robustness_table(artifacts: Path = ARTIFACTS) -> str:
    """Give how often the int8 models are right on each kind of the robustness suite."""
    found = {name: read_manifest(artifacts / name)["accuracy"][INT8_FILE]["robustness"] for name in ("v1", "v2")}
    means = [[f"{results['means'][group]:.2%}" for results in found.values()] for group in ("photograph", "corruption")]
    rows = [row("**photographs**, mean", means[0]), row("**corruptions**, mean", means[1])]
    rows += [
        row(kind, [f"{results['kinds'][kind]:.1%}" for results in found.values()]) for kind in found["v2"]["kinds"]
    ]
    images = found["v2"]["images_per_kind"]
    return "\n".join(
        [
            row("robustness suite, int8", [name.upper() for name in found]),
            "| --- | ---: | ---: |",
            *rows,
            "",
            f"Top-1 on {images:,} pictures of each kind, made of MNIST's test images by code; `mnist-edge evaluate "
            "--suite robustness`.",
        ]
    )


def rejection_table(artifacts: Path = ARTIFACTS) -> str:
    """Give what shares of digits and of what is none the int8 models reject, at their own threshold and others."""
    found = {name: read_manifest(artifacts / name)["accuracy"][INT8_FILE]["rejection"] for name in ("v1", "v2")}
    shares = ("digits", "blank_or_noise", "unseen_class")
    lines = [
        row("rejected, int8", ["threshold", "MNIST test digits", "blank or noise", "unseen classes"]),
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, rejection in found.items():
        points = [(f"**{name.upper()}, its own**", rejection["own"])]
        points += [(name.upper(), point) for point in rejection["curve"]]
        lines += [
            row(said, [f"{point['reject_below']:.3f}", *(f"{point[share]:.1%}" for share in shares)])
            for said, point in points
        ]
    kinds = {name: rejection["kinds"] for name, rejection in found.items()}
    lines += ["", row("rejected at its own threshold", [name.upper() for name in kinds]), "| --- | ---: | ---: |"]
    lines += [row(kind, [f"{rejected[kind]:.1%}" for rejected in kinds.values()]) for kind in kinds["v2"]]
    images = found["v2"]["images_per_kind"]
    return "\n".join(
        [*lines, "", f"{images:,} pictures of each kind, drawn by code; `mnist-edge evaluate --suite rejection`."]
    )


def speed_table(path: Path = BENCHMARK) -> str:
    """Give the microseconds an image of every engine on one thread, and what each costs a device that runs V2."""
    found = load_results(path, Benchmark)
    threads, most = found.threads[0], found.threads[-1]
    columns = [f"{model.upper()}, batch {batch}" for model in found.models for batch in found.batches]
    first, *_, last = found.models.values()
    speeds = [
        [
            f"{timing.microseconds.median:.1f}"
            for contenders in found.models.values()
            for timing in (_named(contenders, name).timing(threads, batch) for batch in found.batches)
        ]
        for name in (contender.name for contender in first)
    ]
    lines = [row("µs an image, one thread", columns), "| --- |" + " ---: |" * len(columns)]
    lines += [row(contender.name, cells) for contender, cells in zip(first, speeds, strict=True)]
    pace = f"core at {found.predictions_per_second}/s, {most} threads"
    costs = ["accuracy", "model bytes", "cold start", "peak memory", pace]
    lines += ["", row("V2", costs), "| --- |" + " ---: |" * len(costs)]
    lines += [
        row(
            contender.name,
            [
                f"{contender.accuracy:.2%}",
                f"{contender.bytes:,}",
                f"{contender.cold_start_seconds.median:.2f} s",
                "" if contender.peak_bytes is None else f"{contender.peak_bytes / 1e6:.0f} MB",
                f"{contender.processor_shares[str(most)]:.1%}",
            ],
        )
        for contender in last
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"Medians of {found.rounds} interleaved rounds on the {found.images:,} images of {found.data_set}; "
            f"{describe_machine(found.machine)}; {describe_versions(found.versions)}.",
        ]
    )


def training_table(path: Path = TRAINING) -> str:
    """Give the seconds of one epoch by each way of training."""
    found = load_results(path, TrainingBenchmark)
    models = list(found.models)
    lines = [
        row("one epoch, seconds", [column for model in models for column in (model.upper(), "accuracy")]),
        "| --- |" + " ---: |" * (2 * len(models)),
    ]
    lines += [
        row(ways[0].way, [cell for way in ways for cell in (f"{way.seconds.median:.1f}", f"{way.accuracy:.2%}")])
        for ways in zip(*found.models.values(), strict=True)
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"The recipe `reference`, medians of {found.rounds} seeds in turn, {found.threads} threads, accuracy on "
            f"MNIST's test images; {describe_machine(found.machine)}; {describe_versions(found.versions)}.",
        ]
    )


def _named(contenders: Sequence[Measured], name: str) -> Measured:
    return next(contender for contender in contenders if contender.name == name)


def with_tables(text: str, artifacts: Path = ARTIFACTS) -> str:
    """Give a page with its tables written anew."""
    tables = {
        "accuracy": accuracy_table(artifacts),
        "robustness": robustness_table(artifacts),
        "challenge": challenge_table(),
        "comparison": comparison_table(),
        "ablations": ablation_table(),
        "diagram-v1": diagram("v1"),
        "diagram-v2": diagram("v2"),
        "rejection": rejection_table(artifacts),
        "speed": speed_table(),
        "training": training_table(),
    }
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, table=table: f"{match[1]}{table}{match[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(with_tables(page.read_text("utf-8")), "utf-8")
