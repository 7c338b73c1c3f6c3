"""`mnist-edge evaluate`."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from mnist_edge.cli import suites
from mnist_edge.cli.app import build_app
from mnist_edge.cli.evaluate import SuiteName
from mnist_edge.evaluation.robustness import KINDS, evaluate_robustness
from mnist_edge.evaluation.styles import STYLES, evaluate_styles
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


def test_every_suite_can_be_chosen() -> None:
    assert list(suites.SUITES) == list(get_args(SuiteName))


def test_json_holds_the_recorded_accuracy(run: Run, mnist_directory: Path, artifacts: Path) -> None:
    done = run("evaluate", "v1", "--data", mnist_directory, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert_documented("evaluate", document)
    (model,) = document["models"]
    recorded = json.loads((artifacts / "v1" / "manifest.json").read_text())["accuracy"]["model.int8.onnx"]
    assert model["accuracy"] == recorded["top1"] == model["correct"] / 10_000
    assert sum(map(sum, model["confusion"])) == 10_000


def test_tables_show_digits_and_confusion(run: Run, mnist_directory: Path, artifacts: Path) -> None:
    done = run("evaluate", artifacts / "v2" / "checkpoint.safetensors", "v2", "--data", mnist_directory)
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("calibration error", "v2: by digit", "true digit (row)", "Most frequent mistakes:"):
        assert text in done.stdout


def test_recording_repeats_the_committed_figures(
    run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
) -> None:
    shutil.copytree(artifacts / "v2", tmp_path / "v2")
    done = run("evaluate", tmp_path / "v2", "--record", "--data", mnist_directory)
    assert done.returncode == 0
    for path in (artifacts / "v2").iterdir():
        assert (tmp_path / "v2" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_rejection_is_as_recorded(run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "v1", tmp_path / "v1")
    done = run("evaluate", tmp_path / "v1", "--suite", "rejection", "--record", "--data", mnist_directory)
    assert done.returncode == 0, done.stderr
    for text in ("blank or noise: specks", "natural: coffee", "seen class: letters", "its own", "MNIST test digits"):
        assert text in done.stdout
    assert (tmp_path / "v1" / "manifest.json").read_bytes() == (artifacts / "v1" / "manifest.json").read_bytes()
    document = json.loads(run("evaluate", "v1", "--suite", "rejection", "--json", "--data", mnist_directory).stdout)
    assert_documented("evaluate", document)
    (model,) = document["models"]
    assert model["model"] == "v1"
    assert model["own"]["digits"] <= 0.01
    assert model["own"]["non_digits"]["blank or noise"] >= 0.95


@pytest.mark.slow
def test_robustness_is_shown_and_recorded_by_kind(
    mnist_directory: Path, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, with ten pictures of each kind."""
    monkeypatch.setattr(suites, "evaluate_robustness", partial(evaluate_robustness, images=10))
    shutil.copytree(artifacts / "v2", tmp_path / "v2")
    command = ["evaluate", str(tmp_path / "v2"), "--suite", "robustness", "--data", str(mnist_directory)]
    shown = CliRunner().invoke(build_app(), [*command, "--record"])
    assert shown.exit_code == 0, shown.output
    accuracies = json.loads((tmp_path / "v2" / "manifest.json").read_text())["accuracy"]["model.int8.onnx"]
    assert accuracies["robustness"]["images_per_kind"] == 10
    assert all(f"{group}: {kind} " in shown.stdout for group, kind in KINDS)
    document = json.loads(CliRunner().invoke(build_app(), [*command, "--json"]).stdout)
    assert_documented("evaluate", document)
    (model,) = document["models"]
    by_kind = {f"{kind['group']}, {kind['kind']}": kind["accuracy"] for kind in model["kinds"]}
    assert by_kind == accuracies["robustness"]["kinds"]
    assert model["photographs"] > 0.9


def test_styles_are_shown_and_recorded_without_mnist(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, with two pictures of each style."""
    monkeypatch.setattr(suites, "evaluate_styles", partial(evaluate_styles, images=2))
    shutil.copytree(artifacts / "v2", tmp_path / "v2")
    command = ["evaluate", str(tmp_path / "v2"), "--suite", "styles", "--data", str(tmp_path / "nothing")]
    shown = CliRunner().invoke(build_app(), [*command, "--record"])
    assert shown.exit_code == 0, shown.output
    recorded = json.loads((tmp_path / "v2" / "manifest.json").read_text())["accuracy"]["model.int8.onnx"]["styles"]
    assert recorded["images_per_style"] == 2
    assert all(f"{style} " in shown.stdout for style in STYLES)
    assert f"mean of the styles {recorded['mean']['accuracy']:.2%}" in shown.stdout
    document = json.loads(CliRunner().invoke(build_app(), [*command, "--json"]).stdout)
    assert_documented("evaluate", document)
    (model,) = document["models"]
    assert {key: model[key] for key in recorded} == recorded


@pytest.mark.slow
def test_styles_are_as_recorded(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "v1", tmp_path / "v1")
    done = run("evaluate", tmp_path / "v1", "--suite", "styles", "--record")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "v1" / "manifest.json").read_bytes() == (artifacts / "v1" / "manifest.json").read_bytes()
