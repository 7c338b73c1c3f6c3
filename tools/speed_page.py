"""The tables of speed and of training speed in README.md and docs/results.md, by machine."""

from collections.abc import Iterator
from pathlib import Path

from export.manifest import read_manifest
from mnist_edge.benchmark.results import Benchmark, Benchmarks, TrainingBenchmark, TrainingBenchmarks
from mnist_edge.files import load_results
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import ARTIFACTS, INT8_FILE, MODELS
from tools.markdown import table

DOCS = ARTIFACTS.parent / "docs"
BENCHMARK = DOCS / "benchmark.json"
TRAINING = DOCS / "training.json"
_OURS = "mnist-edge, int8"
_PEER = "LiteRT, plain int8"


def summary_table(artifacts: Path = ARTIFACTS, path: Path = BENCHMARK) -> str:
    """Return a table of each int8 model's size and accuracy, and its speed on each machine."""
    benchmarks = load_results(path, Benchmarks).machines
    rows = []
    for model in MODELS:
        manifest = read_manifest(artifacts / model)
        rows.append(
            [
                f"{model.upper()}, {manifest.parameters:,} parameters",
                f"{manifest.files[INT8_FILE].bytes:,}",
                f"{manifest.accuracy[INT8_FILE].top1:.2%}",
                *(_first_and_last(each, model) for each in benchmarks),
            ]
        )
    machines = [
        f"µs per image, batches of {each.batches[0]} / {each.batches[-1]}, {describe_machine(each.machine)}"
        for each in benchmarks
    ]
    return table(
        ["int8 model", f"bytes of `{INT8_FILE}`", "accuracy", *machines],
        rows,
        "Accuracy on MNIST's 10,000 test images; time of `Predictor`, which opens the optimized file, on one thread.",
    )


def speed_table(path: Path = BENCHMARK) -> str:
    """Return the time of ours in LiteRT's by machine, then each machine's microseconds per image and costs."""
    benchmarks = load_results(path, Benchmarks).machines
    cases = dict.fromkeys((model, batch) for each in benchmarks for model in each.models for batch in each.batches)
    models = list(dict.fromkeys(model for model, _ in cases))
    ratios = table(
        [f"time of {_OURS} / {_PEER}", *(describe_machine(each.machine) for each in benchmarks)],
        [
            [f"{model.upper()}, batch {batch}", *(_ratio(each, model, batch) for each in benchmarks)]
            for model, batch in sorted(cases, key=lambda case: (models.index(case[0]), case[1]))
        ],
        "Ratios of medians on one thread: below 1, mnist-edge takes less time.",
    )
    return "\n\n".join([ratios, *(part for each in benchmarks for part in _machine_speed(each))])


def training_table(path: Path = TRAINING) -> str:
    """Return how many times as long the other ways of training take by machine, then each machine's seconds."""
    benchmarks = load_results(path, TrainingBenchmarks).machines
    times = [{(model, way.way): way for model, ways in each.models.items() for way in ways} for each in benchmarks]
    cases = dict.fromkeys(case for each in benchmarks for case in _others(each))
    models = list(dict.fromkeys(model for model, _ in cases))
    ratios = table(
        ["one epoch, time / mnist-edge's", *(describe_machine(each.machine) for each in benchmarks)],
        [
            [
                f"{model.upper()}, {way}",
                *(f"{each[model, way].ratio:.2f}" if (model, way) in each else "" for each in times),
            ]
            for model, way in sorted(cases, key=lambda case: models.index(case[0]))
        ],
        "Medians of each seed's ratio.",
    )
    return "\n\n".join([ratios, *(part for each in benchmarks for part in _machine_training(each))])


def _microseconds(benchmark: Benchmark, model: str, name: str, batch: int) -> float | None:
    """Return the median time per image on one thread, None if it was not measured."""
    times = [
        timing.microseconds.median
        for contender in benchmark.models.get(model, ())
        if contender.name == name
        for timing in contender.timings
        if (timing.threads, timing.batch) == (1, batch)
    ]
    return times[0] if times else None


def _first_and_last(benchmark: Benchmark, model: str) -> str:
    """Return our times for the smallest and for the largest batch, empty if they were not measured."""
    times = (_microseconds(benchmark, model, _OURS, batch) for batch in (benchmark.batches[0], benchmark.batches[-1]))
    return " / ".join(f"{time:.1f}" for time in times if time is not None)


def _ratio(benchmark: Benchmark, model: str, batch: int) -> str:
    ours, peer = (_microseconds(benchmark, model, name, batch) for name in (_OURS, _PEER))
    return "" if ours is None or peer is None else f"{ours / peer:.2f}"


def _machine_speed(benchmark: Benchmark) -> Iterator[str]:
    all_threads = benchmark.threads[-1]
    last_model, contenders = list(benchmark.models.items())[-1]
    names = dict.fromkeys(contender.name for each in benchmark.models.values() for contender in each)
    cases = [(model, batch) for model in benchmark.models for batch in benchmark.batches]
    yield f"**{describe_machine(benchmark.machine)}**"
    yield table(
        ["µs per image, one thread", *(f"{model.upper()}, batch {batch}" for model, batch in cases)],
        [
            [name, *("" if time is None else f"{time:.1f}" for time in times)]
            for name in names
            for times in [[_microseconds(benchmark, model, name, batch) for model, batch in cases]]
        ],
    )
    pace = f"share of one core at {benchmark.predictions_per_second} images/s, {all_threads} threads"
    yield table(
        [last_model.upper(), "accuracy", "model bytes", "cold start", "peak memory", pace],
        [
            [
                contender.name,
                f"{contender.accuracy:.2%}",
                f"{contender.bytes:,}",
                f"{contender.cold_start_seconds.median:.2f} s",
                "" if contender.peak_bytes is None else f"{contender.peak_bytes / 1e6:.0f} MB",
                f"{contender.processor_shares[str(all_threads)]:.1%}",
            ]
            for contender in contenders
        ],
        f"Speed: medians of {benchmark.rounds} interleaved rounds; cold start: median of 5; memory and processor "
        f"share: one run; {benchmark.images:,} images of {benchmark.data_set}; "
        f"{describe_versions(benchmark.versions)}.",
    )


def _others(benchmark: TrainingBenchmark) -> Iterator[tuple[str, str]]:
    """Yield each model with each way of training it but this project's own, which comes first."""
    for model, ways in benchmark.models.items():
        yield from ((model, way.way) for way in ways[1:])


def _machine_training(benchmark: TrainingBenchmark) -> Iterator[str]:
    yield f"**{describe_machine(benchmark.machine)}**"
    yield table(
        ["one epoch, seconds", *(column for model in benchmark.models for column in (model.upper(), "accuracy"))],
        [
            [ways[0].way, *(cell for way in ways for cell in (f"{way.seconds.median:.1f}", f"{way.accuracy:.2%}"))]
            for ways in zip(*benchmark.models.values(), strict=True)
        ],
        f"The recipe `reference`, {benchmark.rounds} interleaved seeds, {benchmark.threads} threads. Seconds are "
        f"medians, accuracies on MNIST's test images means; {describe_versions(benchmark.versions)}.",
    )
