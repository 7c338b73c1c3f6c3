"""What a person sees: tables and progress bars on a terminal, plain lines in a pipe."""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_edge.training.progress import Step

_PLAIN_STEPS = 100
"""Where there is no terminal, a line of progress comes every so many steps."""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a title; columns whose every cell is a number are aligned to the right."""
    cells = [[_text(value) for value in row] for row in rows]
    to_right = [
        all(row[index] is None or isinstance(row[index], int | float) or str(row[index])[-1:] == "%" for row in rows)
        for index in range(len(columns))
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", title_style="bold")
        for column, numeric in zip(columns, to_right, strict=True):
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(title)
    for line in (list(columns), *cells):
        aligned = [
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, to_right, strict=True)
        ]
        print("  " + "  ".join(aligned).rstrip())
    print()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def training_progress(epochs: int) -> Iterator[Callable[["Step"], None]]:
    """Show the steps of a training on stderr: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _print_step
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None, epoch="", figures="")

        def show(step: "Step") -> None:
            progress.update(
                task,
                total=epochs * step.steps,
                completed=(step.epoch - 1) * step.steps + step.step,
                epoch=f"{step.epoch}/{epochs}",
                figures=_figures(step),
            )

        yield show


@contextmanager
def step_progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being done: a bar on a terminal, else a line a step."""
    if not sys.stderr.isatty():
        done = itertools.count(1)
        yield lambda what: print(f"{title}  step {next(done)}/{steps}  {what}", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=steps, completed=-1)
        yield lambda what: progress.update(task, advance=1, description=what)
        progress.update(task, completed=steps, description="done")


@contextmanager
def image_progress(images: int) -> Iterator[Callable[[], None]]:
    """Show on stderr how many images are done, where it is a terminal and the lines of results go elsewhere."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=images)
        yield lambda: progress.advance(task)


def _print_step(step: "Step") -> None:
    if step.step % _PLAIN_STEPS == 0 or step.step == step.steps:
        print(f"epoch {step.epoch}  step {step.step}/{step.steps}  {_figures(step)}", file=sys.stderr, flush=True)


def _figures(step: "Step") -> str:
    return f"loss {step.loss:.3f}  accuracy {step.accuracy:.2%}  {step.images_per_second:,.0f} images/s"


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show downloads on stderr: a bar on a terminal, else a line for each file."""
    if not sys.stderr.isatty():
        started: set[str] = set()

        def announce(name: str, _done_bytes: int, total_bytes: int) -> None:
            if name not in started:
                started.add(name)
                print(f"downloading {name} ({total_bytes:,} bytes)", file=sys.stderr, flush=True)

        yield announce
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def show(name: str, done_bytes: int, total_bytes: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name)
            progress.update(tasks[name], completed=done_bytes, total=total_bytes or None)

        yield show
