"""Find a model's files and check them against the manifest in the same folder."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .contract import ARTIFACTS, INT8_FILE, MANIFEST_FILE, OPTIMIZED_FILE, PACKAGED, PREPARE_FILE
from .errors import ModelDigestError, ModelError, ModelNotFoundError
from .model_graph import check_graph


@dataclass(frozen=True)
class ModelFile:
    """A model's bytes, their SHA-256, their path, and the digests in its folder's manifest, if any, by file name."""

    path: Path
    content: bytes
    sha256: str
    digests: Mapping[str, str]


def load_model(
    model: str | os.PathLike[str], sha256: str | None = None, names: Sequence[str] = (OPTIMIZED_FILE, INT8_FILE)
) -> ModelFile:
    """Read and check a model.

    Args:
        model: the name of a packaged model, or the path of a model file or of its folder.
        sha256: digest that the model must have, whatever a manifest says.
        names: files that are opened in a folder whose manifest names them, in order of preference.

    Raises:
        ModelNotFoundError: there is no such model.
        ModelDigestError: its digest is not the manifest's, or not `sha256`.
        ModelError: the model or its manifest is damaged, or the model could reach beyond its own file.
    """
    try:
        path = _find(model)
        digests = _read_digests((path if path.is_dir() else path.parent) / MANIFEST_FILE)
        if path.is_dir():
            path /= next((name for name in names if name in digests and (path / name).is_file()), INT8_FILE)
        if not path.is_file():
            raise ModelNotFoundError(f"there is no model {path}; export one with: mnist-edge export")
    except ModelError:
        raise
    except OSError as error:  # the name is too long, or a folder must not be entered
        raise ModelNotFoundError(f"{os.fspath(model)} cannot be read: {error.strerror}") from error
    content, digest = read_checked(path, digests, sha256)
    is_optimized = path.name == OPTIMIZED_FILE
    if is_optimized and (portable := path.with_name(INT8_FILE)).exists():
        read_checked(portable, digests)  # whoever has replaced it wants its answers
    check_graph(str(path), content, may_be_fused=is_optimized)
    return ModelFile(path, content, digest, digests)


def read_checked(path: Path, digests: Mapping[str, str], pinned: str | None = None) -> tuple[bytes, str]:
    """Return a file's bytes and SHA-256, after comparing it with those of the manifest and the caller, if any.

    Raises:
        ModelNotFoundError: the file cannot be read.
        ModelDigestError: its digest is another than the expected one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror}; copy the whole folder again") from error
    digest = hashlib.sha256(content).hexdigest()
    for expected, expected_by in ((pinned, "the caller"), (digests.get(path.name), "its manifest")):
        if expected is not None and digest != expected.lower():
            raise ModelDigestError(
                f"{path} is damaged or was replaced: its SHA-256 is {digest}, but {expected_by} says {expected}. "
                "Copy the whole folder again, or export the model again."
            )
    return content, digest


def find_preparation(model: Path) -> Path:
    """Return the path of the preparation: in `ARTIFACTS`, or beside the folder of a model's file.

    Raises:
        ModelNotFoundError: it is in neither place.
    """
    places = ARTIFACTS, model.resolve().parent.parent
    for folder in places:
        if (folder / PREPARE_FILE).is_file():
            return folder / PREPARE_FILE
    raise ModelNotFoundError(f"no {PREPARE_FILE} in {places[0]} or {places[1]}; copy it there from the artifacts")


def _find(model: str | os.PathLike[str]) -> Path:
    """Return the path of a model's file or folder. A bare name means a packaged model first, and a path otherwise."""
    path = Path(model)
    if isinstance(model, str) and model == path.name and not path.suffix:
        if model in PACKAGED:
            return ARTIFACTS / model
        if not path.exists():
            raise ModelNotFoundError(f"there is no model {model!r}; use one of: {', '.join([*PACKAGED, 'a path'])}")
    return path


def _read_digests(manifest: Path) -> dict[str, str]:
    try:
        entries = json.loads(manifest.read_text("utf-8"))
        return {name: entry["sha256"].lower() for name, entry in entries["files"].items()}
    except FileNotFoundError:
        return {}
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(f"{manifest} cannot be read as a manifest ({error!r}); copy the whole folder again") from error
