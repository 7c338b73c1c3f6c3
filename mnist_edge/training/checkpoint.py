"""Save and load trained weights, with the facts of their training, as one safetensors file (no pickle)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mnist_edge.errors import CheckpointError, UnknownNameError
from mnist_edge.files import sha256_of, write_bytes
from mnist_edge.training.models import build_model
from mnist_edge.training.recipes import Recipe

_METADATA_KEY = "mnist_edge"
_FORMAT = 1


@dataclass(frozen=True)
class TrainingFacts:
    """How a network was trained, and the result."""

    recipe: dict[str, Any]  # the values of a `Recipe`, exactly as the file has them
    seed: Annotated[int, Meta(ge=0)]
    metrics: dict[str, float] = field(default_factory=dict)  # accuracies, 0..1
    versions: dict[str, str] = field(default_factory=dict)  # of packages


@dataclass(frozen=True)
class Checkpoint:
    """A trained network, as loaded from a file."""

    architecture: str
    model: nn.Module  # in evaluation mode
    facts: TrainingFacts
    sha256: str  # of the file


def save_checkpoint(path: Path, architecture: str, model: nn.Module, facts: TrainingFacts) -> None:
    """Write a checkpoint atomically: if interrupted, the previous file stays intact.

    Raises:
        OSError: the folder cannot be written.
    """
    save_tensors(path, model.state_dict(), {"architecture": architecture, **asdict(facts)})


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-compatible metadata to one safetensors file, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    # A single metadata entry, because safetensors does not write several in a fixed order.
    content = json.dumps({"format": _FORMAT, **metadata}, sort_keys=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(contiguous, {_METADATA_KEY: content}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the metadata that `save_tensors` wrote.

    Raises:
        CheckpointError: the file does not exist, is damaged or has another format.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}. Train one with: mnist-edge train MODEL")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: no safetensors file, or a damaged one ({error})") from error
    if text is None:
        raise CheckpointError(f"{path}: not a checkpoint of mnist-edge: it has no metadata of this program")
    try:
        metadata = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CheckpointError(f"{path}: unusable metadata ({error})") from error
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: format {metadata.get('format')}, but this version reads format {_FORMAT}")
    return tensors, metadata


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check that its tensors match its architecture.

    Raises:
        CheckpointError: the file does not exist, is damaged or not a checkpoint of this project, its recipe is out of
            bounds, or its tensors are another architecture's or not finite.
    """
    tensors, metadata = load_tensors(path)
    try:
        facts = msgspec.convert(metadata, TrainingFacts)
        msgspec.convert(facts.recipe, Recipe)  # checks fields and bounds
        architecture = str(metadata["architecture"])
        model = build_model(architecture)
    except (KeyError, msgspec.ValidationError, UnknownNameError) as error:
        raise CheckpointError(f"{path}: unusable metadata ({error})") from error
    _check_tensors(path, tensors, model)
    model.load_state_dict(tensors)
    return Checkpoint(architecture, model.eval(), facts, sha256_of(path))


def _check_tensors(path: Path, tensors: dict[str, Tensor], model: nn.Module) -> None:
    expected = model.state_dict()
    if missing := expected.keys() - tensors.keys():
        raise CheckpointError(f"{path}: lacks the tensors {', '.join(sorted(missing))}")
    if extra := tensors.keys() - expected.keys():
        raise CheckpointError(f"{path}: has tensors that the network does not have: {', '.join(sorted(extra))}")
    for name, tensor in tensors.items():
        actual, required = (f"{values.dtype} {list(values.shape)}" for values in (tensor, expected[name]))
        if actual != required:
            raise CheckpointError(f"{path}: {name} is {actual}; the network needs {required}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name} has values that are not finite")
