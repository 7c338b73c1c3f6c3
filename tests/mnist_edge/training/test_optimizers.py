"""Optimizers update every parameter, and learning rates follow their schedules."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from mnist_edge.training.models import build_model
from mnist_edge.training.optimizers import RecipeOptimizer, rate_factor
from mnist_edge.training.recipes import find_recipe


@pytest.mark.parametrize("architecture", ["v1", "v2"])
@pytest.mark.parametrize("recipe", ["reference", "onepass", "deploy"])
def test_every_parameter_is_updated(architecture: str, recipe: str) -> None:
    model = build_model(architecture).to(memory_format=torch.channels_last)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = RecipeOptimizer(model, find_recipe(architecture, recipe), steps=10)
    images = torch.randint(0, 256, (8, 1, 28, 28), generator=torch.Generator().manual_seed(0)).float()
    for _ in range(2):
        model.zero_grad()
        nn.functional.cross_entropy(model(images), torch.arange(8)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_muon_orthogonalizes_its_steps() -> None:
    """The singular values of a step are near the learning rate, whatever those of the gradient."""
    model = build_model("v2").to(memory_format=torch.channels_last)
    recipe = replace(find_recipe("v2", "deploy"), weight_decay=0.0, warmup_share=0.0)
    kernel = model.blocks[1][0].weight  # type: ignore[index,union-attr]
    before = kernel.detach().clone()
    optimizer = RecipeOptimizer(model, recipe, steps=10)
    kernel.grad = (
        torch.randn(kernel.shape, generator=torch.Generator().manual_seed(1))
        * torch.logspace(0, 1, 32)[:, None, None, None]
    )
    optimizer.step()
    step = (before - kernel.detach()).flatten(1)
    singular = torch.linalg.svdvals(step) / recipe.muon_learning_rate
    assert 0.5 < singular.min() <= singular.max() < 1.5


def test_learning_rates_rise_to_their_peak_and_decay() -> None:
    recipe = replace(find_recipe("v2", "deploy"), peak_learning_rate=1.0, final_learning_rate=0.1, warmup_share=0.2)
    factors = [rate_factor(recipe, step, 100) for step in range(101)]
    assert factors[0] == pytest.approx(0.05)
    assert factors[19] == factors[20] == 1.0
    assert factors[60] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)
    assert factors[20:] == sorted(factors[20:], reverse=True)


@pytest.mark.parametrize("steady", [0, 30])
def test_linear_decay_is_a_line_after_the_steady_steps(steady: int) -> None:
    recipe = replace(find_recipe("v2", "onepass"), peak_learning_rate=1.0, warmup_share=0.2, steady_share=steady / 100)
    factors = [rate_factor(recipe, step, 100) for step in range(20, 101)]
    falling = 80 - steady
    assert factors == pytest.approx([1.0] * steady + [1 - step / falling for step in range(falling + 1)])


def test_equal_peak_and_final_rates_are_constant() -> None:
    assert {rate_factor(find_recipe("v1", "reference"), step, 50) for step in range(51)} == {1.0}
