"""Training: repeatable, undisturbing, and above 95 % after one epoch."""

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

if TYPE_CHECKING:
    from mnist_edge.training.progress import Step


@pytest.fixture(scope="module")
def drawn() -> Split:
    return draw_digits(200)


def _small(architecture: str) -> Recipe:
    return replace(find_recipe(architecture, "reference"), validation_images=40)


@pytest.mark.parametrize("architecture", ["v1", "v2"])
def test_the_same_seed_gives_the_same_weights(drawn: Split, architecture: str) -> None:
    states = [train(_small(architecture), drawn, seed=seed).model.state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_watching_does_not_change_the_weights(drawn: Split) -> None:
    steps: list[Step] = []
    watched = train(_small("v2"), drawn, seed=1, epochs=2, on_step=steps.append)
    unwatched = train(_small("v2"), drawn, seed=1, epochs=2)
    assert [(step.epoch, step.step, step.steps) for step in steps] == [
        (epoch, step, 3) for epoch in (1, 2) for step in (1, 2, 3)
    ]
    for name, tensor in watched.model.state_dict().items():
        assert torch.equal(tensor, unwatched.model.state_dict()[name])
    assert steps[-1].accuracy > steps[0].accuracy
    assert steps[-1].loss < steps[0].loss


def test_the_callers_random_state_and_threads_are_left_alone(drawn: Split) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    train(_small("v1"), drawn, threads=1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_is_held_out_is_measured_apart(drawn: Split) -> None:
    result = train(_small("v1"), drawn, drawn)
    assert result.validation is not None
    assert result.test is not None
    assert (result.train.images, result.validation.images, result.test.images) == (160, 40, 200)
    assert result.train.correct + result.validation.correct == result.test.correct
    assert result.facts.recipe["architecture"] == "v1"
    assert result.facts.metrics["test_accuracy"] == result.test.accuracy


def test_augmentation_works_without_outliers(drawn: Split) -> None:
    recipe = replace(find_recipe("v1", "deploy"), epochs=1, validation_images=40, outliers=0)
    augmented, plain = (train(one, drawn).model.state_dict() for one in (recipe, replace(recipe, augmentation=None)))
    assert not all(torch.equal(augmented[name], plain[name]) for name in plain)


def test_the_reference_recipes_take_the_references_steps() -> None:
    assert {
        recipe.architecture: steps_per_epoch(recipe, 60_000) for recipe in RECIPES if recipe.name == "reference"
    } == {
        "v1": 938,
        "v2": 844,
    }


def test_a_recipe_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="there is no recipe 'magic' for v1; there are reference"):
        find_recipe("v1", "magic")


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_an_error(drawn: Split, device: str) -> None:
    with pytest.raises(UnknownNameError, match=device):
        train(_small("v1"), drawn, device=device)


def test_read_only_images_do_not_warn(drawn: Split) -> None:
    images = drawn.images.copy()
    images.flags.writeable = False
    model = train(_small("v1"), Split(images, drawn.labels)).model
    assert model_logits(model, images).shape == (200, 10)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["v1", "v2"])
def test_one_epoch_from_scratch_is_above_95_percent(architecture: str, mnist_train: Split, mnist_test: Split) -> None:
    result = train(find_recipe(architecture, "reference"), mnist_train, mnist_test, seed=0)
    assert result.test is not None
    assert 0.95 < result.test.accuracy < 0.995  # no network of this size gets more from one epoch


def test_the_accuracy_gate_can_fail(mnist_train: Split, mnist_test: Split) -> None:
    shuffled = np.random.default_rng(0).permutation(mnist_train.labels[:6_400])
    spoilt = Split(mnist_train.images[:6_400], shuffled)
    result = train(find_recipe("v1", "reference"), spoilt, mnist_test)
    assert result.test is not None
    assert result.test.accuracy < 0.5


def test_dropout_and_the_beginning_are_the_recipes(drawn: Split) -> None:
    """Undecided logits give the loss ln(10) in the first step, and without dropout a step is the same in training."""
    recipe = replace(_small("v1"), dropout=0.0, zero_last_layer=True)
    steps: list[Step] = []
    result = train(recipe, drawn, on_step=steps.append)
    assert steps[0].step_loss == pytest.approx(np.log(10), abs=1e-6)
    assert [layer.p for layer in result.model.modules() if isinstance(layer, torch.nn.Dropout)] == [0.0]
    usual: list[Step] = []
    train(_small("v1"), drawn, on_step=usual.append)
    assert usual[0].step_loss != pytest.approx(np.log(10), abs=1e-6)


@pytest.mark.parametrize("validate_every", [None, 1])
def test_blocks_learn_for_their_share_of_the_steps(drawn: Split, validate_every: int | None) -> None:
    """Of 8 steps the first block learns in 4, the second in 6; a measurement in between does not wake them."""
    recipe = replace(_small("v2"), batch_size=20, block_shares=(0.5, 0.75))
    shorter = {
        share: train(replace(recipe, block_shares=(share, share)), drawn).model.state_dict() for share in (0.5, 0.75, 1)
    }
    result = train(recipe, drawn, validate_every=validate_every, on_step=lambda _: None)
    found = result.model.state_dict()
    assert all(torch.equal(found[name], shorter[0.5][name]) for name in found if name.startswith("blocks.0."))
    for name in ("blocks.0.0.weight", "blocks.0.1.running_mean"):
        assert not torch.equal(found[name], shorter[0.75][name])
    for name in ("blocks.1.0.weight", "blocks.1.1.running_var"):
        assert not torch.equal(found[name], shorter[0.5][name])
    for name in ("blocks.2.0.weight", "head.3.weight"):
        assert not torch.equal(found[name], shorter[1][name])
    assert all(parameter.requires_grad for parameter in result.model.parameters())


def test_held_out_images_are_measured_now_and_then(drawn: Split) -> None:
    steps: list[Step] = []
    result = train(_small("v1"), drawn, validate_every=2, on_step=steps.append)
    assert [step.validation_accuracy is not None for step in steps] == [False, True, True]  # and after the last
    assert result.validation is not None
    assert steps[-1].validation_accuracy == result.validation.accuracy
