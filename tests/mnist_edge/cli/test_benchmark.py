"""`mnist-edge benchmark`, with few contenders and little patience."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mnist_edge.benchmark import measure, results, training
from mnist_edge.benchmark.contenders import contenders
from mnist_edge.cli.app import app
from mnist_edge.files import load_results
from tests.conftest import Run
from tools.readme import BENCHMARK


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "COLD_STARTS", 1)
    monkeypatch.setattr(measure, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(measure, "PACE_SECONDS", 0.2)

    def two(*arguments: Any) -> Any:
        return contenders(*arguments)[0][:2], {"a peer": "pip install a-peer"}

    monkeypatch.setattr("mnist_edge.benchmark.runner.contenders", two)


@pytest.mark.usefixtures("_quick")
def test_it_prints_tables_and_writes_figures_and_a_chart(mnist_directory: Path, tmp_path: Path) -> None:
    files = [tmp_path / "found.json", tmp_path / "chart.png"]
    options = ["--rounds", "1", "--data", str(mnist_directory), "--json", str(files[0]), "--plot", str(files[1])]
    done = CliRunner().invoke(app, ["benchmark", "v1", *options])
    assert done.exit_code == 0, done.output
    assert "v1: microseconds per image, 1 thread" in done.stdout
    assert "Missing: a peer. Add it with: pip install a-peer" in done.stdout
    assert "round 1 of 1" in done.stderr
    found = load_results(files[0], results.Benchmark)
    assert [contender.name for contender in found.models["v1"]] == ["mnist-edge, float32", "mnist-edge, int8"]
    for contender in found.models["v1"]:
        assert contender.accuracy > 0.97
        assert f"{contender.accuracy:.2%}" in done.stdout
    assert files[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_quick")
def test_without_files_it_prints_alone_and_says_who_failed(
    mnist_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def one_broken(*arguments: Any) -> Any:
        first, second = contenders(*arguments)[0][:2]
        return [first, replace(second, model=tmp_path / "none")], {}

    monkeypatch.setattr("mnist_edge.benchmark.runner.contenders", one_broken)
    done = CliRunner().invoke(app, ["benchmark", "v1", "--rounds", "1", "--data", str(mnist_directory)])
    assert done.exit_code == 0, done.output
    assert "mnist-edge, int8 failed: " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_training_is_measured_with_its_option(
    mnist_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (results.TrainingTiming(training.OURS, results.Spread(4, 3, 5), 1.0, 0.98),)
    asked: list[Any] = []

    def measured(*given: Any, **named: Any) -> tuple[results.TrainingTiming, ...]:
        asked.append((given, named))
        return ways

    monkeypatch.setattr(training, "measure_training", measured)
    path = tmp_path / "training.json"
    arguments = ["benchmark", "--training", "--rounds", "2", "--data", str(mnist_directory), "--json", str(path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert [given[0].architecture for given, _ in asked] == ["v1", "v2"]
    assert all(
        (given[0].name, given[1], named["rounds"]) == ("reference", mnist_directory, 2) for given, named in asked
    )
    assert "v2: one epoch" in done.stdout
    assert load_results(path, results.TrainingBenchmark).models == {"v1": ways, "v2": ways}


def test_a_folder_without_an_export_is_an_error(run: Run, mnist_directory: Path, tmp_path: Path) -> None:
    done = run("benchmark", tmp_path, "--data", mnist_directory)
    assert done.returncode == 1
    assert "model.int8.onnx is missing. Name a folder that mnist-edge export wrote." in done.stderr


def test_another_model_is_a_wrong_usage(run: Run) -> None:
    done = run("benchmark", "v9")
    assert done.returncode == 2
    assert "v9" in done.stderr


def test_the_readme_says_who_is_fastest() -> None:
    """On one core: the int8 model at 256 images; at 16 it and LiteRT's are as fast within their spread."""
    found = load_results(BENCHMARK, results.Benchmark)
    assert found.threads[0] == 1
    for measured in found.models.values():
        ours, litert = (
            next(contender for contender in measured if contender.name == name)
            for name in ("mnist-edge, int8", "LiteRT, plain int8")
        )
        assert max(measured, key=lambda contender: contender.timing(1, 256).speedup) is ours
        two = sorted(measured, key=lambda contender: contender.timing(1, 16).speedup)[-2:]
        assert {contender.name for contender in two} == {ours.name, litert.name}
        times = ours.timing(1, 16).microseconds, litert.timing(1, 16).microseconds
        assert max(time.low for time in times) <= min(time.high for time in times)
