"""Where a training stands between two epochs, so that another process goes on to the same weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mnist_edge.errors import CheckpointError
from mnist_edge.training.checkpoint import load_tensors, save_tensors
from mnist_edge.training.optimizers import RecipeOptimizer

STATE_FILE = "training-state.safetensors"
_MODEL, _OPTIMIZER, _GENERATOR = "model.", "optimizer.", "generator."


@dataclass(frozen=True)
class StateFile:
    """A file that a training's state is kept in after each epoch but the last.

    Attributes:
        path: of the file.
        resume: whether to go on from the state that is there, if one is.
    """

    path: Path
    resume: bool = False


@dataclass(frozen=True)
class TrainingState:
    """All that changes from epoch to epoch: the network, its optimiser and the generators of random numbers."""

    model: nn.Module
    optimizer: RecipeOptimizer
    generators: Sequence[torch.Generator]

    def save(self, path: Path, training: dict[str, Any], epoch: int, steps: int, seconds: float) -> None:
        """Write the state atomically.

        Args:
            path: of the file.
            training: all that the weights depend on besides: recipe, seed, data, versions …; to be told in JSON.
            epoch: number of epochs done.
            steps: number of steps done.
            seconds: that they took.

        Raises:
            OSError: the folder cannot be written.
        """
        tensors = {f"{_MODEL}{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"{_OPTIMIZER}{name}": tensor for name, tensor in self.optimizer.tensors().items()}
        tensors |= {f"{_GENERATOR}{index}": source.get_state() for index, source in enumerate(self.generators)}
        metadata = {"training": training, "epoch": epoch, "steps": steps, "seconds": seconds}
        save_tensors(path, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)

    def restore(self, path: Path, training: dict[str, Any]) -> tuple[int, float]:
        """Read a state that `save` wrote.

        Returns:
            The number of epochs done and the seconds that they took.

        Raises:
            CheckpointError: the file is damaged, or the state of another training.
        """
        tensors, metadata = load_tensors(path)
        try:
            _check_same(path, dict(metadata["training"]), training)
            epoch, steps, seconds = int(metadata["epoch"]), int(metadata["steps"]), float(metadata["seconds"])
            self.model.load_state_dict(_behind(tensors, _MODEL))
            self.optimizer.restore(_behind(tensors, _OPTIMIZER), steps)
            for index, source in enumerate(self.generators):
                source.set_state(tensors[f"{_GENERATOR}{index}"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path}: no whole state of a training ({error})") from error
        return epoch, seconds


def _behind(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _check_same(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in json.loads(json.dumps(expected)).items():
        if found.get(name) != value:
            raise CheckpointError(
                f"{path} is the state of another training: its {name} is {found.get(name)}, not {value}. "
                "Train as it was begun, or anew without --resume."
            )
