"""The manifest of a folder of artifacts: what each file is, its digest and what was measured on it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.model_card import model_card
from export.publish import publish, staging
from mnist_edge.errors import ArtifactError
from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation
from mnist_edge.evaluation.rejection import RejectionResult
from mnist_edge.evaluation.robustness import RobustnessResult, mean_accuracy
from mnist_edge.files import sha256_of
from runtime.contract import CLASSES, IMAGE_SIZE, INPUT, MANIFEST_FILE, OUTPUT

CARD_FILE = "README.md"
FORMAT = 1
CONTRACT = {
    "input": {"name": INPUT, "dtype": "uint8", "shape": ["N", 1, IMAGE_SIZE, IMAGE_SIZE], "range": [0, 255]},
    "output": {"name": OUTPUT, "dtype": "float32", "shape": ["N", CLASSES]},
}

Manifest = dict[str, Any]


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} cannot be read as a manifest ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(f"{path} is no manifest of format {FORMAT}")
    for section in ("files", "accuracy"):
        entries = manifest.get(section)
        if not isinstance(entries, dict) or not all(
            isinstance(entry, dict) and "sha256" in entry for entry in entries.values()
        ):
            raise ArtifactError(f"{path} is damaged: {section} does not give a SHA-256 for each file")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest and the model card that is generated from it."""
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / CARD_FILE).write_text(model_card(manifest), "utf-8")


def file_entries(folder: Path, names: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Describe files by their digest and size, with the facts given for each."""
    return {
        name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size, **facts}
        for name, facts in names.items()
    }


def accuracies_that_hold(former: Manifest, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Give those recorded measurements that were made on files of the same bytes."""
    recorded: dict[str, Any] = former.get("accuracy", {})
    return {name: entry for name, entry in recorded.items() if files.get(name, {}).get("sha256") == entry["sha256"]}


def record_accuracies(
    folder: Path, data_set: str, measured: Mapping[str, tuple[Evaluation, ConfidenceEvaluation]]
) -> None:
    """Write what was measured on a folder's models into its manifest and its model card.

    Args:
        folder: of the artifacts.
        data_set: that the models were measured on.
        measured: by the file's name.

    Raises:
        ArtifactError: the manifest is damaged, or a file is not the one that it names.
    """
    _record(
        folder,
        {
            name: {
                "data_set": data_set,
                "images": evaluation.images,
                "correct": evaluation.correct,
                "top1": evaluation.accuracy,
                **asdict(confidence),
            }
            for name, (evaluation, confidence) in measured.items()
        },
    )


def record_robustness(model: Path, results: Sequence[RobustnessResult]) -> None:
    """Write what a model made of the robustness suite into its folder's manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or the model is not the one that it names.
    """
    kinds = {f"{result.group}, {result.kind}": result.accuracy for result in results}
    means = {group: mean_accuracy(results, group) for group in ("photograph", "corruption")}
    _record(
        model.parent,
        {model.name: {"robustness": {"images_per_kind": results[0].images, "means": means, "kinds": kinds}}},
    )


def record_rejection(model: Path, result: RejectionResult) -> None:
    """Write what a model rejects into its folder's manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or the model is not the one that it names.
    """
    _record(model.parent, {model.name: {"rejection": asdict(result)}})


def _record(folder: Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    folder = folder.resolve()  # behind a link, what it points to is replaced
    manifest = read_manifest(folder)
    recorded = manifest["accuracy"]
    with staging(folder) as staged:
        for name, measured in facts.items():
            digest = sha256_of(staged / name)
            if manifest["files"].get(name, {}).get("sha256") != digest:
                raise ArtifactError(f"{folder / name} is not the file that the manifest names; export it first")
            recorded[name] = {"sha256": digest, **recorded.get(name, {}), **measured}
        manifest["accuracy"] = {name: dict(sorted(recorded[name].items())) for name in sorted(recorded)}
        write_manifest(staged, manifest)
        publish(staged, folder)
