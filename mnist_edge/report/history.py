"""Train a network for a report and keep its training curve and its predictions for the test images."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.metrics import Evaluation
from mnist_edge.training.loop import model_logits, steps_per_epoch, train
from mnist_edge.training.progress import Step
from mnist_edge.training.recipes import find_recipe
from mnist_edge.training.torch_settings import RunSettings

_MAX_VALIDATION_IMAGES = 6_000
_VALIDATIONS_PER_EPOCH = 20


@dataclass(frozen=True)
class TrainingHistory:
    """A trained network, its training steps, and its predictions for the test images.

    `digits` is `[N]`; `probabilities` is `[N, 10]`, without the temperature that calibration fits.
    """

    name: str
    model: nn.Module
    steps: tuple[Step, ...]
    digits: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    seconds: float


def train_with_history(
    architecture: str,
    training: Split,
    test: Split,
    *,
    recipe: str = "onepass",
    seed: int = 0,
    on_step: Callable[[Step], None] = lambda _: None,
) -> TrainingHistory:
    """Train a network, and measure accuracy 20 times per epoch on held-out training images, at most a tenth of them.

    Raises:
        UnknownNameError: the architecture has no such recipe.
    """
    images = len(training.labels)
    chosen = replace(find_recipe(architecture, recipe), validation_images=min(_MAX_VALIDATION_IMAGES, images // 10))
    steps: list[Step] = []

    def record(step: Step) -> None:
        steps.append(step)
        on_step(step)

    validate_every = max(1, steps_per_epoch(chosen, images) // _VALIDATIONS_PER_EPOCH)
    settings = RunSettings(seed=seed)
    result = train(chosen, training, settings=settings, validate_every=validate_every, on_step=record)
    logits = model_logits(result.model, test.images)
    digits = logits.argmax(axis=1)
    return TrainingHistory(
        name=architecture,
        model=result.model,
        steps=tuple(steps),
        digits=digits,
        probabilities=torch.from_numpy(logits).double().softmax(dim=1).numpy(),
        evaluation=Evaluation.of(digits, test.labels),
        seconds=result.seconds,
    )
