"""The whole export: the same bytes everywhere, and nothing is replaced unless all checks pass."""

import filecmp
import hashlib
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.exporter import calibrate, export_checkpoints
from export.manifest import read_manifest, record_accuracies, record_rejection, record_robustness, record_styles
from export.optimize import optimize
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError, CalibrationError, CheckFailedError
from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation
from mnist_edge.evaluation.non_digits import NonDigitGroup
from mnist_edge.evaluation.rejection import RejectionPoint, RejectionResult
from mnist_edge.evaluation.robustness import Group, RobustnessResult
from mnist_edge.evaluation.styles import StyleShares, StylesResult
from mnist_edge.training.checkpoint import load_checkpoint, save_checkpoint
from runtime.errors import ModelDigestError
from runtime.loading import load_model
from tests.conftest import Run

MODELS = ["v1", "v2"]
GROUPS: tuple[Group, ...] = ("photograph", "corruption")
NON_DIGITS: dict[NonDigitGroup, float] = {
    "blank or noise": 0.9,
    "unseen class": 0.6,
    "seen class": 0.7,
    "natural": 0.8,
}
CONFIDENCE = ConfidenceEvaluation(expected_calibration_error=0.0, rejected=0.0)


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
    for name in ("prepare.onnx", "manifest.json"):
        assert (copy / "artifacts" / name).read_bytes() == (artifacts / name).read_bytes()


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
def test_a_new_folder_lacks_only_the_measurements(exported: Path, artifacts: Path, name: str) -> None:
    assert differing_files(exported / name, artifacts / name) == ["README.md", "manifest.json"]
    new, committed = read_manifest(exported / name), read_manifest(artifacts / name)
    assert new.accuracy == {}
    assert committed.accuracy.keys() == {"model.onnx", "model.int8.onnx"}
    assert replace(new, accuracy=committed.accuracy) == committed


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_manifest_describes_the_files(artifacts: Path, name: str) -> None:
    folder = artifacts / name
    manifest = read_manifest(folder)
    assert manifest.files.keys() == {path.name for path in folder.iterdir()} - {"manifest.json", "README.md"}
    for file, entry in manifest.files.items():
        content = (folder / file).read_bytes()
        assert (entry.bytes, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    for file in ("model.onnx", "model.int8.onnx", "model.int8.optimized.onnx", "picture_to_digit.onnx"):
        model = onnx.load(folder / file)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        assert metadata["mnist_edge.parameters"] == str(manifest.parameters)
        assert metadata["mnist_edge.multiply_adds"] == str(manifest.multiply_adds)
        assert metadata["mnist_edge.checkpoint_sha256"] == manifest.files["checkpoint.safetensors"].sha256
        assert model.opset_import[0].version == manifest.opset == 20
        assert manifest.files[file].operators == Counter(node.op_type for node in model.graph.node)
    for file in ("model.onnx", "model.int8.onnx"):
        assert manifest.accuracy[file].sha256 == manifest.files[file].sha256
        assert manifest.accuracy[file].images == 10_000


def test_the_committed_artifacts_stay_small(artifacts: Path) -> None:
    assert sum(path.stat().st_size for path in artifacts.rglob("*") if path.is_file()) < 1_700_000


def test_the_preparation_has_a_manifest_of_its_own(copied: Path) -> None:
    """The predictor's loader checks a file against the manifest in the same folder."""
    path = copied / "prepare.onnx"
    document = json.loads((copied / "manifest.json").read_text())
    assert document["files"].keys() == {"prepare.onnx"}
    assert document["files"]["prepare.onnx"]["bytes"] == path.stat().st_size
    assert document["input"]["name"] == "picture"
    assert [output["name"] for output in document["outputs"]] == ["prepared", "rejection"]
    assert load_model(path).sha256 == document["files"]["prepare.onnx"]["sha256"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelDigestError, match="damaged or was replaced"):
        load_model(path)


def test_if_a_folder_cannot_be_replaced_the_preparation_stays(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_staged: Path, _folder: Path) -> None:
        raise OSError("no")

    (copied / "prepare.onnx").write_bytes(b"former")
    (copied / "manifest.json").write_bytes(b"former")
    with monkeypatch.context() as patch:
        patch.setattr("export.exporter.publish", fail)
        with pytest.raises(OSError, match="no"):
            export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert (copied / "prepare.onnx").read_bytes() == (copied / "manifest.json").read_bytes() == b"former"
    assert {path.name for path in copied.iterdir()} == {"v1", "v2", "prepare.onnx", "manifest.json"}
    export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert load_model(copied / "prepare.onnx").digests


def test_a_checkpoint_replaced_meanwhile_is_not_exported(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copied / "v2" / "checkpoint.safetensors"

    def replace_checkpoint(*arguments: Any) -> Any:
        shutil.copy(copied / "v1" / "checkpoint.safetensors", path)
        return optimize(*arguments)

    before = (copied / "v2" / "model.onnx").read_bytes()
    monkeypatch.setattr("export.exporter.optimize", replace_checkpoint)
    with pytest.raises(ArtifactError, match="was replaced during the export; run it again"):
        export_checkpoints([path], copied)
    assert (copied / "v2" / "model.onnx").read_bytes() == before


def test_an_export_keeps_accuracies_of_unchanged_files(copied: Path) -> None:
    labels = np.arange(10)
    record_accuracies(copied / "v2", "ten images", {"model.int8.onnx": (Evaluation.of(labels, labels), CONFIDENCE)})
    assert read_manifest(copied / "v2").accuracy["model.int8.onnx"].top1 == 1.0
    assert "100.00%" in (copied / "v2" / "README.md").read_text()

    export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert read_manifest(copied / "v2").accuracy.keys() == {"model.int8.onnx"}

    weights = load_checkpoint(copied / "v2" / "checkpoint.safetensors")
    weights.model.head[3].weight.data *= 1.01  # type: ignore[index,union-attr]
    save_checkpoint(copied / "v2" / "checkpoint.safetensors", "v2", weights.model, weights.facts)
    calibrate(copied / "v2" / "checkpoint.safetensors", Split(*_many_drawn()))
    export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied)
    assert read_manifest(copied / "v2").accuracy == {}


def _many_drawn() -> tuple[np.ndarray, np.ndarray]:
    drawn = draw_digits(100)
    return np.tile(drawn.images, (30, 1, 1)), np.tile(drawn.labels, 30)


def test_suite_results_are_recorded_beside_the_accuracy(copied: Path) -> None:
    labels, model = np.arange(10), copied / "v2" / "model.int8.onnx"
    record_accuracies(copied / "v2", "ten images", {model.name: (Evaluation.of(labels, labels), CONFIDENCE)})
    shown = [
        RobustnessResult("photograph", "shadow", images=10, correct=9, rejected=0),
        RobustnessResult("photograph", "fine pen", images=10, correct=7, rejected=2),
        RobustnessResult("corruption", "fog", images=10, correct=5, rejected=3),
    ]
    record_robustness(model, shown)
    own = RejectionPoint(reject_below=0.7, digits=0.1, non_digits=NON_DIGITS)
    record_rejection(model, RejectionResult(10, {"blank": 1.0, "words": 0.4, "signs": 0.2}, own, (own,), (own,)))
    styles = {"0, plain": StyleShares(0.9, 0.0), "1, flag": StyleShares(0.7, 0.1)}
    record_styles(model, StylesResult(10, StyleShares(0.8, 0.05), styles))

    entry = json.loads((copied / "v2" / "manifest.json").read_text())["accuracy"][model.name]
    assert (entry["top1"], entry["rejected"]) == (1.0, 0.0)
    assert entry["robustness"] == {
        "images_per_kind": 10,
        "means": {"photograph": pytest.approx(0.8), "corruption": 0.5},
        "rejected": {"photograph": pytest.approx(0.1), "corruption": 0.3},
        "kinds": {"photograph, shadow": 0.9, "photograph, fine pen": 0.7, "corruption, fog": 0.5},
    }
    point: dict[str, Any] = {"reject_below": 0.7, "digits": 0.1, "non_digits": NON_DIGITS}
    curves = {"curve": [point], "confidence_curve": [point]}
    kinds = {"blank": 1.0, "words": 0.4, "signs": 0.2}
    assert entry["rejection"] == {"images_per_kind": 10, "kinds": kinds, "own": point, **curves}
    shares = {"0, plain": {"accuracy": 0.9, "rejected": 0.0}, "1, flag": {"accuracy": 0.7, "rejected": 0.1}}
    mean = {"accuracy": 0.8, "rejected": 0.05}
    assert entry["styles"] == {"images_per_style": 10, "mean": mean, "styles": shares}
    assert list(entry) == sorted(entry)
    card = (copied / "v2" / "README.md").read_text("utf-8")
    assert "renders 10 test images as each kind of photograph and corruption." in card
    assert "accuracy is 80.00% on photographs and 50.00% on corruptions; 10.0% and 30.0% are rejected." in card
    assert "| corruption, fog | 50.0% |\n| photograph, fine pen | 70.0% |\n| photograph, shadow | 90.0% |" in card
    assert "90.0% of blank and noisy ones, 60.0% of classes that training\ndoes not show, 70.0% of other" in card
    assert "and 80.0% of parts of photographs. The lowest rates:\nsigns 20.0%, words 40.0%, blank 100.0%." in card
    assert "Of digits drawn in 2 styles of handwriting" in card
    assert "best guess is right for 80.0%; it rejects 5.0%, right or not.\nMost often rejected: 1, flag (10%); " in card
    assert "| 1, flag | 70.0% |\n| 0, plain | 90.0% |" in card


@pytest.mark.parametrize("suite", ["robustness", "rejection", "styles"])
def test_a_suite_may_be_recorded_without_an_accuracy(copied: Path, suite: str) -> None:
    model = copied / "v2" / "model.int8.onnx"
    if suite == "robustness":
        results = [RobustnessResult(group, "kind", images=10, correct=9, rejected=0) for group in GROUPS]
        record_robustness(model, results)
    elif suite == "styles":
        record_styles(model, StylesResult(10, StyleShares(0.9, 0.0), {"1, flag": StyleShares(0.9, 0.0)}))
    else:
        own = RejectionPoint(reject_below=0.7, digits=0.1, non_digits=NON_DIGITS)
        record_rejection(model, RejectionResult(10, {"blank": 1.0}, own, (), ()))
    entry = json.loads((copied / "v2" / "manifest.json").read_text())["accuracy"][model.name]
    assert entry.keys() == {suite, "sha256"}
    card = (copied / "v2" / "README.md").read_text("utf-8")
    assert "Not measured yet: run `mnist-edge evaluate v2 --record`." in card
    assert card.count("not measured yet: run") == 2  # the other suites


@pytest.mark.parametrize("name", ["model.onnx", "other.onnx"])
def test_an_accuracy_of_a_changed_file_is_not_recorded(copied: Path, name: str) -> None:
    (copied / "v2" / name).write_bytes((copied / "v1" / "model.onnx").read_bytes())
    labels = np.arange(10)
    with pytest.raises(ArtifactError, match=r"differs from the file in the manifest\. Export it first") as caught:
        record_accuracies(copied / "v2", "ten images", {name: (Evaluation.of(labels, labels), CONFIDENCE)})
    assert str(copied / "v2" / name) in str(caught.value)
    assert read_manifest(copied / "v2").accuracy == {}


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
def test_over_budget_nothing_is_replaced(copied: Path, limits: dict[str, Any]) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(CheckFailedError, match="budget"):
        export_checkpoints([copied / "v2" / "checkpoint.safetensors"], copied, **limits)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_two_checkpoints_for_one_folder_are_refused(copied: Path) -> None:
    with pytest.raises(ArtifactError, match="two checkpoints of v1"):
        export_checkpoints([copied / "v1" / "checkpoint.safetensors"] * 2, copied)


def test_a_damaged_manifest_stops_an_export(copied: Path) -> None:
    (copied / "v1" / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(
        ArtifactError, match=r"manifest\.json is not a manifest .*Invalid enum value 99 - at `\$\.format`"
    ):
        export_checkpoints([copied / "v1" / "checkpoint.safetensors"], copied)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"accuracy": []}, "Expected `object`, got `array` - at `$.accuracy`"),
        ({"files": None}, "Expected `object`, got `null` - at `$.files`"),
        ({"files": {"x": 3}}, "Expected `object`, got `int` - at `$.files[...]`"),
        ({"files": {"x": {"sha256": "12ab", "bytes": 1}}}, "at `$.files[...].sha256`"),
        ({"accuracy": {"model.onnx": {"top1": 1.0}}}, "missing required field `sha256` - at `$.accuracy[...]`"),
        ({"accuracy": {"x": {"sha256": "0" * 64, "top1": 1.5}}}, "Expected `float` <= 1.0 - at `$.accuracy[...].top1`"),
        ({"accuracy": {"x": {"sha256": "0" * 64, "top1": float("nan")}}}, "at `$.accuracy[...].top1`"),
        ({"parameters": -1}, "Expected `int` >= 0 - at `$.parameters`"),
        ({"confidence": {"temperature": 0.0}}, "at `$.confidence.temperature`"),
    ],
)
def test_read_manifest_refuses_wrong_content(copied: Path, changes: dict[str, object], problem: str) -> None:
    path = copied / "v2" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ArtifactError, match=re.escape(problem)) as caught:
        read_manifest(copied / "v2")
    assert str(caught.value).startswith(str(path))


def test_read_manifest_refuses_a_missing_key(copied: Path) -> None:
    path = copied / "v2" / "manifest.json"
    content = json.loads(path.read_text())
    for key in content:
        path.write_text(json.dumps({name: value for name, value in content.items() if name != key}))
        with pytest.raises(ArtifactError, match=f"missing required field `{key}`"):
            read_manifest(copied / "v2")


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, None])
def test_read_manifest_names_an_unreadable_file(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match="cannot be read as a manifest") as caught:
        read_manifest(tmp_path)
    assert str(tmp_path / "manifest.json") in str(caught.value)


def test_recording_through_a_link_replaces_its_target(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "v2").symlink_to(copied / "v2")
    labels = np.arange(10)
    record_accuracies(
        tmp_path / "linked" / "v2", "ten images", {"model.onnx": (Evaluation.of(labels, labels), CONFIDENCE)}
    )
    assert (tmp_path / "linked" / "v2").is_symlink()
    assert read_manifest(copied / "v2").accuracy.keys() == {"model.onnx"}
