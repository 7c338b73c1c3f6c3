"""Report a training's progress: metrics of each step, a log file, and TensorBoard events."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

LOG_FILE = "training.log"
EVENTS_FOLDER = "events"
_LOGGED_STEPS = 100


@dataclass(frozen=True)
class Step:
    """The metrics of one step. Accuracies are in 0..1."""

    epoch: int  # from 1
    step: int  # from 1 in each epoch
    steps: int  # of the epoch
    loss: float  # mean over the images of the epoch so far
    accuracy: float  # over the epoch so far
    images_per_second: float  # over the epoch so far
    step_loss: float  # of this step's batch alone
    step_accuracy: float  # of this step's batch alone
    validation_accuracy: float | None  # on the held-out images; None if not measured after this step


class MetricsTracker:
    """Accumulates the metrics of an epoch and reports each step."""

    def __init__(
        self, on_step: Callable[[Step], None], validate_every: int | None, validate: Callable[[], float]
    ) -> None:
        """Measure accuracy with `validate` every `validate_every` steps and after each epoch; if None, not at all."""
        self._on_step, self._validate_every, self._validate = on_step, validate_every, validate

    def start_epoch(self, epoch: int, steps: int) -> None:
        """Reset the metrics for an epoch, counted from 1, of `steps` steps."""
        self._epoch, self._steps, self._start = epoch, steps, time.perf_counter()
        self._images, self._loss_sum, self._correct = 0, 0.0, 0

    def after_step(self, step: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Report a step, counted from 1, with its mean loss, its logits `[N, 10]` and its labels `[N]`."""
        step_loss, correct = loss.item(), int((logits.argmax(1) == labels).sum())
        self._images += len(labels)
        self._loss_sum += step_loss * len(labels)
        self._correct += correct
        validates = self._validate_every is not None and (step % self._validate_every == 0 or step == self._steps)
        self._on_step(
            Step(
                epoch=self._epoch,
                step=step,
                steps=self._steps,
                loss=self._loss_sum / self._images,
                accuracy=self._correct / self._images,
                images_per_second=self._images / (time.perf_counter() - self._start),
                step_loss=step_loss,
                step_accuracy=correct / len(labels),
                validation_accuracy=self._validate() if validates else None,
            )
        )


@contextmanager
def training_log(folder: Path, title: str) -> Iterator[Callable[[Step], None]]:
    """Yield a function that logs every hundredth step, and the last of each epoch, to files in a folder.

    The lines are appended to the log file under a title. If the package tensorboard is installed, the same metrics are
    also written as TensorBoard events.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = stack.enter_context((folder / LOG_FILE).open("a", encoding="utf-8", buffering=1))
        log.write(f"{title}\n")
        write_event = _open_events(folder / EVENTS_FOLDER, stack)

        def write(step: Step) -> None:
            if step.step % _LOGGED_STEPS and step.step != step.steps:
                return
            log.write(
                f"epoch {step.epoch}, batch {step.step}/{step.steps}, loss {step.loss:.4f}, "
                f"accuracy {step.accuracy:.2%}, {step.images_per_second:,.0f} images/s\n"
            )
            if write_event is not None:
                write_event(step)

        yield write


def _open_events(folder: Path, stack: ExitStack) -> Callable[[Step], None] | None:
    """Return a function that writes a step to a new event file, or None without the package tensorboard.

    PyTorch's `SummaryWriter` is not used: it writes in a separate thread, where a full disk ends in a traceback.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ModuleNotFoundError:
        return None
    folder.mkdir(exist_ok=True)
    start = time.time()
    file = stack.enter_context((folder / f"events.out.tfevents.{start:.6f}.{os.getpid()}").open("xb"))
    records = RecordWriter(file)
    records.write(Event(wall_time=start, file_version="brain.Event:2").SerializeToString())

    def write(step: Step) -> None:
        metrics = {"loss": step.loss, "accuracy": step.accuracy}
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()])
        number = (step.epoch - 1) * step.steps + step.step
        records.write(Event(wall_time=time.time(), step=number, summary=summary).SerializeToString())
        records.flush()

    return write
