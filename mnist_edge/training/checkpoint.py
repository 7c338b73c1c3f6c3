"""Trained weights with the facts of their training, in one safetensors file (no pickle)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mnist_edge.errors import CheckpointError, UnknownNameError
from mnist_edge.files import sha256_of, write_bytes
from mnist_edge.training.models import build_model
from mnist_edge.training.recipes import Recipe

CHECKPOINT_FILE = "checkpoint.safetensors"
_METADATA_KEY = "mnist_edge"
_FORMAT = 1


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of a training: the recipe's values, the seed, measured figures and versions."""

    recipe: dict[str, Any]
    seed: int
    metrics: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A network in evaluation mode, its training's facts and the SHA-256 of its file."""

    architecture: str
    model: nn.Module
    facts: TrainingFacts
    sha256: str


def save_checkpoint(path: Path, architecture: str, model: nn.Module, facts: TrainingFacts) -> None:
    """Write a checkpoint atomically; a former one stays whole if this is interrupted.

    Raises:
        OSError: the folder cannot be written.
    """
    metadata = {"architecture": architecture, **asdict(facts)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_tensors(path, tensors, metadata)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and what is known of them into one safetensors file, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    # One entry, since safetensors writes several in no fixed order.
    content = json.dumps({"format": _FORMAT, **metadata}, sort_keys=True)
    write_bytes(path, save(tensors, {_METADATA_KEY: content}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote: tensors by name, and what is known of them.

    Raises:
        CheckpointError: there is no such file, or it is damaged or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}. Train one with: mnist-edge train")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: no safetensors file, or a damaged one ({error})") from error
    if text is None:
        raise CheckpointError(f"{path}: no checkpoint of mnist-edge: its metadata is missing")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: unusable metadata ({error})") from error
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path}: unusable metadata")
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: format {metadata.get('format')}, this version reads {_FORMAT}")
    return tensors, metadata


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check that it fits its architecture.

    Raises:
        CheckpointError: there is no such file, or it is damaged, no checkpoint of this project, another architecture's
            tensors, or values that are not finite.
    """
    tensors, metadata = load_tensors(path)
    try:
        facts = msgspec.convert(metadata, TrainingFacts)
        msgspec.convert(facts.recipe, Recipe)  # the export describes it
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
        raise CheckpointError(f"{path}: holds tensors that the network has not: {', '.join(sorted(extra))}")
    for name, tensor in tensors.items():
        wanted = expected[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            raise CheckpointError(
                f"{path}: {name} is {tensor.dtype} {list(tensor.shape)}; "
                f"the network has {wanted.dtype} {list(wanted.shape)}"
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
