"""A network trained in one epoch while it is watched, and what it makes of the test images."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.metrics import Evaluation
from mnist_edge.training.loop import model_logits, steps_per_epoch, train
from mnist_edge.training.progress import Step
from mnist_edge.training.recipes import find_recipe

VALIDATION_IMAGES = 6_000
_VALIDATIONS = 20


@dataclass(frozen=True)
class TrainingHistory:
    """A trained network, its steps, and its answers to the test images: digits `[N]`, probabilities `[N, 10]`."""

    name: str
    model: nn.Module
    steps: tuple[Step, ...]
    digits: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    seconds: float


def watch(
    architecture: str,
    training: Split,
    test: Split,
    *,
    recipe: str = "onepass",
    seed: int = 0,
    threads: int | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> TrainingHistory:
    """Train by a recipe, with some images held out to draw a curve of.

    Args:
        architecture: as `build_model` names it.
        training: images to train on.
        test: images to look at.
        recipe: its name.
        seed: of the training.
        threads: of the CPU.
        on_step: called after every step.

    Raises:
        UnknownNameError: there is no such recipe.
    """
    images = len(training.labels)
    chosen = replace(find_recipe(architecture, recipe), validation_images=min(VALIDATION_IMAGES, images // 10))
    steps: list[Step] = []

    def note(step: Step) -> None:
        steps.append(step)
        on_step(step)

    result = train(
        chosen,
        training,
        seed=seed,
        threads=threads,
        validate_every=max(1, steps_per_epoch(chosen, images) // _VALIDATIONS),
        on_step=note,
    )
    logits = model_logits(result.model, test.images).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    digits = logits.argmax(axis=1)
    return TrainingHistory(
        name=architecture,
        model=result.model,
        steps=tuple(steps),
        digits=digits,
        probabilities=powers / powers.sum(axis=1, keepdims=True),
        evaluation=Evaluation.of(digits, test.labels),
        seconds=result.seconds,
    )
