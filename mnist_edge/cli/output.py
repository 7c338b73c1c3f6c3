"""A command's results on stdout, as text or for programs, and its progress on stderr."""

import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, TypeAlias

if TYPE_CHECKING:
    from mnist_edge.training.progress import Step

_PLAIN_STEPS = 100
"""Training steps per line of progress where stderr is not a terminal."""


class Table(NamedTuple):
    """A title and the columns under it: the name of each, and its cells."""

    title: str
    columns: Sequence[tuple[str, Sequence[Any]]]


Part: TypeAlias = Table | str
"""A piece of text output: a table or a line."""


@dataclass(frozen=True)
class Output:
    """Where a command's result goes: text for people or, if asked for, JSON or CSV for programs."""

    as_json: bool = False
    as_csv: bool = False

    def result(self, document: object, parts: Iterable[Part]) -> None:
        """Print the whole result of a command: the JSON document, or the tables and lines."""
        if self.as_json:
            print(json.dumps(document, indent=2))
        else:
            self.text(*parts)

    def text(self, *parts: Part) -> None:
        """Print tables and lines, unless the output is for programs."""
        if self.as_json or self.as_csv:
            return
        for part in parts:
            if isinstance(part, Table):
                names, cells = zip(*part.columns, strict=True)
                print_table(part.title, names, list(zip(*cells, strict=True)))
            else:
                print(part, flush=True)

    def header(self, columns: Sequence[str]) -> None:
        """Print the CSV columns of the records that follow, if the output is CSV."""
        if self.as_csv:
            _print_csv(columns)

    def record(self, text: str, cells: Sequence[object], document: Mapping[str, object]) -> None:
        """Print one of many results on a line at once: as text, as CSV cells or as a JSON document."""
        if self.as_csv:
            _print_csv(cells)
        else:
            print(json.dumps(document) if self.as_json else text, flush=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table: drawn by rich on a terminal, in aligned plain columns elsewhere.

    Columns of numbers are aligned to the right. Plain columns are never wrapped or cut, whatever their width.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [
        all(row[index] is None or isinstance(row[index], int | float) or str(row[index])[-1:] == "%" for row in rows)
        for index in range(len(columns))
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=title, title_justify="left", title_style="bold")
        for column, is_numeric in zip(columns, numeric, strict=True):
            table.add_column(column, justify="right" if is_numeric else "left", overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(title)
    for line in (columns, *cells):
        aligned = (
            cell.rjust(width) if is_numeric else cell.ljust(width)
            for cell, width, is_numeric in zip(line, widths, numeric, strict=True)
        )
        print("  " + "  ".join(aligned).rstrip())
    print()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_csv(cells: Sequence[object]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerow(cells)
    sys.stdout.flush()


@contextmanager
def training_progress(epochs: int) -> Iterator[Callable[["Step"], None]]:
    """Show the steps of a training: a bar on a terminal, else a line every hundred steps."""
    with _progress("training") as show:

        def on_step(step: "Step") -> None:
            metrics = f"loss {step.loss:.3f}  accuracy {step.accuracy:.2%}  {step.images_per_second:,.0f} images/s"
            line = f"epoch {step.epoch}  step {step.step}/{step.steps}  {metrics}"
            is_printed = step.step % _PLAIN_STEPS == 0 or step.step == step.steps
            done = (step.epoch - 1) * step.steps + step.step
            show(line, done, epochs * step.steps, line if is_printed else "")

        yield on_step


@contextmanager
def step_progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show the step that begins: a bar on a terminal, else a line per step."""
    numbers = itertools.count(1)
    with _progress(title) as show:

        def on_step(step: str) -> None:
            number = next(numbers)
            show(step, number - 1, steps, f"{title}  step {number}/{steps}  {step}")

        yield on_step
        show("done", steps, steps, "")


@contextmanager
def discarded_stderr() -> Iterator[TextIO]:
    """Discard what is written to stderr, even by C code, and yield a stream that still leads there.

    Pillow reports damaged images on stderr: as Python warnings, as log records and, from libtiff, directly.
    """
    with Path(os.devnull).open("w") as null:
        if sys.stderr is None:  # closed by the caller
            yield null
            return
        with os.fdopen(os.dup(2), "w", 1, sys.stderr.encoding, sys.stderr.errors) as stderr:
            os.dup2(null.fileno(), 2)
            try:
                yield stderr
            finally:
                sys.stderr.flush()
                os.dup2(stderr.fileno(), 2)


@contextmanager
def image_progress(images: int, stderr: TextIO) -> Iterator[Callable[[], None]]:
    """Count the finished images in a bar, if stderr is a terminal and stdout, which gets the results, is not."""
    numbers = itertools.count(1)
    with _progress("images", not sys.stdout.isatty(), stderr) as show:
        yield lambda: show(f"{(number := next(numbers))}/{images}", number, images, "")


@contextmanager
def score_progress(stderr: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Show the pictures that are scored: a bar on a terminal, else a line per percent."""
    shown = -1
    with _progress("pictures", stderr=stderr) as show:

        def on_progress(done: int, pictures: int) -> None:
            nonlocal shown
            description, percent = f"{done:,}/{pictures:,}", done * 100 // pictures
            show(description, done, pictures, f"pictures  {description}" if percent > shown else "")
            shown = percent

        yield on_progress


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show downloads: a bar on a terminal, else a line per file."""
    announced: set[str] = set()
    with _progress("downloading") as show:

        def on_progress(name: str, done_bytes: int, total_bytes: int) -> None:
            line = "" if name in announced else f"downloading {name} ({total_bytes:,} bytes)"
            announced.add(name)
            show(f"{name} {done_bytes:,}/{total_bytes:,} bytes", done_bytes, total_bytes or None, line)

        yield on_progress


@contextmanager
def _progress(
    title: str, drawn: bool = True, stderr: TextIO | None = None
) -> Iterator[Callable[[str, int, int | None, str], None]]:
    """Yield a function of a description, the work done, all work and a line.

    On a terminal it draws the first three as a bar on stderr, elsewhere it prints the line unless it is empty.
    """
    stderr = stderr or sys.stderr
    if not (drawn and stderr.isatty()):

        def print_line(_description: str, _done: int, _total: int | None, line: str) -> None:
            if line:
                print(line, file=stderr, flush=True)

        yield print_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TimeRemainingColumn

    columns = (title, BarColumn(), "{task.description}", TimeRemainingColumn(elapsed_when_finished=True))
    with Progress(*columns, console=Console(file=stderr)) as progress:

        def draw(description: str, done: int, total: int | None, _line: str) -> None:
            if not progress.tasks:  # no bar before the first step, and none for a download that is not needed
                progress.add_task("")
            progress.update(progress.task_ids[0], description=description, completed=done, total=total)

        yield draw
