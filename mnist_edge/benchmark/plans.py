"""What the one-epoch challenge compares, and which of its claims are tested one by one."""

from dataclasses import dataclass, replace

from mnist_edge.benchmark.comparison import Plan
from mnist_edge.training.recipes import find_recipe

USUAL_EPOCHS = {"v1": 20, "v2": 20, "lenet5": 20, "cnn": 12, "resnet18": 10}
"""As examples and papers have them for MNIST."""
SLOW = ("resnet18",)
"""Networks that take minutes an epoch; they get `SLOW_SEEDS` at most."""
SLOW_SEEDS = 3


@dataclass(frozen=True)
class Claim:
    """Something that is said for the reference's V2, and the plan that does without."""

    claim: str
    plan: Plan


def compared_plans(seeds: int, full: bool = False) -> list[Plan]:
    """Give the plans of `mnist-edge compare`: the reference's recipes, ours, and other networks in one epoch.

    Args:
        seeds: of each, but of slow networks.
        full: add our recipe over each network's usual number of epochs, with `SLOW_SEEDS` seeds, slow ones with 1.
    """
    plans = [
        Plan(f"{architecture} {recipe}", find_recipe(architecture, recipe), seeds)
        for architecture in ("v1", "v2")
        for recipe in ("reference", "onepass")
    ]
    others = [architecture for architecture in USUAL_EPOCHS if architecture not in ("v1", "v2")]
    plans += [
        Plan(f"{architecture} onepass", find_recipe(architecture, "onepass"), _seeds(architecture, seeds))
        for architecture in others
    ]
    if full:
        plans += [
            Plan(
                f"{architecture} onepass, {epochs} epochs",
                replace(find_recipe(architecture, "onepass"), epochs=epochs),
                1 if architecture in SLOW else min(seeds, SLOW_SEEDS),
            )
            for architecture, epochs in USUAL_EPOCHS.items()
        ]
    return plans


def _seeds(architecture: str, seeds: int) -> int:
    return min(seeds, SLOW_SEEDS) if architecture in SLOW else seeds


def claims(seeds: int) -> list[Claim]:
    """Give the claims of the reference, each with V2 as it would be without; the first is V2 as it is."""
    reference = find_recipe("v2", "reference")
    changed = {
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
    return [Claim(claim, Plan(name, recipe, seeds)) for claim, (name, recipe) in changed.items()]
