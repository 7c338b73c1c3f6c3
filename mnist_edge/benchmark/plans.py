"""The trainings that `mnist-edge compare` and `mnist-edge ablate` run."""

from dataclasses import replace
from typing import Any

from mnist_edge.benchmark.comparison import Plan
from mnist_edge.training.recipes import find_recipe

USUAL_EPOCHS = {"v1": 20, "v2": 20, "lenet5": 20, "cnn": 12, "resnet18": 10}
"""Epochs of the longer trainings: as many as each network usually gets; V1 and V2 get as many as LeNet-5."""
_SLOW = "resnet18"
"""Takes minutes per epoch and gets at most `_FEW_SEEDS`."""
_FEW_SEEDS = 3


def compared_plans(seeds: int, full: bool = False) -> list[Plan]:
    """Return the plans of `mnist-edge compare`: V1 and V2 with both recipes, and other networks, in one epoch.

    ResNet-18 gets at most three seeds. With `full`, each network is also trained for its usual number of epochs, with
    at most three seeds, ResNet-18 with one.
    """
    plans = [
        Plan(f"{network} {recipe}", find_recipe(network, recipe), seeds)
        for network in ("v1", "v2")
        for recipe in ("reference", "onepass")
    ]
    few_seeds = min(seeds, _FEW_SEEDS)
    plans += [
        Plan(f"{network} onepass", find_recipe(network, "onepass"), few_seeds if network == _SLOW else seeds)
        for network in ("lenet5", "cnn", "resnet18")
    ]
    for network, epochs in USUAL_EPOCHS.items() if full else ():
        recipe = replace(find_recipe(network, "onepass"), epochs=epochs)
        plans.append(Plan(f"{network} onepass, {epochs} epochs", recipe, 1 if network == _SLOW else few_seeds))
    return plans


def claims(seeds: int) -> dict[str, Plan]:
    """Map each of the reference's claims about V2 to the plan that trains V2 without the claimed feature.

    The first plan is V2 unchanged, the baseline of the others.
    """
    plans: dict[str, tuple[str, dict[str, Any]]] = {
        "V2 as the reference has it": ("v2 reference", {}),
        "Global average pooling: without it and the last max-pool the linear layer has 31,360 weights, not 640": (
            "linear layer",
            {"architecture": "v2-linear"},
        ),
        "No final bias": ("final bias", {"architecture": "v2-bias"}),
        "Batch normalization": ("no batch normalization", {"architecture": "v2-no-batchnorm"}),
        "Learning rate 0.015, not 0.001": (
            "learning rate 0.001",
            {"peak_learning_rate": 0.001, "final_learning_rate": 0.001 / 15},
        ),
        "Batches of 64, not 128": ("batch 128", {"batch_size": 128}),
        "Clipping gradients at 1.0": ("no clipping", {"max_gradient_norm": None}),
        "One epoch, not ten": ("ten epochs", {"epochs": 10}),
    }
    reference = find_recipe("v2", "reference")
    return {claim: Plan(name, replace(reference, **changes), seeds) for claim, (name, changes) in plans.items()}
