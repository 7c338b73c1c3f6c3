"""A training's progress: the metrics of each step, and the log file and TensorBoard events that keep them."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

LOG_FILE = "training.log"
EVENTS_FOLDER = "events"
_LOGGED_STEPS = 100


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


class MetricsTracker:
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


@contextmanager
def training_log(folder: Path, title: str) -> Iterator[Callable[[Step], None]]:
    """Give what writes a line for every hundredth batch, and for the last of each epoch, into a folder's log file.

    They stand under a title, below those of former trainings. With the package tensorboard the same figures go into
    event files beside the log.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lines = stack.enter_context((folder / LOG_FILE).open("a", encoding="utf-8", buffering=1))
        lines.write(f"{title}\n")
        write_event = _event_file(folder / EVENTS_FOLDER, stack)

        def write(step: Step) -> None:
            if step.step % _LOGGED_STEPS and step.step != step.steps:
                return
            lines.write(
                f"epoch {step.epoch}, batch {step.step}/{step.steps}, loss {step.loss:.4f}, "
                f"accuracy {step.accuracy:.2%}, {step.images_per_second:,.0f} images/s\n"
            )
            if write_event is not None:
                write_event((step.epoch - 1) * step.steps + step.step, {"loss": step.loss, "accuracy": step.accuracy})

        yield write


def _event_file(folder: Path, stack: ExitStack) -> Callable[[int, Mapping[str, float]], None] | None:
    """Give what writes a step's figures into a new event file; None without tensorboard.

    Not by PyTorch's `SummaryWriter`: it writes in a thread of its own, which meets a full disk with a traceback.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ModuleNotFoundError:
        return None
    folder.mkdir(exist_ok=True)
    started = time.time()
    file = stack.enter_context((folder / f"events.out.tfevents.{started:.6f}.{os.getpid()}").open("xb"))
    records = RecordWriter(file)
    records.write(Event(wall_time=started, file_version="brain.Event:2").SerializeToString())

    def write(step: int, figures: Mapping[str, float]) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        records.write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)).SerializeToString())
        records.flush()

    return write
