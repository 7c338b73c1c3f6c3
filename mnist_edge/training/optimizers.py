"""The optimisers and learning rates of the recipes."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mnist_edge.training.recipes import Recipe

_REMEMBERED: dict[type[Optimizer], tuple[str, ...]] = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.Muon: ("momentum_buffer",),
}
"""What each optimiser has in its state for every parameter."""


class RecipeOptimizer:
    """What changes a network's parameters by a recipe: one or two of PyTorch's optimisers, and their schedule.

    Muon (K. Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024) takes the layers between
    the first and the last, and the first where the recipe says so; a convolution's kernels count as a matrix with a row
    for each output channel. AdamW takes the rest, biases and normalisations.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, steps: int) -> None:
        """Begin with the rates of the first of `steps`. The kernels must lie in memory channels last."""
        self._kernels: list[Tensor] = []
        self._matrices: list[nn.Parameter] = []
        if recipe.muon_learning_rate is None:
            self._optimizers: list[Optimizer] = [
                torch.optim.Adam(
                    model.parameters(), lr=recipe.peak_learning_rate, weight_decay=recipe.weight_decay, fused=True
                )
            ]
        else:
            layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
            self._kernels.extend(layer.weight for layer in layers[0 if recipe.muon_first_layer else 1 : -1])
            self._matrices = [nn.Parameter(_rows(kernel.detach()).view(len(kernel), -1)) for kernel in self._kernels]
            inner = {id(kernel) for kernel in self._kernels}
            others = [parameter for parameter in model.parameters() if id(parameter) not in inner]
            decay = recipe.weight_decay
            self._optimizers = [
                torch.optim.AdamW(
                    others, lr=recipe.peak_learning_rate, betas=(0.9, 0.95), weight_decay=decay, fused=True
                ),
                torch.optim.Muon(
                    self._matrices, lr=recipe.muon_learning_rate, weight_decay=decay, ns_steps=recipe.muon_iterations
                ),
            ]
        self._schedules = [
            LambdaLR(optimizer, lambda step: rate_factor(recipe, step, steps)) for optimizer in self._optimizers
        ]

    def step(self) -> None:
        """Change all parameters by their gradients, and the rates to those of the next step."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _rows(kernel.grad).reshape(matrix.shape)
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            schedule.step()

    def tensors(self) -> dict[str, Tensor]:
        """Give what the optimisers remember from step to step, by optimiser, parameter and name."""
        return {
            f"{number}.{index}.{name}": value
            for number, optimizer in enumerate(self._optimizers)
            for index, remembered in optimizer.state_dict()["state"].items()
            for name, value in remembered.items()
        }

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Go on where another, of the same recipe and network, had these `tensors` after so many steps.

        Raises:
            KeyError: a tensor is missing.
            RuntimeError: a tensor has another shape.
        """
        for number, (optimizer, schedule) in enumerate(zip(self._optimizers, self._schedules, strict=True)):
            (group,) = optimizer.param_groups
            for index, parameter in enumerate(group["params"]):
                for name in _REMEMBERED[type(optimizer)]:
                    saved = tensors[f"{number}.{index}.{name}"]
                    like = saved if name == "step" else torch.empty_like(parameter)
                    optimizer.state[parameter][name] = like.detach().clone().copy_(saved)
            schedule.last_epoch = steps
            group["lr"] = schedule.base_lrs[0] * schedule.lr_lambdas[0](steps)


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Give a step's learning rate as a share of the peak; steps count from 0."""
    warmup = recipe.warmup_share * steps
    if step < warmup:
        return (step + 1) / warmup
    final = recipe.final_learning_rate / recipe.peak_learning_rate
    steady = warmup + recipe.steady_share * steps
    done = max(0.0, step - steady) / max(1.0, steps - steady)
    left = 1 - done if recipe.decay == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return final + (1 - final) * left


def _rows(kernel: Tensor) -> Tensor:
    """See a kernel in the order that it lies in memory, channels last, so that a matrix can share it."""
    return kernel if kernel.ndim == 2 else kernel.permute(0, 2, 3, 1)
