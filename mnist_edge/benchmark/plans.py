"""The trainings that `mnist-edge compare` and `mnist-edge ablate` run."""

from dataclasses import dataclass, replace

from mnist_edge.benchmark.comparison import Plan
from mnist_edge.training.recipes import find_recipe

USUAL_EPOCHS = {"v1": 20, "v2": 20, "lenet5": 20, "cnn": 12, "resnet18": 10}
"""Epochs that published examples and papers train for on MNIST."""
_SLOW = ("resnet18",)
"""Networks that take minutes per epoch; they get at most `_SLOW_SEEDS`."""
_SLOW_SEEDS = 3


@dataclass(frozen=True)
class Claim:
    """A claim about the reference's V2, and the plan that trains V2 without the claimed feature."""

    claim: str
    plan: Plan


def compared_plans(seeds: int, full: bool = False) -> list[Plan]:
    """Return the plans of `mnist-edge compare`: V1 and V2 with both recipes, and other networks, in one epoch.

    Args:
        seeds: how many for each network; slow networks get at most three.
        full: also train each network for its usual number of epochs, with up to three seeds, slow ones with one.
    """
    plans = [
        Plan(f"{architecture} {recipe}", find_recipe(architecture, recipe), seeds)
        for architecture in ("v1", "v2")
        for recipe in ("reference", "onepass")
    ]
    plans += [
        Plan(
            f"{architecture} onepass",
            find_recipe(architecture, "onepass"),
            min(seeds, _SLOW_SEEDS) if architecture in _SLOW else seeds,
        )
        for architecture in USUAL_EPOCHS
        if architecture not in ("v1", "v2")
    ]
    if full:
        plans += [
            Plan(
                f"{architecture} onepass, {epochs} epochs",
                replace(find_recipe(architecture, "onepass"), epochs=epochs),
                1 if architecture in _SLOW else min(seeds, _SLOW_SEEDS),
            )
            for architecture, epochs in USUAL_EPOCHS.items()
        ]
    return plans


def claims(seeds: int) -> list[Claim]:
    """Return the reference's claims about V2; the first is V2 unchanged, the baseline of the others."""
    reference = find_recipe("v2", "reference")
    plans = {
        "V2 as the reference has it": ("v2 reference", reference),
        "Global average pooling: a linear layer on the same features has 31,360 weights in the place of 640": (
            "linear layer",
            replace(reference, architecture="v2-linear"),
        ),
        "No final bias": ("final bias", replace(reference, architecture="v2-bias")),
        "Batch normalisation": ("no batch normalisation", replace(reference, architecture="v2-no-batchnorm")),
        "Learning rate 0.015, not 0.001": (
            "learning rate 0.001",
            replace(reference, peak_learning_rate=0.001, final_learning_rate=0.001 / 15),
        ),
        "Batches of 64, not 128": ("batch 128", replace(reference, batch_size=128)),
        "Clipping gradients at 1.0": ("no clipping", replace(reference, max_gradient_norm=None)),
        "One epoch, not ten": ("ten epochs", replace(reference, epochs=10)),
    }
    return [Claim(claim, Plan(name, recipe, seeds)) for claim, (name, recipe) in plans.items()]
