"""Optimizers and learning-rate schedules of the recipes."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mnist_edge.training.recipes import Recipe

_STATE_NAMES: dict[type[Optimizer], tuple[str, ...]] = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.Muon: ("momentum_buffer",),
}
"""The tensors that each optimizer keeps for every parameter."""


class RecipeOptimizer:
    """One or two of PyTorch's optimizers with a common schedule, as a recipe sets them.

    Muon (K. Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024) updates the layers between the
    first and the last, and the first if the recipe says so. It sees the kernels of a convolution as a matrix with one
    row for each output channel. AdamW updates everything else, including biases and normalization.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, steps: int) -> None:
        """Prepare the first of `steps` steps. The model's kernels must be in channels-last memory format."""
        self._recipe, self._steps, self._completed = recipe, steps, 0
        self._kernels: list[Tensor] = []
        self._matrices: list[nn.Parameter] = []  # views of the kernels
        rate, decay = recipe.peak_learning_rate, recipe.weight_decay
        if recipe.muon_learning_rate is None:
            self._optimizers: list[Optimizer] = [
                torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay, fused=True)
            ]
        else:
            layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
            self._kernels = [layer.weight for layer in layers[0 if recipe.muon_first_layer else 1 : -1]]
            self._matrices = [nn.Parameter(_rows(kernel.detach()).view(len(kernel), -1)) for kernel in self._kernels]
            muon_ids = {id(kernel) for kernel in self._kernels}
            others = [parameter for parameter in model.parameters() if id(parameter) not in muon_ids]
            self._optimizers = [
                torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=decay, fused=True),
                torch.optim.Muon(
                    self._matrices, lr=recipe.muon_learning_rate, weight_decay=decay, ns_steps=recipe.muon_iterations
                ),
            ]
        self._peak_rates = [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def step(self) -> None:
        """Update all parameters from their gradients, with the learning rates of this step."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _rows(kernel.grad).reshape(matrix.shape)
        factor = rate_factor(self._recipe, self._completed, self._steps)
        for optimizer, peak_rate in zip(self._optimizers, self._peak_rates, strict=True):
            optimizer.param_groups[0]["lr"] = peak_rate * factor
            optimizer.step()
        self._completed += 1

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimizers' states, named `optimizer.parameter.name`, for `restore`."""
        return {
            f"{number}.{index}.{name}": value
            for number, optimizer in enumerate(self._optimizers)
            for index, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Restore the state saved after `steps` steps.

        Raises:
            KeyError: a tensor is missing.
            RuntimeError: a tensor has another shape.
        """
        self._completed = steps
        for number, optimizer in enumerate(self._optimizers):
            for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
                for name in _STATE_NAMES[type(optimizer)]:
                    saved = tensors[f"{number}.{index}.{name}"]
                    # The shape of a step counter is its own, the memory order of all else the parameter's.
                    like = saved if name == "step" else parameter.detach()
                    optimizer.state[parameter][name] = torch.empty_like(like, device=parameter.device).copy_(saved)


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0 to `steps`, relative to its peak."""
    warmup = recipe.warmup_share * steps
    if step < warmup:
        return (step + 1) / warmup
    final = recipe.final_learning_rate / recipe.peak_learning_rate
    steady = warmup + recipe.steady_share * steps
    decayed = max(0.0, step - steady) / max(1.0, steps - steady)
    remaining = 1 - decayed if recipe.decay == "linear" else 0.5 * (1 + math.cos(math.pi * decayed))
    return final + (1 - final) * remaining


def _rows(kernel: Tensor) -> Tensor:
    """Return a view of a kernel in its channels-last memory order, so that a matrix can share its memory."""
    return kernel if kernel.ndim == 2 else kernel.permute(0, 2, 3, 1)
