"""Results are kept whole in files, and others are refused."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.benchmark.plot import plot_benchmark
from mnist_edge.benchmark.results import (
    Benchmark,
    ContenderResult,
    Spread,
    Timing,
    TrainingBenchmark,
    TrainingTiming,
)
from mnist_edge.errors import BenchmarkError
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import Machine

MACHINE = Machine("a processor", ("avx2",), 2, "Linux x86_64", "3.11.7")


def _measured(name: str, factor: float) -> ContenderResult:
    timings = tuple(
        Timing(threads, batch, Spread(20 / factor, 19 / factor, 22 / factor), factor)
        for threads in (1, 2)
        for batch in (1, 256)
    )
    return ContenderResult(name, "numpy", 0.98, 1000, Spread(0.1, 0.1, 0.2), None, {"1": 0.01, "2": 0.4}, timings)


@pytest.fixture
def benchmark() -> Benchmark:
    contenders = (_measured("mnist-edge, float32", 1.0), _measured("mnist-edge, int8", 2.0), _measured("a peer", 0.1))
    models = {"v1": contenders, "v2": contenders[:2]}
    missing, failed = {"LiteRT": "pip install ai-edge-litert"}, {"ncnn": "ValueError"}
    return Benchmark(MACHINE, {"numpy": "2.4"}, "MNIST test", 10_000, 3, (1, 2), (1, 256), 10, models, missing, failed)


@pytest.fixture
def training_benchmark() -> TrainingBenchmark:
    ways = (TrainingTiming("ours", Spread(4, 3, 5), 1.0, 0.98), TrainingTiming("other", Spread(8, 7, 9), 2.0, 0.97))
    return TrainingBenchmark(MACHINE, {"torch": "2.15"}, "MNIST", 3, 2, {"v1": ways})


def test_spread_is_the_median_and_the_quartiles() -> None:
    assert Spread.of([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(3.0, 2.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_a_benchmark_is_read_as_it_was_written(benchmark: Benchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "found.json", benchmark)
    assert load_results(tmp_path / "found.json", Benchmark) == benchmark


def test_a_training_benchmark_is_read_as_it_was_written(training_benchmark: TrainingBenchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "found.json", training_benchmark)
    assert load_results(tmp_path / "found.json", TrainingBenchmark) == training_benchmark


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "Benchmark", "format": 1}', '{"kind": 1, "format": 2}'])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(content)
    for kind in (Benchmark, TrainingBenchmark, Comparison):
        with pytest.raises(BenchmarkError, match="Measure again"):
            load_results(path, kind)


def test_one_kind_is_not_the_other(benchmark: Benchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "found.json", benchmark)
    with pytest.raises(BenchmarkError):
        load_results(tmp_path / "found.json", TrainingBenchmark)
    content = json.loads((tmp_path / "found.json").read_text())
    del content["models"]["v1"][0]["timings"]
    (tmp_path / "found.json").write_text(json.dumps(content))
    with pytest.raises(BenchmarkError):
        load_results(tmp_path / "found.json", Benchmark)


def test_the_chart_shows_the_fastest_on_top_and_ours_in_colour(benchmark: Benchmark, tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    plot_benchmark(path, benchmark)
    with Image.open(path) as image:
        assert image.format == "PNG"
        width, height = image.size
        pixels = image.convert("RGB")
    assert width > 1000
    assert height > 400
    ours, other = (31, 111, 235), (182, 190, 201)
    panel = np.asarray(pixels)[: height // 2, : width // 2]
    is_bar = [(panel == colour).all(axis=2) for colour in (ours, other)]
    left = np.flatnonzero(is_bar[0].any(axis=0))[2]  # where all bars begin
    column = [
        ours if mine else other if its else None for mine, its in zip(*(bar[:, left] for bar in is_bar), strict=True)
    ]
    # From the top down, the two of this project come before the peer's.
    assert [colour for colour, _ in itertools.groupby(column) if colour] == [ours, ours, other]
