"""Find a model's files and check them against the manifest in the same folder."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import ARTIFACTS, INT8_FILE, MANIFEST_FILE, REJECT_BELOW_KEY, TEMPERATURE_KEY
from .errors import ModelDigestError, ModelError, ModelNotFoundError
from .model_graph import check_graph


@dataclass(frozen=True)
class ModelFile:
    """A model's bytes, their SHA-256, their path, and the digests in its folder's manifest, by file name (or None)."""

    path: Path
    content: bytes
    sha256: str
    digests: Mapping[str, str] | None


def load_model(model: str | os.PathLike[str], sha256: str | None = None) -> ModelFile:
    """Read and check a model.

    Args:
        model: the name of a packaged model, or the path of a model file or of its folder.
        sha256: digest that the model must have, whatever a manifest says.

    Raises:
        ModelNotFoundError: there is no such model.
        ModelDigestError: its digest is not the manifest's, or not `sha256`.
        ModelError: the model or its manifest is damaged, or the model could reach beyond its own file.
    """
    path = _find(model)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(f"the model {path} cannot be read: {error.strerror}") from error
    digests = _read_digests(path.parent / MANIFEST_FILE)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None:
        check_digest(path, digest, sha256, "the caller")
    if digests is not None and path.name in digests:
        check_digest(path, digest, digests[path.name], "its manifest")
    check_graph(str(path), content)
    return ModelFile(path, content, digest, digests)


def read_confidence(model: ModelFile, metadata: Mapping[str, str]) -> tuple[float, float]:
    """Return the temperature and the rejection threshold in a model's metadata; by default 1 and 0.

    Raises:
        ModelError: they are not numbers, or out of range.
    """
    try:
        temperature, reject_below = float(metadata.get(TEMPERATURE_KEY, 1)), float(metadata.get(REJECT_BELOW_KEY, 0))
        if not (0 < temperature < float("inf") and 0 <= reject_below <= 1):
            raise ValueError(f"temperature {temperature}, reject_below {reject_below}")
    except ValueError as error:
        raise ModelError(f"the metadata of {model.path} is damaged ({error}); export the model again") from error
    return temperature, reject_below


def _find(model: str | os.PathLike[str]) -> Path:
    """Return the path of a model's file. A bare name means a packaged model first, and a path otherwise."""
    path = Path(model)
    if isinstance(model, str) and model == path.name and not path.suffix:
        if (ARTIFACTS / model / INT8_FILE).is_file():
            return ARTIFACTS / model / INT8_FILE
        if not path.exists():
            names = sorted(packaged.parent.name for packaged in ARTIFACTS.glob(f"*/{INT8_FILE}"))
            raise ModelNotFoundError(f"there is no model {model!r}; use one of: {', '.join([*names, 'a path'])}")
    if path.is_dir():
        path /= INT8_FILE
    if not path.is_file():
        raise ModelNotFoundError(f"there is no model {path}; export one with: mnist-edge export")
    return path


def _read_digests(manifest: Path) -> dict[str, str] | None:
    try:
        entries = json.loads(manifest.read_text("utf-8"))
        return {name: entry["sha256"].lower() for name, entry in entries["files"].items()}
    except FileNotFoundError:
        return None
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(f"{manifest} cannot be read as a manifest ({error!r}); copy the whole folder again") from error


def check_digest(path: Path, digest: str, expected: str, expected_by: str) -> None:
    """Check a file's SHA-256.

    Raises:
        ModelDigestError: it is another than the expected one.
    """
    if digest != expected.lower():
        raise ModelDigestError(
            f"{path} is damaged or was replaced: its SHA-256 is {digest}, but {expected_by} says {expected}. "
            "Copy the whole folder again, or export the model again."
        )
