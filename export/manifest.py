"""The manifest of a folder of artifacts: what each file is, its digest and what was measured on it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.model_card import model_card
from export.publish import publish, staging
from mnist_edge.data import DIGITS, IMAGE_SIZE
from mnist_edge.errors import ArtifactError
from mnist_edge.evaluation import Evaluation
from mnist_edge.files import sha256_of

MANIFEST_FILE = "manifest.json"
CARD_FILE = "README.md"
FORMAT = 1
CONTRACT = {
    "input": {"name": "image", "dtype": "uint8", "shape": ["N", 1, IMAGE_SIZE, IMAGE_SIZE], "range": [0, 255]},
    "output": {"name": "logits", "dtype": "float32", "shape": ["N", DIGITS]},
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
    except (OSError, ValueError) as error:
        raise ArtifactError(path, f"cannot be read as a manifest ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(path, f"is no manifest of format {FORMAT}")
    for section in ("files", "accuracy"):
        entries = manifest.get(section)
        if not isinstance(entries, dict) or not all(
            isinstance(entry, dict) and "sha256" in entry for entry in entries.values()
        ):
            raise ArtifactError(path, f"is damaged: {section} does not give a SHA-256 for each file")
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
    """Give those recorded accuracies that were measured on files of the same bytes."""
    recorded: dict[str, Any] = former.get("accuracy", {})
    return {name: entry for name, entry in recorded.items() if files.get(name, {}).get("sha256") == entry["sha256"]}


def record_accuracies(folder: Path, data_set: str, measured: Mapping[str, Evaluation]) -> None:
    """Write what was measured on a folder's models into its manifest and its model card.

    Args:
        folder: of the artifacts.
        data_set: that the models were measured on.
        measured: by the file's name.

    Raises:
        ArtifactError: the manifest is damaged, or a file is not the one that it names.
    """
    folder = folder.resolve()  # behind a link, what it points to is replaced
    manifest = read_manifest(folder)
    with staging(folder) as staged:
        for name, evaluation in measured.items():
            digest = sha256_of(staged / name)
            if manifest["files"].get(name, {}).get("sha256") != digest:
                raise ArtifactError(folder / name, "is not the file that the manifest names; export it first")
            manifest["accuracy"][name] = {
                "data_set": data_set,
                "images": evaluation.images,
                "correct": evaluation.correct,
                "top1": evaluation.accuracy,
                "sha256": digest,
            }
        manifest["accuracy"] = dict(sorted(manifest["accuracy"].items()))
        write_manifest(staged, manifest)
        publish(staged, folder)
