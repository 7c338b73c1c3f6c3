"""What a training leaves to read: a log file, and TensorBoard's event files where that package is installed."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mnist_edge.steps import Step

LOG_FILE = "training.log"
EVENTS_FOLDER = "events"
_LOGGED_STEPS = 100


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
