"""A resumed training reaches the same weights as an uninterrupted one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import CheckpointError
from mnist_edge.training.loop import TrainingResult, train
from mnist_edge.training.progress import Step
from mnist_edge.training.recipes import Recipe, find_recipe
from mnist_edge.training.resume import StateFile
from mnist_edge.training.torch_settings import RunSettings

DIGITS = draw_digits(300, 3)
RECIPES = [
    replace(find_recipe("v1", "deploy"), batch_size=64, validation_images=20, epochs=3),
    replace(find_recipe("v2", "reference"), validation_images=20, epochs=3),
    replace(find_recipe("v2", "onepass"), batch_size=64, epochs=3),
]


SETTINGS = RunSettings(seed=1, threads=1)


class StoppedError(Exception):
    pass


def _stop_in(epoch: int) -> Callable[[Step], None]:
    def on_step(step: Step) -> None:
        if (step.epoch, step.step) == (epoch, 2):
            raise StoppedError

    return on_step


def _train(
    recipe: Recipe,
    state: StateFile | None,
    on_step: Callable[[Step], None] | None = None,
    settings: RunSettings = SETTINGS,
) -> TrainingResult:
    return train(recipe, DIGITS, settings=settings, state=state, on_step=on_step)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """Return the state of a training of V2 that was stopped in its second epoch."""
    path = tmp_path / "state"
    with pytest.raises(StoppedError):
        _train(RECIPES[1], StateFile(path), on_step=_stop_in(2))
    return path


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("epoch", [2, 3])
def test_it_reaches_the_weights_of_an_unbroken_training(tmp_path: Path, recipe: Recipe, epoch: int) -> None:
    unbroken = _train(recipe, None)
    path = tmp_path / "state"
    with pytest.raises(StoppedError):
        _train(recipe, StateFile(path), on_step=_stop_in(epoch))
    seen: list[int] = []
    resumed = _train(recipe, StateFile(path, resume=True), on_step=lambda step: seen.append(step.epoch))
    assert set(seen) == set(range(epoch, 4))
    expected = unbroken.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.model.state_dict().items())
    assert resumed.facts == unbroken.facts


def test_without_resume_it_starts_from_scratch(stopped: Path) -> None:
    seen: list[int] = []
    _train(RECIPES[1], StateFile(stopped), on_step=lambda step: seen.append(step.epoch))
    assert seen[0] == 1


def test_one_epoch_leaves_no_state(tmp_path: Path) -> None:
    _train(replace(RECIPES[1], epochs=1), StateFile(tmp_path / "state"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("recipe", "settings", "difference"),
    [
        (RECIPES[0], SETTINGS, "recipe.name is reference, not deploy"),
        (replace(RECIPES[1], peak_learning_rate=0.5), SETTINGS, "recipe.peak_learning_rate is 0.015, not 0.5"),
        (replace(RECIPES[1], epochs=9), SETTINGS, "recipe.epochs is 3, not 9"),
        (RECIPES[1], RunSettings(seed=2, threads=1), "seed is 1, not 2"),
        (RECIPES[1], RunSettings(seed=1, threads=2), "threads is 1, not 2"),
    ],
)
def test_the_state_of_another_training_is_refused(
    stopped: Path, recipe: Recipe, settings: RunSettings, difference: str
) -> None:
    with pytest.raises(CheckpointError, match=f"its {difference}.*without --resume"):
        _train(recipe, StateFile(stopped, resume=True), settings=settings)


def test_the_state_of_other_images_is_refused(stopped: Path) -> None:
    with pytest.raises(CheckpointError, match="its data_sha256 is "):
        train(RECIPES[1], draw_digits(300, 4), settings=SETTINGS, state=StateFile(stopped, resume=True))


def test_the_state_of_other_package_versions_is_refused(stopped: Path) -> None:
    _spoil(stopped, lambda _, metadata: metadata["fingerprint"]["versions"].update(torch="1.0"))
    with pytest.raises(CheckpointError, match=r"its versions is .*'torch': '1\.0'"):
        _train(RECIPES[1], StateFile(stopped, resume=True))


def test_the_fingerprint_in_the_file_has_plain_keys(stopped: Path) -> None:
    with safe_open(stopped, framework="pt") as file:
        fingerprint = json.loads(file.metadata()["mnist_edge"])["fingerprint"]
    assert sorted(fingerprint) == ["data_sha256", "device", "recipe", "seed", "threads", "versions"]
    assert (fingerprint["seed"], fingerprint["device"], fingerprint["threads"]) == (1, "cpu", 1)
    assert fingerprint["recipe"]["architecture"] == "v2"


def _spoil(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], None]) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()["mnist_edge"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    change(tensors, metadata)
    save_file(tensors, path, {"mnist_edge": json.dumps(metadata)})


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, _: tensors.pop("generator.0"),
        lambda tensors, _: tensors.pop("optimizer.0.0.exp_avg"),
        lambda tensors, _: tensors.pop(next(name for name in tensors if name.startswith("model."))),
        lambda tensors, _: tensors.update({"generator.1": torch.zeros(3, dtype=torch.uint8)}),
        lambda tensors, _: tensors.update({"optimizer.0.0.exp_avg": torch.zeros(7)}),
        lambda _, metadata: metadata.pop("epoch"),
        lambda _, metadata: metadata.update(format=99),
        lambda _, metadata: metadata.update(fingerprint=3),
        lambda _, metadata: metadata["fingerprint"].pop("device"),
        lambda _, metadata: metadata["fingerprint"]["recipe"].update(epochs=0),
    ],
)
def test_a_damaged_state_is_refused(stopped: Path, change: Any) -> None:
    _spoil(stopped, change)
    with pytest.raises(CheckpointError):
        _train(RECIPES[1], StateFile(stopped, resume=True))


def test_a_truncated_state_is_refused(stopped: Path) -> None:
    stopped.write_bytes(stopped.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="no safetensors file"):
        _train(RECIPES[1], StateFile(stopped, resume=True))
