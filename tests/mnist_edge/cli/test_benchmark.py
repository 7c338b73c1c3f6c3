"""`mnist-edge benchmark`, with few contenders and short measurements."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mnist_edge.benchmark import measure, picture_versions, pictures, results, training
from mnist_edge.benchmark.contenders import contenders
from mnist_edge.benchmark.picture_contenders import picture_contenders
from mnist_edge.benchmark.picture_files import SIZES
from mnist_edge.benchmark.picture_results import PictureBenchmark
from mnist_edge.cli.app import build_app
from mnist_edge.files import load_results
from mnist_edge.training.recipes import Recipe, find_recipe
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "COLD_STARTS", 1)
    monkeypatch.setattr(measure, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(measure, "PACE_SECONDS", 0.2)

    def first_two(*arguments: Any) -> Any:
        return contenders(*arguments)[0][:2], {"a peer": "pip install a-peer"}

    monkeypatch.setattr("mnist_edge.benchmark.runner.contenders", first_two)


@pytest.mark.usefixtures("_quick")
def test_tables_are_printed_and_results_and_a_chart_written(mnist_directory: Path, tmp_path: Path) -> None:
    files = [tmp_path / "results.json", tmp_path / "chart.png"]
    options = ["--rounds", "1", "--data", str(mnist_directory), "--results", str(files[0]), "--plot", str(files[1])]
    done = CliRunner().invoke(build_app(), ["benchmark", "v1", *options])
    assert done.exit_code == 0, done.output
    assert "v1: microseconds per image, 1 thread" in done.stdout
    assert "Missing: a peer. Add it with: pip install a-peer" in done.stdout
    assert "round 1 of 1" in done.stderr
    (benchmark,) = load_results(files[0], results.Benchmarks).machines
    assert [contender.name for contender in benchmark.models["v1"]] == ["mnist-edge, float32", "mnist-edge, int8"]
    for contender in benchmark.models["v1"]:
        assert contender.accuracy > 0.97
        assert f"{contender.accuracy:.2%}" in done.stdout
    assert files[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_quick")
def test_a_contender_that_cannot_start_is_reported(
    mnist_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def one_broken(*arguments: Any) -> Any:
        first, second = contenders(*arguments)[0][:2]
        return [first, replace(second, model=tmp_path / "none")], {}

    monkeypatch.setattr("mnist_edge.benchmark.runner.contenders", one_broken)
    done = CliRunner().invoke(build_app(), ["benchmark", "v1", "--rounds", "1", "--data", str(mnist_directory)])
    assert done.exit_code == 0, done.output
    assert "mnist-edge, int8 failed: " in done.stdout
    assert list(tmp_path.iterdir()) == []  # nothing is written without --results


@pytest.mark.usefixtures("_quick")
def test_without_mnist_json_is_what_the_results_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_EDGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "results.json"
    done = CliRunner().invoke(build_app(), ["benchmark", "v1", "--rounds", "1", "--results", str(file), "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert_documented("benchmark", document)
    assert (document.pop("kind"), document.pop("format")) == ("Benchmark", 1)
    assert json.loads(file.read_text()) == {"kind": "Benchmarks", "format": 1, "machines": [document]}
    assert document["models"]["v1"][0]["accuracy"] > 0.9
    assert not (tmp_path / "mnist-edge").exists()  # nothing is downloaded


@pytest.fixture
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "COLD_STARTS", 1)
    monkeypatch.setattr(pictures, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(pictures, "KINDS", (("photograph", "low resolution"), ("corruption", "scale")))
    monkeypatch.setattr(picture_versions, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(picture_versions, "MANY_FILES", 10)
    monkeypatch.delitem(SIZES, "12-megapixel JPEG")

    def ours(models: Any) -> Any:
        return picture_contenders(models)[0][: len(models)], {"a peer": "pip install a-peer"}

    monkeypatch.setattr(pictures, "picture_contenders", ours)


@pytest.mark.usefixtures("_few_pictures")
def test_pictures_are_measured_beside_another_version(mnist_directory: Path, tmp_path: Path, root: Path) -> None:
    """The other version is this one, so both are as fast, within what a short measurement can tell."""
    files = [tmp_path / "results.json", tmp_path / "chart.png"]
    options = ["--images", "4", "--rounds", "1", "--data", str(mnist_directory), "--against", str(root)]
    written = ["--results", str(files[0]), "--plot", str(files[1])]
    done = CliRunner().invoke(build_app(), ["benchmark", "--pictures", *options, *written])
    assert done.exit_code == 0, done.output
    document = json.loads(files[0].read_text())
    assert_documented("benchmark", document)
    benchmark = load_results(files[0], PictureBenchmark)
    assert [contender.name for contender in benchmark.contenders] == ["mnist-edge, V2", "mnist-edge, V1"]
    assert (benchmark.data_set, benchmark.images_per_kind) == ("MNIST test", 4)
    assert all(contender.accuracy("photograph") >= 0.75 for contender in benchmark.contenders)
    assert benchmark.against is not None
    assert all(0.1 < row.times_as_fast < 10 for row in benchmark.against.rows)
    for text in ("4 pictures of each kind, made from MNIST test", "mnist-edge predict, whole process", "times as fast"):
        assert text in done.stdout
    assert "Missing: a peer. Add it with: pip install a-peer" in done.stdout
    assert "versions, round 1 of 1" in done.stderr
    assert files[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_few_pictures")
def test_pictures_json_is_that_of_the_results_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_EDGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "results.json"
    options = ["v2", "--images", "1", "--rounds", "1", "--results", str(file), "--json"]
    done = CliRunner().invoke(build_app(), ["benchmark", "--pictures", *options])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert_documented("benchmark", document)
    assert document == json.loads(file.read_text())
    assert (document["data_set"], document["against"]) == ("drawn digits", None)


@pytest.mark.slow
def test_every_installed_contender_reads_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "COLD_STARTS", 1)
    file = tmp_path / "results.json"
    options = ["--images", "1", "--rounds", "1", "--results", str(file)]
    done = CliRunner().invoke(build_app(), ["benchmark", "--pictures", *options])
    assert done.exit_code == 0, done.output
    benchmark = load_results(file, PictureBenchmark)
    assert benchmark.failed == {}
    assert len(benchmark.contenders) + len(benchmark.missing) == 7
    assert benchmark.contenders[0].accuracy("photograph") > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "3"], "needs --pictures"),
        (["--against", "."], "needs --pictures"),
        (["--training", "--pictures"], "choose either --training or --pictures"),
        (["--pictures", "--images", "0"], "0 is not in the range"),
        (["--pictures", "lenet"], "there is no model 'lenet'"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(run: Run, options: list[str], message: str) -> None:
    done = run("benchmark", *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_named_folder_without_mnist_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("benchmark", "v1", "--data", tmp_path)
    assert done.returncode == 1
    assert "train-images-idx3-ubyte" in done.stderr


@pytest.mark.slow
def test_training_times_an_epoch_of_each_model(
    mnist_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a tenth of the training images, without the ordinary loops, which take longer."""

    def on_few_images(architecture: str, name: str) -> Recipe:
        return replace(find_recipe(architecture, name), validation_images=54_000)

    monkeypatch.setattr(training, "find_recipe", on_few_images)
    monkeypatch.setattr(training, "WAYS", {training.OURS: None})
    file = tmp_path / "training.json"
    options = ["--training", "--rounds", "1", "--data", str(mnist_directory), "--results", str(file)]
    done = CliRunner().invoke(build_app(), ["benchmark", "v1", *options])
    assert done.exit_code == 0, done.output
    assert "v1: one epoch" in done.stdout
    assert done.stderr == f"training  step 1/1  v1, seed 0: {training.OURS}\n"
    assert_documented("benchmark", json.loads(file.read_text()))
    (benchmark,) = load_results(file, results.TrainingBenchmarks).machines
    (way,) = benchmark.models["v1"]
    assert (way.way, way.ratio) == (training.OURS, 1)
    assert way.accuracy > 0.8
    assert f"{way.seconds.median:.2f}" in done.stdout


@pytest.mark.parametrize("options", [[], ["--training"]])
def test_a_foreign_results_file_is_refused_before_measuring(run: Run, tmp_path: Path, options: list[str]) -> None:
    """Even before the data set is looked for, which this folder lacks."""
    file = tmp_path / "results.json"
    file.write_text('{"kind": "Comparison", "format": 1}')
    done = run("benchmark", "v1", *options, "--data", tmp_path, "--results", file)
    assert done.returncode == 1
    assert f"{file} holds no results of type" in done.stderr
    assert file.read_text() == '{"kind": "Comparison", "format": 1}'


def test_a_folder_without_an_export_is_an_error(run: Run, mnist_directory: Path, tmp_path: Path) -> None:
    done = run("benchmark", tmp_path, "--data", mnist_directory)
    assert done.returncode == 1
    assert "model.int8.onnx is missing. Name a folder that mnist-edge export wrote." in done.stderr
