"""Save a training's state between epochs, so that another process can resume it and reach the same weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from mnist_edge.errors import CheckpointError
from mnist_edge.training.checkpoint import load_tensors, save_tensors
from mnist_edge.training.optimizers import RecipeOptimizer
from mnist_edge.training.recipes import Recipe

STATE_FILE = "training-state.safetensors"
_MODEL, _OPTIMIZER, _GENERATOR = "model.", "optimizer.", "generator."


@dataclass(frozen=True)
class StateFile:
    """The file that a training saves its state to after each epoch except the last."""

    path: Path
    resume: bool = False  # start from the state in the file, if it exists


@dataclass(frozen=True)
class Fingerprint:
    """Everything that the trained weights depend on. Only the same training can resume from a state."""

    recipe: Recipe
    seed: int
    device: str
    threads: int
    data_sha256: str  # of the images to train on and their labels, then of digits and outliers drawn by code
    versions: dict[str, str]  # of packages


@dataclass(frozen=True)
class _Metadata:
    fingerprint: Fingerprint
    epoch: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes from epoch to epoch: the network, its optimizer and the random number generators."""

    file: StateFile
    fingerprint: Fingerprint
    model: nn.Module
    optimizer: RecipeOptimizer
    generators: Sequence[torch.Generator]

    def save(self, epoch: int, steps: int, seconds: float) -> None:
        """Write the state after `epoch` epochs, with `steps` steps in all that took `seconds`, atomically.

        Raises:
            OSError: the folder cannot be written.
        """
        tensors = {f"{_MODEL}{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"{_OPTIMIZER}{name}": tensor for name, tensor in self.optimizer.tensors().items()}
        tensors |= {f"{_GENERATOR}{index}": generator.get_state() for index, generator in enumerate(self.generators)}
        save_tensors(self.file.path, tensors, asdict(_Metadata(self.fingerprint, epoch, steps, seconds)))

    def restore(self) -> tuple[int, float]:
        """Load the state if that is wanted and there is one; return its completed epochs and the seconds they took.

        Raises:
            CheckpointError: the file is damaged, or belongs to another training.
        """
        path = self.file.path
        if not (self.file.resume and path.exists()):
            return 0, 0.0
        tensors, content = load_tensors(path)
        try:
            metadata = msgspec.convert(content, _Metadata)
            _check_same_training(path, metadata.fingerprint, self.fingerprint)
            self.model.load_state_dict(_with_prefix(tensors, _MODEL))
            self.optimizer.restore(_with_prefix(tensors, _OPTIMIZER), metadata.steps)
            for index, generator in enumerate(self.generators):
                generator.set_state(tensors[f"{_GENERATOR}{index}"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path}: not a complete training state ({error}). Train from scratch, without --resume."
            ) from error
        return metadata.epoch, metadata.seconds


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _check_same_training(path: Path, saved: Fingerprint, current: Fingerprint) -> None:
    saved_values, current_values = _flatten(saved), _flatten(current)
    for key, value in current_values.items():
        if saved_values[key] != value:
            raise CheckpointError(
                f"{path} is the state of another training: its {key} is {saved_values[key]}, not {value}. "
                "Resume with the settings that it was started with, or train from scratch, without --resume."
            )


def _flatten(fingerprint: Fingerprint) -> dict[str, Any]:
    values = asdict(fingerprint)
    return {f"recipe.{name}": value for name, value in values.pop("recipe").items()} | values
