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
AUGMENTATION = asdict(find_recipe("v1", "deploy"))["augmentation"]
BIAS = "head.4.bias"
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


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda tensors, _: tensors.pop(BIAS), "lacks the tensors head.4.bias"),
        (
            lambda tensors, _: tensors.update(extra=torch.zeros(1)),
            "has tensors that the network does not have: extra",
        ),
        (
            lambda tensors, _: tensors.update({BIAS: torch.zeros(11)}),
            r"head.4.bias is torch.float32 \[11\]; the network needs torch.float32 \[10\]",
        ),
        (lambda tensors, _: tensors.update({BIAS: tensors[BIAS].double()}), "head.4.bias is torch.float64"),
        (lambda tensors, _: tensors[BIAS][3].fill_(np.nan), "head.4.bias has values that are not finite"),
        (lambda _, metadata: metadata.update(format=99), "format 99, but this version reads format 1"),
        (lambda _, metadata: metadata.update(architecture="v3"), "there is no model 'v3'"),
        (lambda _, metadata: metadata.update(architecture="v2"), "lacks the tensors"),
        (lambda _, metadata: metadata.pop("seed"), "unusable metadata"),
        (lambda _, metadata: metadata.update(seed=-1), r"unusable metadata .*>= 0 - at `\$.seed`"),
        (
            lambda _, metadata: metadata["recipe"].pop("epochs"),
            "unusable metadata .*missing required field `epochs`",
        ),
        (
            lambda _, metadata: metadata["recipe"].update(epochs=0),
            r"unusable metadata .*Expected `int` >= 1 - at `\$.epochs`",
        ),
        (
            lambda _, metadata: metadata["recipe"].update(warmup_share=1.5),
            r"unusable metadata .*Expected `float` <= 1.0 - at `\$.warmup_share`",
        ),
        (
            lambda _, metadata: metadata["recipe"].update(augmentation={**AUGMENTATION, "shear": -1.0}),
            r"unusable metadata .*>= 0.0 - at `\$.augmentation.shear`",
        ),
        (
            lambda _, metadata: metadata["metrics"].update(test_accuracy="good"),
            "unusable metadata .*Expected `float`, got `str`",
        ),
    ],
)
def test_an_inconsistent_checkpoint_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Tensor], dict[str, Any]], object], problem: str
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
