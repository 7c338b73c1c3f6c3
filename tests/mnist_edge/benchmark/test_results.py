"""Results survive a round trip through their files, other files are refused, and the chart shows them."""

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.benchmark.machines import add_machine, read_machines
from mnist_edge.benchmark.picture_files import SMALL
from mnist_edge.benchmark.picture_results import PictureBenchmark, PictureResult
from mnist_edge.benchmark.plot import encode, pictures_figure, plot_benchmark
from mnist_edge.benchmark.results import (
    Benchmark,
    Benchmarks,
    ContenderResult,
    Spread,
    Timing,
    TrainingBenchmark,
    TrainingBenchmarks,
    TrainingTiming,
)
from mnist_edge.errors import BenchmarkError
from mnist_edge.evaluation.robustness import Group, RobustnessResult
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import Machine

MACHINE = Machine("a processor", ("avx2",), 2, "Linux x86_64", "3.11.7")


def _result(name: str, factor: float) -> ContenderResult:
    timings = tuple(
        Timing(threads, batch, Spread(20 / factor, 19 / factor, 22 / factor), factor)
        for threads in (1, 2)
        for batch in (1, 256)
    )
    return ContenderResult(name, "numpy", 0.98, 1000, Spread(0.1, 0.1, 0.2), None, {"1": 0.01, "2": 0.4}, timings)


@pytest.fixture
def benchmark() -> Benchmark:
    contenders = (_result("mnist-edge, float32", 1.0), _result("mnist-edge, int8", 2.0), _result("a peer", 0.1))
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


def test_a_benchmark_survives_a_round_trip(benchmark: Benchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "results.json", benchmark)
    assert load_results(tmp_path / "results.json", Benchmark) == benchmark


def test_a_training_benchmark_survives_a_round_trip(training_benchmark: TrainingBenchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "results.json", training_benchmark)
    assert load_results(tmp_path / "results.json", TrainingBenchmark) == training_benchmark


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"kind": 1, "format": 2}'),
        *('{"kind": "Benchmark", "format": 1}', '{"kind": "Comparison", "format": 1}'),
    ],
)
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    for kind in (Benchmark, TrainingBenchmark, Comparison):
        with pytest.raises(BenchmarkError, match=r"holds no results.*Measure again"):
            load_results(path, kind)


def test_results_of_another_kind_or_with_gaps_are_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    save_results(tmp_path / "results.json", benchmark)
    with pytest.raises(BenchmarkError):
        load_results(tmp_path / "results.json", TrainingBenchmark)
    content = json.loads((tmp_path / "results.json").read_text())
    del content["models"]["v1"][0]["timings"]
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(BenchmarkError):
        load_results(tmp_path / "results.json", Benchmark)


def test_another_machine_is_added_and_the_same_replaced(
    benchmark: Benchmark, training_benchmark: TrainingBenchmark, tmp_path: Path
) -> None:
    """Each other processor, instruction set, number of cores or system makes another machine; Python does not."""
    others = [
        replace(MACHINE, **change)
        for change in ({"processor": "b"}, {"flags": ("avx2", "avx_vnni")}, {"cores": 4}, {"system": "Linux aarch64"})
    ]
    results: Any  # Benchmark or TrainingBenchmark
    several: Any
    for results, several in ((benchmark, Benchmarks), (training_benchmark, TrainingBenchmarks)):
        path = tmp_path / f"{several.__name__}.json"
        measured = [results, *(replace(results, machine=other) for other in others)]
        for each in measured:
            add_machine(path, each)
        assert list(load_results(path, several).machines) == measured
        again = replace(results, machine=replace(MACHINE, python="3.14.0"), rounds=99)
        add_machine(path, again)
        assert list(load_results(path, several).machines) == [*measured[1:], again]


def test_adding_a_machine_needs_the_base_packages_only(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    for cores in (1, 2):
        add_machine(tmp_path / "results.json", replace(benchmark, machine=replace(MACHINE, cores=cores)))
    assert len(read_machines(tmp_path / "results.json", Benchmarks)) == 2


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            "[]",
            '{"kind": "Benchmark", "format": 1}',
            '{"kind": "TrainingBenchmarks", "format": 1, "machines": []}',
        ),
        *(
            f'{{"kind": "Benchmarks", "format": 1{rest}}}'
            for rest in ("", ', "machines": 1', ', "machines": [1]', ', "machines": [{"machine": {}}]')
        ),
    ],
)
def test_no_machine_is_added_to_a_foreign_file(benchmark: Benchmark, content: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(BenchmarkError, match=r"holds no results of type Benchmarks.*into a new file"):
        add_machine(path, benchmark)
    assert path.read_text() == content


def test_the_chart_puts_the_fastest_on_top_and_colors_ours(benchmark: Benchmark, tmp_path: Path) -> None:
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
    is_bar = [(panel == color).all(axis=2) for color in (ours, other)]
    left = np.flatnonzero(is_bar[0].any(axis=0))[2]  # where all bars begin
    column = [
        ours if mine else other if its else None for mine, its in zip(*(bar[:, left] for bar in is_bar), strict=True)
    ]
    # From the top down, the two of this project come before the peer's.
    assert [color for color, _ in itertools.groupby(column) if color] == [ours, ours, other]


def test_the_chart_of_pictures_has_a_point_for_each_contender() -> None:
    def contender(name: str, milliseconds: float, correct: int) -> PictureResult:
        kinds = tuple(RobustnessResult(group, "a kind", 10, correct, 0) for group in get_args(Group))
        spread = Spread(milliseconds, milliseconds, milliseconds)
        return PictureResult(name, {SMALL: spread}, kinds, {"blank": 1.0}, spread, None, None)

    points = {"mnist-edge, V2": (0.5, 10), "a peer": (30.0, 7), "another": (4.0, 0)}
    contenders = tuple(contender(name, *point) for name, point in points.items())
    figure = pictures_figure(PictureBenchmark(MACHINE, {}, "MNIST test", 10, 1, contenders, {}, {}, None))
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "accuracy on photographs",
        "accuracy on corruptions",
    ]
    for panel in figure.axes:
        drawn = {line.get_label(): line for line in panel.get_lines()}
        assert drawn.keys() == points.keys()
        for name, (milliseconds, accuracy) in {**points, "mnist-edge, V2": (0.5, 9.5), "another": (4.0, 0.5)}.items():
            assert drawn[name].get_xdata() == [milliseconds]
            assert drawn[name].get_ydata() == [accuracy / 10]  # all and none are drawn half a picture from the ends
        assert drawn["mnist-edge, V2"].get_color() != drawn["a peer"].get_color() == drawn["another"].get_color()
    assert encode(figure, "png").startswith(b"\x89PNG")
