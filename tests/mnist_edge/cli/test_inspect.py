"""`mnist-edge inspect` and `version`."""

import importlib.metadata
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mnist_edge.cli.app import build_app
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


def inspect(*arguments: object) -> Result:
    """Run `mnist-edge inspect` in this process, which has loaded PyTorch already."""
    return CliRunner().invoke(build_app(), ["inspect", *map(str, arguments)])


@pytest.mark.parametrize(("model", "parameters"), [("v1", 24_714), ("v2", 24_048)])
def test_the_table_adds_up(model: str, parameters: int) -> None:
    done = inspect(model)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{parameters:,}" in done.stdout
    assert f"Budget of fewer than 25,000 parameters: kept ({parameters:,})." in done.stdout
    document = json.loads(inspect(model, "--json").stdout)
    assert_documented("inspect", document)
    assert document["parameters"] == sum(layer["parameters"] for layer in document["layers"]) == parameters
    assert document["within_budget"] is True


@pytest.mark.parametrize("file", ["checkpoint.safetensors", "model.onnx"])
def test_checkpoints_and_onnx_files_can_be_inspected(artifacts: Path, file: str) -> None:
    document = json.loads(inspect(artifacts / "v1" / file, "--json").stdout)
    assert document["parameters"] == 24_714
    assert document["multiply_adds"] == 471_472


def test_an_int8_file_is_judged_by_its_network(artifacts: Path) -> None:
    """The layout spreads the first block's weights; the network has not grown by that."""
    done = inspect(artifacts / "v2" / "model.int8.onnx")
    assert done.exit_code == 0
    assert "kept (24,048; the int8 layout stores" in done.stdout


def test_the_preparation_counts_as_one_layer(artifacts: Path) -> None:
    done = inspect(artifacts / "v2" / "picture_to_digit.onnx")
    assert "kept (24,048; the int8 layout stores" in done.stdout
    joined, int8 = (
        json.loads(inspect(artifacts / "v2" / file, "--json").stdout)
        for file in ("picture_to_digit.onnx", "model.int8.onnx")
    )
    prepare, *network = joined["layers"]
    assert (prepare["name"], prepare["inputs"], prepare["output_shape"]) == ("prepare", ["picture"], [1, 28, 28])
    assert (prepare["parameters"], prepare["parameter_bytes"] > 0) == (0, True)
    assert [layer["name"] for layer in network[: len(int8["layers"])]] == [
        f"network.{layer['name']}" for layer in int8["layers"]
    ]
    assert network[0]["inputs"] == ["prepare"]
    for total in ("parameters", "stored_parameters", "multiply_adds"):
        assert joined[total] == int8[total]


def test_the_preparation_alone_has_no_parameters(artifacts: Path) -> None:
    document = json.loads(inspect(artifacts / "prepare.onnx", "--json").stdout)
    assert (document["parameters"], document["stored_parameters"]) == (0, 0)
    assert [layer["name"] for layer in document["layers"]] == ["prepare"]


def test_a_network_over_budget_exits_with_3() -> None:
    done = inspect("v1", "--max-parameters", "24714")
    assert done.exit_code == 3
    assert "exceeded (24,714)" in done.stdout


def test_the_diagram_is_mermaid() -> None:
    assert inspect("v2", "--mermaid").stdout.startswith("flowchart TD\n")


def test_a_folder_means_its_int8_model(artifacts: Path) -> None:
    of_folder, of_file = (inspect(path, "--json") for path in (artifacts / "v1", artifacts / "v1" / "model.int8.onnx"))
    assert json.loads(of_folder.stdout)["layers"] == json.loads(of_file.stdout)["layers"]


def test_a_missing_file_is_an_error(run: Run, tmp_path: Path) -> None:
    for file in ("none.onnx", "none.safetensors"):
        done = run("inspect", tmp_path / file)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")


def test_version_lists_the_packages_in_use(run: Run) -> None:
    versions = json.loads(run("version", "--json").stdout)
    assert_documented("version", versions)
    assert versions["mnist-edge"] == "0.1.0"
    assert versions["onnxruntime"]
    assert "mnist-edge 0.1.0" in run("version").stdout


def test_a_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without_torch(package: str) -> str:
        if package == "torch":
            raise importlib.metadata.PackageNotFoundError
        return version(package)

    monkeypatch.setattr(importlib.metadata, "version", without_torch)
    assert "torch not installed\n" in CliRunner().invoke(build_app(), ["version"]).stdout
