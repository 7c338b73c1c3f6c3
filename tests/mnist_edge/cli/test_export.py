"""`mnist-edge calibrate` and `export`."""

import json
import shutil
from pathlib import Path

import pytest

from mnist_edge.cli.export import _checkpoint_path
from mnist_edge.errors import CheckpointError
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


def test_a_refused_export_replaces_nothing(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "v1", tmp_path / "v1")
    before = {path.name: path.read_bytes() for path in (tmp_path / "v1").iterdir()}
    done = run("export", "v1", "--out", tmp_path, "--max-parameters", "24714")
    assert done.returncode == 3
    assert "24,714" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "v1").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_export_prints_the_manifests_as_json(run: Run, artifacts: Path, tmp_path: Path) -> None:
    done = run("export", "--checkpoint", artifacts / "v2" / "checkpoint.safetensors", "--out", tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert_documented("export", document)
    (report,) = document["models"]
    assert report["parameters"] == 24_048
    assert report["parity"]["float_max_difference"] < 1e-4
    assert report["files"].keys() == {path.name for path in (tmp_path / "v2").iterdir()} - {
        "manifest.json",
        "README.md",
    }


def test_an_export_needs_a_calibration_table(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copy(artifacts / "v1" / "checkpoint.safetensors", tmp_path)
    done = run("export", "--checkpoint", tmp_path / "checkpoint.safetensors", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "Record it with: mnist-edge calibrate" in done.stderr


@pytest.mark.slow
def test_calibrating_again_gives_the_committed_table(
    run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
) -> None:
    shutil.copy(artifacts / "v1" / "checkpoint.safetensors", tmp_path)
    done = run("calibrate", tmp_path / "checkpoint.safetensors", "--data", mnist_directory, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_documented("calibrate", document)
    table = tmp_path / "calibration.json"
    assert document["models"][0]["table"] == str(table)
    assert table.read_bytes() == (artifacts / "v1" / "calibration.json").read_bytes()


def test_calibrating_no_checkpoint_is_an_error(run: Run, mnist_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("calibrate", tmp_path / "file", "--data", mnist_directory)
    assert done.returncode == 1
    assert "no safetensors file" in done.stderr


def test_without_a_checkout_packaged_checkpoints_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _checkpoint_path("v1").is_file()
    monkeypatch.setattr("runtime.contract.ARTIFACTS", tmp_path)
    with pytest.raises(CheckpointError, match="checkpoints are not installed") as caught:
        _checkpoint_path("v1")
    assert "pip install -e '.[train]'" in str(caught.value)
    assert _checkpoint_path("runs/v1/checkpoint.safetensors") == Path("runs/v1/checkpoint.safetensors")
