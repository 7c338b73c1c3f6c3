"""Find a model's files and check them against the manifest that lies beside them."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contract import ARTIFACTS, INT8_FILE, MANIFEST_FILE, REJECT_BELOW_KEY, TEMPERATURE_KEY
from .errors import ModelDigestError, ModelFormatError, ModelNotFoundError
from .model_graph import check_graph

_MAX_GOLDEN_BYTES = 10_000_000
"""More are not unpacked: a small file may hold any number."""


@dataclass(frozen=True)
class ModelFile:
    """A model's bytes, where they were read and what the manifest beside them says (empty if none)."""

    path: Path
    content: bytes
    sha256: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Golden:
    """Images uint8 `[N, 28, 28]`, a model's logits for them, float32 `[N, 10]`, and how far others may be."""

    images: NDArray[np.uint8]
    logits: NDArray[np.float32]
    tolerance: float


def load_model(model: str | os.PathLike[str], sha256: str | None = None) -> ModelFile:
    """Read a model by the name of a packaged one, by its folder or by its file.

    Args:
        model: a name or a path.
        sha256: that its bytes must have, whatever a manifest says.

    Raises:
        ModelNotFoundError: there is none.
        ModelFormatError: the manifest beside it cannot be read, or the model is damaged.
        ModelDigestError: it is not the file that the manifest names, or that was pinned.
        ModelGraphError: it could reach beyond its own file.
    """
    path = _find(model)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(str(path), f"({error.strerror})") from error
    manifest = _read_manifest(path.parent / MANIFEST_FILE)
    digest = hashlib.sha256(content).hexdigest()
    for expected, expected_by in ((sha256, "the caller"), (_expected_digest(manifest, path), "its manifest")):
        if expected is not None and digest != expected.lower():
            raise ModelDigestError(str(path), digest, expected, expected_by)
    check_graph(str(path), content)
    return ModelFile(path, content, digest, manifest)


def load_golden(model: ModelFile) -> Golden | None:
    """Read the golden images and logits that the export stored beside a model; None without manifest.

    Raises:
        ModelNotFoundError: the manifest names a file that is not there.
        ModelDigestError: it is not the file that the manifest names.
        ModelFormatError: the manifest or the file does not hold what it should.
    """
    if not model.manifest:
        return None
    name = model.path.name
    try:
        entry = model.manifest["golden"]
        file = entry["file"]
        tolerance = float(entry["tolerance"][name])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(
            str(model.path.parent / MANIFEST_FILE), f"names no golden logits for {name} ({error!r})"
        ) from error
    if not isinstance(file, str) or file != Path(file).name or "\\" in file:
        raise ModelFormatError(
            str(model.path.parent / MANIFEST_FILE), f"names a file that is not in its folder: {file!r}"
        )
    path = model.path.parent / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(str(path), "Its manifest names it: copy the whole folder again.") from error
    digest, expected = hashlib.sha256(content).hexdigest(), _expected_digest(model.manifest, path)
    if digest != expected:
        raise ModelDigestError(str(path), digest, str(expected), "its manifest")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            unpacked_bytes = sum(entry.file_size for entry in arrays.zip.infolist())
            if unpacked_bytes > _MAX_GOLDEN_BYTES:
                raise ValueError(f"{unpacked_bytes:,} bytes of arrays")
            golden = Golden(arrays["images"], arrays[name], tolerance)
    except Exception as error:  # zipfile, zlib and numpy raise anything for damaged files
        raise ModelFormatError(str(path), f"holds no golden logits for {name} ({error})") from error
    images, logits = (f"{array.dtype} {list(array.shape)}" for array in (golden.images, golden.logits))
    count = golden.images.size // (28 * 28)
    if count == 0 or (images, logits) != (f"uint8 [{count}, 28, 28]", f"float32 [{count}, 10]"):
        raise ModelFormatError(str(path), f"holds golden images {images} and logits {logits} for {name}")
    return golden


def read_confidence(model: ModelFile, metadata: Mapping[str, str]) -> tuple[float, float]:
    """Give the temperature and the least confidence that a model's metadata states; 1 and 0 where it does not.

    Raises:
        ModelFormatError: they are no such numbers.
    """
    try:
        temperature, reject_below = float(metadata.get(TEMPERATURE_KEY, 1)), float(metadata.get(REJECT_BELOW_KEY, 0))
    except ValueError as error:
        raise ModelFormatError(str(model.path), f"its metadata is damaged ({error})") from error
    if not (0 < temperature < float("inf") and 0 <= reject_below <= 1):
        raise ModelFormatError(
            str(model.path), f"its metadata is damaged: temperature {temperature}, least confidence {reject_below}"
        )
    return temperature, reject_below


def _find(model: str | os.PathLike[str]) -> Path:
    """Give the path of a model's file. A bare name is a packaged model, anything else a path."""
    if isinstance(model, str) and model == Path(model).name and not Path(model).suffix:
        folder = ARTIFACTS / model
        if not (folder / INT8_FILE).is_file() and not Path(model).exists():
            names = sorted(path.parent.name for path in ARTIFACTS.glob(f"*/{INT8_FILE}"))
            raise ModelNotFoundError(repr(model), f"Packaged are: {', '.join(names) or 'none'}. Or give a path.")
        if (folder / INT8_FILE).is_file():
            return folder / INT8_FILE
    path = Path(model)
    if path.is_dir():
        path = path / INT8_FILE
    if not path.is_file():
        raise ModelNotFoundError(str(path), "Export one with: mnist-edge export")
    return path


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(str(path), f"cannot be read as a manifest ({error})") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ModelFormatError(str(path), "is no manifest: it lists no files")
    return manifest


def _expected_digest(manifest: dict[str, Any], path: Path) -> str | None:
    """Give the SHA-256 that a manifest has for a file; None where it does not name the file."""
    entry = manifest.get("files", {}).get(path.name)
    if entry is None:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
        raise ModelFormatError(str(path.parent / MANIFEST_FILE), f"has no SHA-256 for {path.name}")
    return str(entry["sha256"])
