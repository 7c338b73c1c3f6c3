"""Training is reproducible, follows its recipe, and exceeds 95 % accuracy after one epoch."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import UnknownNameError
from mnist_edge.training.loop import model_logits, steps_per_epoch, train
from mnist_edge.training.recipes import RECIPES, Recipe, find_recipe
from mnist_edge.training.torch_settings import RunSettings

if TYPE_CHECKING:
    from mnist_edge.training.progress import Step


@pytest.fixture(scope="module")
def drawn() -> Split:
    return draw_digits(200)


def _small(architecture: str) -> Recipe:
    return replace(find_recipe(architecture, "reference"), validation_images=40)


@pytest.mark.parametrize("architecture", ["v1", "v2"])
def test_the_same_seed_gives_the_same_weights(drawn: Split, architecture: str) -> None:
    runs = [train(_small(architecture), drawn, settings=RunSettings(seed=seed)) for seed in (1, 1, 2)]
    states = [run.model.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_reporting_steps_does_not_change_the_weights(drawn: Split) -> None:
    steps: list[Step] = []
    recipe = replace(_small("v2"), epochs=2)
    watched = train(recipe, drawn, on_step=steps.append)
    unwatched = train(recipe, drawn)
    assert [(step.epoch, step.step, step.steps) for step in steps] == [
        (epoch, step, 3) for epoch in (1, 2) for step in (1, 2, 3)
    ]
    for name, tensor in watched.model.state_dict().items():
        assert torch.equal(tensor, unwatched.model.state_dict()[name])
    assert steps[-1].accuracy > steps[0].accuracy
    assert steps[-1].loss < steps[0].loss


def test_the_callers_random_state_and_threads_are_restored(drawn: Split) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    train(_small("v1"), drawn, settings=RunSettings(threads=1))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_held_out_images_are_evaluated_separately(drawn: Split) -> None:
    result = train(_small("v1"), drawn, drawn)
    assert result.validation is not None
    assert result.test is not None
    assert (result.train.images, result.validation.images, result.test.images) == (160, 40, 200)
    assert result.train.correct + result.validation.correct == result.test.correct
    assert result.facts.recipe["architecture"] == "v1"
    assert result.facts.metrics["test_accuracy"] == result.test.accuracy


def test_augmentation_works_without_outliers(drawn: Split) -> None:
    recipe = replace(find_recipe("v1", "deploy"), epochs=1, validation_images=40, outliers=0)
    recipes = (recipe, replace(recipe, augmentation=None))
    augmented, plain = (train(each, drawn).model.state_dict() for each in recipes)
    assert not all(torch.equal(augmented[name], plain[name]) for name in plain)


def test_an_epoch_has_as_many_steps_as_the_references() -> None:
    steps = {recipe.architecture: steps_per_epoch(recipe, 60_000) for recipe in RECIPES if recipe.name == "reference"}
    assert steps == {"v1": 938, "v2": 844}


def test_an_unknown_recipe_is_an_error_listing_the_known() -> None:
    with pytest.raises(
        UnknownNameError, match="there is no recipe 'magic' for v1; there are reference, onepass, deploy"
    ):
        find_recipe("v1", "magic")
    with pytest.raises(UnknownNameError, match="there is no model 'v9'; there are v1, v2"):
        find_recipe("v9", "reference")


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_an_unavailable_device_is_an_error(drawn: Split, device: str) -> None:
    with pytest.raises(UnknownNameError, match=device):
        train(_small("v1"), drawn, settings=RunSettings(device=device))


def test_read_only_images_raise_no_warning(drawn: Split) -> None:
    images = drawn.images.copy()
    images.flags.writeable = False
    model = train(_small("v1"), Split(images, drawn.labels)).model
    assert model_logits(model, images).shape == (200, 10)


def train_and_check_accuracy(recipe: Recipe, training: Split, test: Split) -> None:
    """Check that one epoch exceeds 95 % on test images, and stays below what no network of this size exceeds."""
    result = train(replace(recipe, epochs=1), training, test)
    assert result.test is not None
    assert result.test.accuracy > 0.95
    assert result.test.accuracy < 0.995


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["v1", "v2"])
def test_one_epoch_from_scratch_exceeds_95_percent(architecture: str, mnist_train: Split, mnist_test: Split) -> None:
    train_and_check_accuracy(find_recipe(architecture, "reference"), mnist_train, mnist_test)


def test_the_accuracy_check_fails_on_shuffled_labels() -> None:
    digits = draw_digits(3_000)
    shuffled = Split(digits.images, np.random.default_rng(0).permutation(digits.labels))
    with pytest.raises(AssertionError, match=r"> 0\.95"):
        train_and_check_accuracy(find_recipe("v1", "reference"), shuffled, digits)


def test_the_accuracy_check_fails_on_easy_digits() -> None:
    digits = draw_digits(3_000)
    with pytest.raises(AssertionError, match=r"< 0\.995"):
        train_and_check_accuracy(find_recipe("v1", "reference"), digits, digits)


def test_the_recipe_sets_dropout_and_zeroes_the_last_layer(drawn: Split) -> None:
    """Uniform predictions have the loss ln(10)."""
    recipe = replace(_small("v1"), dropout=0.0, zero_last_layer=True)
    steps: list[Step] = []
    result = train(recipe, drawn, on_step=steps.append)
    assert steps[0].step_loss == pytest.approx(np.log(10), abs=1e-6)
    assert [layer.p for layer in result.model.modules() if isinstance(layer, torch.nn.Dropout)] == [0.0]
    default_steps: list[Step] = []
    default = train(_small("v1"), drawn, on_step=default_steps.append)
    assert default_steps[0].step_loss != pytest.approx(np.log(10), abs=1e-6)
    assert [layer.p for layer in default.model.modules() if isinstance(layer, torch.nn.Dropout)] == [0.3]


@pytest.mark.parametrize("validate_every", [None, 1])
def test_blocks_are_frozen_after_their_share_of_the_steps(drawn: Split, validate_every: int | None) -> None:
    """Of 8 steps, the first block learns in 4 and the second in 6; a validation in between does not unfreeze them."""
    recipe = replace(_small("v2"), batch_size=20, block_shares=(0.5, 0.75))
    shorter = {
        share: train(replace(recipe, block_shares=(share, share)), drawn).model.state_dict() for share in (0.5, 0.75, 1)
    }
    result = train(recipe, drawn, validate_every=validate_every, on_step=lambda _: None)
    weights = result.model.state_dict()
    assert all(torch.equal(weights[name], shorter[0.5][name]) for name in weights if name.startswith("blocks.0."))
    for name in ("blocks.0.0.weight", "blocks.0.1.running_mean"):
        assert not torch.equal(weights[name], shorter[0.75][name])
    for name in ("blocks.1.0.weight", "blocks.1.1.running_var"):
        assert not torch.equal(weights[name], shorter[0.5][name])
    for name in ("blocks.2.0.weight", "head.3.weight"):
        assert not torch.equal(weights[name], shorter[1][name])
    assert all(parameter.requires_grad for parameter in result.model.parameters())


def test_validation_runs_every_few_steps_and_after_the_last(drawn: Split) -> None:
    steps: list[Step] = []
    result = train(_small("v1"), drawn, validate_every=2, on_step=steps.append)
    assert [step.validation_accuracy is not None for step in steps] == [False, True, True]
    assert result.validation is not None
    assert steps[-1].validation_accuracy == result.validation.accuracy
