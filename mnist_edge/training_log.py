"""What a training leaves to read: a log file, and TensorBoard's event files where that package is installed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
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
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            events = None
        else:
            events = stack.enter_context(closing(SummaryWriter(str(folder / EVENTS_FOLDER))))

        def write(step: Step) -> None:
            if step.step % _LOGGED_STEPS and step.step != step.steps:
                return
            lines.write(
                f"epoch {step.epoch}, batch {step.step}/{step.steps}, loss {step.loss:.4f}, "
                f"accuracy {step.accuracy:.2%}, {step.images_per_second:,.0f} images/s\n"
            )
            if events is not None:
                number = (step.epoch - 1) * step.steps + step.step
                events.add_scalar("loss", step.loss, number)
                events.add_scalar("accuracy", step.accuracy, number)

        yield write
