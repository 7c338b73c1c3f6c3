"""Progress on a terminal is drawn over; elsewhere it is a line a step."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from mnist_edge.cli import output as console

Progress = Callable[[], AbstractContextManager[Callable[..., None]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps() -> AbstractContextManager[Callable[..., None]]:
    return console.step_progress("trainings", 3)


def images() -> AbstractContextManager[Callable[..., None]]:
    return console.image_progress(3)


@pytest.mark.parametrize(
    ("progress", "calls", "expected"),
    [
        (steps, [("v1",), ("v2",), ("v3",)], ("trainings", "done")),
        (images, [(), (), ()], ("images", "3/3")),
        (console.download_progress, [("t10k", 0, 100), ("t10k", 100, 100)], ("t10k", "100/100 bytes")),
    ],
)
def test_a_terminal_gets_a_bar(
    progress: Progress, calls: list[tuple[Any, ...]], expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress() as show:
        for call in calls:
            show(*call)
    for text in expected:
        assert text in terminal.getvalue()
    assert "\r" in terminal.getvalue()


@pytest.mark.parametrize(
    ("progress", "calls", "lines"),
    [
        (steps, [("v1",), ("v2",)], ["trainings  step 1/3  v1", "trainings  step 2/3  v2"]),
        (images, [(), ()], []),
        (console.download_progress, [("t10k", 0, 1_000), ("t10k", 9, 1_000)], ["downloading t10k (1,000 bytes)"]),
    ],
)
def test_a_pipe_gets_lines(
    progress: Progress, calls: list[tuple[Any, ...]], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress() as show:
        for call in calls:
            show(*call)
    assert capsys.readouterr().err.splitlines() == lines
