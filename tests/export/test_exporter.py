"""The whole export: the same bytes every time and everywhere, and nothing unless all checks pass."""

import filecmp
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.exporter import calibrate, export_checkpoints
from export.manifest import read_manifest, record_accuracies, record_rejection, record_robustness
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError, CalibrationError, CheckFailedError
from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation
from mnist_edge.evaluation.rejection import RejectionPoint, RejectionResult
from mnist_edge.evaluation.robustness import RobustnessResult
from mnist_edge.training.checkpoint import load_checkpoint, save_checkpoint
from tests.conftest import Run

MODELS = ["v1", "v2"]
HONEST = ConfidenceEvaluation(0.0, 0.0)


def differing_files(first: Path, second: Path) -> list[str]:
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    _, different, missing = filecmp.cmpfiles(first, second, sorted(names), shallow=False)
    return different + missing


def test_an_export_elsewhere_gives_the_committed_bytes(root: Path, artifacts: Path, tmp_path: Path, run: Run) -> None:
    """A copy of the tree, in another folder, without the data set."""
    copy = tmp_path / "a folder with spaces" / "copy"
    for package in ("mnist_edge", "export", "runtime", "artifacts"):
        shutil.copytree(root / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    done = run("export", cwd=copy, MNIST_EDGE_DATA=str(tmp_path / "nothing"))
    assert done.returncode == 0, done.stderr
    assert "Exported to artifacts" in done.stdout
    for name in MODELS:
        assert differing_files(copy / "artifacts" / name, artifacts / name) == []


@pytest.fixture(scope="module")
def exported(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models, exported to a folder that was empty."""
    out = tmp_path_factory.mktemp("exported")
    export_checkpoints([artifacts / name / "checkpoint.safetensors" for name in MODELS], out)
    return out


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported folders that a test may spoil."""
    return Path(shutil.copytree(exported, tmp_path / "artifacts"))


@pytest.mark.parametrize("name", MODELS)
def test_only_what_was_measured_before_is_missing_from_a_new_folder(exported: Path, artifacts: Path, name: str) -> None:
    assert differing_files(exported / name, artifacts / name) == ["README.md", "manifest.json"]
    new, committed = read_manifest(exported / name), read_manifest(artifacts / name)
    assert new["accuracy"] == {}
    assert committed["accuracy"].keys() == {"model.onnx", "model.int8.onnx"}
    assert {**new, "accuracy": committed["accuracy"]} == committed


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_manifest_tells_the_truth(artifacts: Path, name: str) -> None:
    import hashlib

    folder = artifacts / name
    manifest = read_manifest(folder)
    assert manifest["files"].keys() == {path.name for path in folder.iterdir()} - {"manifest.json", "README.md"}
    for file, facts in manifest["files"].items():
        content = (folder / file).read_bytes()
        assert (facts["bytes"], facts["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    for file in ("model.onnx", "model.int8.onnx"):
        model = onnx.load(folder / file)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        assert metadata["mnist_edge.parameters"] == str(manifest["parameters"])
        assert metadata["mnist_edge.multiply_adds"] == str(manifest["multiply_adds"])
        assert metadata["mnist_edge.checkpoint_sha256"] == manifest["files"]["checkpoint.safetensors"]["sha256"]
        assert model.opset_import[0].version == manifest["opset"] == 20
        assert manifest["accuracy"][file]["sha256"] == manifest["files"][file]["sha256"]
        assert manifest["accuracy"][file]["images"] == 10_000


def test_the_committed_artifacts_stay_small(artifacts: Path) -> None:
    assert sum(path.stat().st_size for path in artifacts.rglob("*") if path.is_file()) < 1_000_000


def test_recorded_accuracies_live_as_long_as_their_files(copied: Path) -> None:
    labels = np.arange(10)
    record_accuracies(copied / "v2", "ten images", {"model.int8.onnx": (Evaluation.of(labels, labels), HONEST)})
    assert read_manifest(copied / "v2")["accuracy"]["model.int8.onnx"]["top1"] == 1.0
    assert "100.00%" in (copied / "v2" / "README.md").read_text()

    export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert read_manifest(copied / "v2")["accuracy"].keys() == {"model.int8.onnx"}

    weights = load_checkpoint(copied / "v2" / "checkpoint.safetensors")
    weights.model.head[3].weight.data *= 1.01  # type: ignore[index,union-attr]
    save_checkpoint(copied / "v2" / "checkpoint.safetensors", "v2", weights.model, weights.facts)
    calibrate(copied / "v2" / "checkpoint.safetensors", Split(*_many_drawn()))
    export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert read_manifest(copied / "v2")["accuracy"] == {}


def _many_drawn() -> tuple[np.ndarray, np.ndarray]:
    drawn = draw_digits(100)
    return np.tile(drawn.images, (30, 1, 1)), np.tile(drawn.labels, 30)


def test_what_the_suites_show_stands_beside_the_accuracy(copied: Path) -> None:
    labels, model = np.arange(10), copied / "v2" / "model.int8.onnx"
    record_accuracies(copied / "v2", "ten images", {model.name: (Evaluation.of(labels, labels), HONEST)})
    shown = [
        RobustnessResult("photograph", "shadow", images=10, correct=9, rejected=0),
        RobustnessResult("photograph", "fine pen", images=10, correct=7, rejected=0),
        RobustnessResult("corruption", "fog", images=10, correct=5, rejected=1),
    ]
    record_robustness(model, shown)
    own = RejectionPoint(reject_below=0.7, digits=0.1, blank_or_noise=0.9, unseen_class=0.6)
    record_rejection(model, RejectionResult(10, {"blank": 1.0, "words": 0.4, "signs": 0.2}, own, (own,)))

    entry = read_manifest(copied / "v2")["accuracy"][model.name]
    assert entry["top1"] == 1.0
    assert entry["robustness"] == {
        "images_per_kind": 10,
        "means": {"photograph": pytest.approx(0.8), "corruption": 0.5},
        "kinds": {"photograph, shadow": 0.9, "photograph, fine pen": 0.7, "corruption, fog": 0.5},
    }
    assert entry["rejection"]["kinds"] == {"blank": 1.0, "words": 0.4, "signs": 0.2}
    assert entry["rejection"]["own"] == entry["rejection"]["curve"][0] == asdict(own)
    card = (copied / "v2" / "README.md").read_text("utf-8")
    assert "10 test images into each kind of photograph and corruption: 80.00% and\n50.00% are named rightly" in card
    assert "| corruption, fog | 50.0% |\n| photograph, fine pen | 70.0% |\n| photograph, shadow | 90.0% |" in card
    assert "rejects 90.0% where they are blank or noise, and 60.0% of classes" in card
    assert "the least of: signs 20%, words 40%, blank 100%." in card


@pytest.mark.parametrize("name", ["model.onnx", "other.onnx"])
def test_an_accuracy_of_another_file_is_not_recorded(copied: Path, name: str) -> None:
    (copied / "v2" / name).write_bytes((copied / "v1" / "model.onnx").read_bytes())
    labels = np.arange(10)
    with pytest.raises(ArtifactError, match="is not the file that the manifest names") as caught:
        record_accuracies(copied / "v2", "ten images", {name: (Evaluation.of(labels, labels), HONEST)})
    assert str(copied / "v2" / name) in str(caught.value)
    assert read_manifest(copied / "v2")["accuracy"] == {}


def test_if_one_model_fails_none_is_replaced(copied: Path) -> None:
    """v1 is fine; v2's table belongs to v1."""
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    elsewhere = copied.parent / "elsewhere" / "v2"
    shutil.copytree(copied / "v2", elsewhere)
    (elsewhere / "calibration.json").write_bytes((copied / "v1" / "calibration.json").read_bytes())
    with pytest.raises(CalibrationError, match="belongs to the checkpoint"):
        export_checkpoints([copied / "v1" / "checkpoint.safetensors", elsewhere / "checkpoint.safetensors"], copied)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("limits", [{"max_parameters": 24_048}, {"max_bytes": 30_000}])
def test_over_budget_nothing_is_replaced(copied: Path, limits: dict[str, int]) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(CheckFailedError, match="over the budget of"):
        export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied, **limits)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_two_checkpoints_for_one_folder_are_refused(copied: Path) -> None:
    with pytest.raises(ArtifactError, match="two checkpoints of v1"):
        export_checkpoints([copied / "v1" / "checkpoint.safetensors"] * 2, copied)


def test_a_damaged_manifest_stops_an_export(copied: Path) -> None:
    (copied / "v1" / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ArtifactError, match=r"manifest\.json.* no manifest of format 1"):
        export_checkpoints([copied / "v1" / "checkpoint.safetensors"], copied)


@pytest.mark.parametrize(
    "spoilt", [{"accuracy": []}, {"files": None}, {"accuracy": {"model.onnx": {"top1": 1.0}}}, {"files": {"x": 3}}]
)
def test_a_manifest_without_digests_is_damaged(copied: Path, spoilt: dict[str, object]) -> None:
    path = copied / "v2" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **spoilt}))
    with pytest.raises(ArtifactError, match="does not give a SHA-256 for each file"):
        read_manifest(copied / "v2")


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, None])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match="cannot be read as a manifest") as caught:
        read_manifest(tmp_path)
    assert str(tmp_path / "manifest.json") in str(caught.value)


def test_behind_a_link_the_folder_that_it_points_to_is_replaced(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "v2").symlink_to(copied / "v2")
    labels = np.arange(10)
    record_accuracies(tmp_path / "linked" / "v2", "ten images", {"model.onnx": (Evaluation.of(labels, labels), HONEST)})
    assert (tmp_path / "linked" / "v2").is_symlink()
    assert read_manifest(copied / "v2")["accuracy"].keys() == {"model.onnx"}
