"""The tables of speed have a column for each machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.benchmark.machines import add_machine
from mnist_edge.benchmark.results import (
    Benchmark,
    ContenderResult,
    Spread,
    Timing,
    TrainingBenchmark,
    TrainingTiming,
)
from mnist_edge.machine import Machine
from tools.speed_page import speed_table, summary_table, training_table

OLD = Machine("old", ("avx2",), 2, "Linux x86_64", "3.11.7")
NEW = Machine("new", (), 1, "Linux aarch64", "3.12.0")


def contender(name: str, microseconds: dict[int, float]) -> ContenderResult:
    """Twice as fast on two threads, of which the tables must show nothing."""
    timings = tuple(
        Timing(threads, batch, Spread(time / threads, 0, 0), 1.0)
        for threads in (1, 2)
        for batch, time in microseconds.items()
    )
    return ContenderResult(name, "numpy", 0.98, 1000, Spread(0.1, 0, 0), None, {"1": 0.01, "2": 0.4}, timings)


def benchmark(machine: Machine, ours: dict[int, float], **models: dict[int, float]) -> Benchmark:
    """Return a benchmark in which LiteRT takes these times for each model."""
    contenders: dict[str, tuple[ContenderResult, ...]] = {
        model: (contender("mnist-edge, int8", ours), contender("LiteRT, plain int8", times))
        for model, times in models.items()
    }
    return Benchmark(machine, {}, "MNIST test", 10_000, 3, (1, 2), tuple(ours), 10, contenders, {}, {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "benchmark.json"
    both: dict[str, Any] = {"v1": {1: 10.0, 256: 4.0}, "v2": {1: 20.0, 256: 8.0}}
    add_machine(path, benchmark(OLD, {1: 12.0, 256: 4.0}, **both))
    return path


def test_a_second_machine_adds_a_column(path: Path) -> None:
    """It measured another batch, and V1 alone: what a machine did not measure stays empty."""
    alone = speed_table(path)
    assert alone.splitlines()[0] == "| time of mnist-edge, int8 / LiteRT, plain int8 | old with avx2, 2 cores |"
    add_machine(path, benchmark(NEW, {1: 30.0, 16: 5.0}, v1={1: 20.0, 16: 10.0}))
    ratios, _, *tables = speed_table(path).split("\n\n")
    assert ratios.splitlines() == [
        "| time of mnist-edge, int8 / LiteRT, plain int8 | old with avx2, 2 cores | new, 1 core |",
        "| --- | ---: | ---: |",
        "| V1, batch 1 | 1.20 | 1.50 |",
        "| V1, batch 16 |  | 0.50 |",
        "| V1, batch 256 | 1.00 |  |",
        "| V2, batch 1 | 0.60 |  |",
        "| V2, batch 256 | 0.50 |  |",
    ]
    assert [table for table in tables if table.startswith("**")] == ["**old with avx2, 2 cores**", "**new, 1 core**"]
    for table in alone.split("\n\n")[1:]:
        assert table in speed_table(path)
    assert "| LiteRT, plain int8 | 20.0 | 10.0 |" in tables[tables.index("**new, 1 core**") + 1]


def test_a_contender_of_some_models_has_empty_cells(path: Path) -> None:
    """One that failed with a model, say."""
    results = benchmark(NEW, {1: 30.0}, v1={1: 20.0}, v2={1: 10.0})
    add_machine(path, replace(results, models={**results.models, "v2": results.models["v2"][:1]}))
    assert "| LiteRT, plain int8 | 20.0 |  |" in speed_table(path)
    assert "| V2, batch 1 | 0.60 |  |" in speed_table(path)


def test_the_summary_has_a_column_for_each_machine(path: Path) -> None:
    alone = summary_table(path=path).splitlines()
    assert alone[0].endswith("| accuracy | µs per image, batches of 1 / 256, old with avx2, 2 cores |")
    assert all(line.endswith("| 12.0 / 4.0 |") for line in alone[2:4])
    add_machine(path, benchmark(NEW, {1: 30.0, 16: 5.0}, v1={1: 20.0, 16: 10.0}))
    header, _, v1, v2 = summary_table(path=path).splitlines()[:4]
    assert header == f"{alone[0]} µs per image, batches of 1 / 16, new, 1 core |"
    assert v1.endswith("| 12.0 / 4.0 | 30.0 / 5.0 |")
    assert v2.endswith("| 12.0 / 4.0 |  |")


def test_training_has_a_column_for_each_machine(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    ours = TrainingTiming("ours", Spread(4, 3, 5), 1.0, 0.98)
    other = TrainingTiming("other", Spread(8, 7, 9), 2.05, 0.97)
    add_machine(path, TrainingBenchmark(OLD, {}, "MNIST", 3, 2, {"v1": (ours, other), "v2": (ours, other)}))
    another = TrainingTiming("another", Spread(40, 39, 41), 10.0, 0.97)
    add_machine(path, TrainingBenchmark(NEW, {}, "MNIST", 3, 1, {"v1": (ours, another)}))
    ratios, _, *tables = training_table(path).split("\n\n")
    assert ratios.splitlines() == [
        "| one epoch, time / mnist-edge's | old with avx2, 2 cores | new, 1 core |",
        "| --- | ---: | ---: |",
        "| V1, other | 2.05 |  |",
        "| V1, another |  | 10.00 |",
        "| V2, other | 2.05 |  |",
    ]
    assert "| other | 8.0 | 97.00% | 8.0 | 97.00% |" in tables[tables.index("**old with avx2, 2 cores**") + 1]
    assert "| another | 40.0 | 97.00% |" in tables[tables.index("**new, 1 core**") + 1]
