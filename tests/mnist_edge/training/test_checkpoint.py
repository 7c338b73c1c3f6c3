"""Checkpoints load as they were saved, and anything else is refused."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mnist_edge.errors import CheckpointError
from mnist_edge.training.checkpoint import TrainingFacts, load_checkpoint, save_checkpoint
from mnist_edge.training.models import build_model
from mnist_edge.training.recipes import find_recipe

RECIPE = json.loads(json.dumps(asdict(find_recipe("v1", "reference"))))  # as read from a file
FACTS = TrainingFacts(RECIPE, seed=3, metrics={"test_accuracy": 0.5}, versions={"torch": "2"})


@pytest.mark.parametrize("architecture", ["v1", "v2"])
def test_a_checkpoint_loads_as_it_was_saved(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "new" / "checkpoint.safetensors"
    model = build_model(architecture)
    save_checkpoint(path, architecture, model, FACTS)
    loaded = load_checkpoint(path)
    assert (loaded.architecture, loaded.facts, loaded.model.training) == (architecture, FACTS, False)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    model = build_model("v1")
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, "v1", model, FACTS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Train one with: mnist-edge train"):
        load_checkpoint(tmp_path / "none")


def _parts(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    save_checkpoint(path, "v1", build_model("v1"), FACTS)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["mnist_edge"])  # noqa: SIM118


def _drop(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
    del tensors["head.4.bias"]


def _add(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
    tensors["extra"] = torch.zeros(1)


def _reshape(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
    tensors["head.4.bias"] = torch.zeros(11)


def _retype(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
    tensors["head.4.bias"] = tensors["head.4.bias"].double()


def _nan(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
    tensors["head.4.bias"][3] = np.nan


def _other_format(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["format"] = 99


def _other_architecture(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["architecture"] = "v3"


def _swapped_architecture(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["architecture"] = "v2"


def _no_seed(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    del metadata["seed"]


def _no_epochs(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    del metadata["recipe"]["epochs"]


def _zero_epochs(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["recipe"]["epochs"] = 0


def _share_above_1(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["recipe"]["warmup_share"] = 1.5


def _unbounded_augmentation(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    augmentation = find_recipe("v1", "deploy").augmentation
    assert augmentation is not None
    metadata["recipe"]["augmentation"] = {**asdict(augmentation), "shear": -1.0}


def _text_as_accuracy(_: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    metadata["metrics"]["test_accuracy"] = "good"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_drop, "lacks the tensors head.4.bias"),
        (_add, "has tensors that the network does not have: extra"),
        (_reshape, r"head.4.bias is torch.float32 \[11\]; the network needs torch.float32 \[10\]"),
        (_retype, "head.4.bias is torch.float64"),
        (_nan, "head.4.bias has values that are not finite"),
        (_other_format, "format 99, but this version reads format 1"),
        (_other_architecture, "there is no model 'v3'"),
        (_swapped_architecture, "lacks the tensors"),
        (_no_seed, "unusable metadata"),
        (_no_epochs, "unusable metadata .*missing required field `epochs`"),
        (_zero_epochs, r"unusable metadata .*Expected `int` >= 1 - at `\$.epochs`"),
        (_share_above_1, r"unusable metadata .*Expected `float` <= 1.0 - at `\$.warmup_share`"),
        (_unbounded_augmentation, r"unusable metadata .*>= 0.0 - at `\$.augmentation.shear`"),
        (_text_as_accuracy, "unusable metadata .*Expected `float`, got `str`"),
    ],
)
def test_an_inconsistent_checkpoint_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Tensor], dict[str, Any]], None], problem: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    tensors, metadata = _parts(path)
    spoil(tensors, metadata)
    save_file(tensors, path, {"mnist_edge": json.dumps(metadata)})
    with pytest.raises(CheckpointError, match=problem):
        load_checkpoint(path)


@pytest.mark.parametrize("metadata", ["{", "[" * 100_000, "[1]", "null"])
def test_metadata_that_is_not_an_object_is_refused(tmp_path: Path, metadata: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file(_parts(path)[0], path, {"mnist_edge": metadata})
    with pytest.raises(CheckpointError, match="unusable metadata"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"x" * 5, b"\xff" * 100, b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_checkpoint(path)


def test_another_projects_tensors_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of mnist-edge"):
        load_checkpoint(tmp_path / "other.safetensors")
