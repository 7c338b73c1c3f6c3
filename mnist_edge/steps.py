"""Where a training stands after each step."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Step:
    """A step's figures: `loss`, `accuracy` and pace over the epoch so far, `step_…` of its batch alone.

    `validation_accuracy` is None where the held-out images were not measured after this step.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    step_loss: float
    step_accuracy: float
    validation_accuracy: float | None


class StepFollower:
    """Counts what a training's steps get right and tells of each."""

    def __init__(
        self, on_step: Callable[[Step], None], validate_every: int | None, validate: Callable[[], float]
    ) -> None:
        """Follow a training.

        Args:
            on_step: told of every step.
            validate_every: steps from one measurement of the held-out images to the next, None for none.
            validate: measures them.
        """
        self._on_step, self._validate_every, self._validate = on_step, validate_every, validate

    def start_epoch(self, epoch: int, steps: int) -> None:
        """Count from 0 again."""
        self._epoch, self._steps, self._start = epoch, steps, time.perf_counter()
        self._seen, self._loss_sum, self._correct = 0, 0.0, 0

    def after_step(self, step: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a step: its number from 1 on, its mean loss, its logits `[N, 10]` and the true digits `[N]`."""
        step_loss, correct = loss.item(), int((logits.argmax(1) == labels).sum())
        self._seen += len(labels)
        self._loss_sum += step_loss * len(labels)
        self._correct += correct
        pace = self._seen / (time.perf_counter() - self._start)
        measured = self._validate_every is not None and (step % self._validate_every == 0 or step == self._steps)
        self._on_step(
            Step(
                epoch=self._epoch,
                step=step,
                steps=self._steps,
                loss=self._loss_sum / self._seen,
                accuracy=self._correct / self._seen,
                images_per_second=pace,
                step_loss=step_loss,
                step_accuracy=correct / len(labels),
                validation_accuracy=self._validate() if measured else None,
            )
        )
