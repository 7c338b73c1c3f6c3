"""Output modes, and progress: a bar on a terminal, a line per step elsewhere."""

import io
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from mnist_edge.cli import output
from mnist_edge.cli.output import Output, Table

Progress = Callable[[], AbstractContextManager[Callable[..., None]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps() -> AbstractContextManager[Callable[..., None]]:
    return output.step_progress("trainings", 3)


def images() -> AbstractContextManager[Callable[..., None]]:
    return output.image_progress(3, sys.stderr)


def scored() -> AbstractContextManager[Callable[..., None]]:
    return output.score_progress(sys.stderr)


@pytest.mark.parametrize(
    ("progress", "calls", "expected"),
    [
        (steps, [("v1",), ("v2",), ("v3",)], ("trainings", "done")),
        (images, [(), (), ()], ("images", "3/3")),
        (output.download_progress, [("t10k", 0, 100), ("t10k", 100, 100)], ("t10k", "100/100 bytes")),
        (scored, [(0, 2_000), (2_000, 2_000)], ("pictures", "2,000/2,000")),
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


def test_without_a_step_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with output.download_progress():
        pass
    assert "downloading" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("progress", "calls", "lines"),
    [
        (steps, [("v1",), ("v2",)], ["trainings  step 1/3  v1", "trainings  step 2/3  v2"]),
        (images, [(), ()], []),
        (output.download_progress, [("t10k", 0, 1_000), ("t10k", 9, 1_000)], ["downloading t10k (1,000 bytes)"]),
        (scored, [(0, 900), (8, 900), (9, 900), (900, 900)], [f"pictures  {done}/900" for done in (0, 9, 900)]),
    ],
)
def test_a_pipe_gets_lines(
    progress: Progress, calls: list[tuple[Any, ...]], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress() as show:
        for call in calls:
            show(*call)
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Output(), "title\n  name  number\n  a      1,000\n\na line\nrecord\n"),
        (Output(as_json=True), '{\n  "number": 1000\n}\n{"number": 1}\n'),
        (Output(as_csv=True), "name,number\na,1\n"),
    ],
)
def test_each_mode_prints_only_what_is_for_it(mode: Output, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not mode.as_csv:
        mode.result({"number": 1000}, [Table("title", [("name", ["a"]), ("number", [1000])]), "a line"])
    mode.header(("name", "number"))
    mode.record("record", ("a", 1), {"number": 1})
    assert capsys.readouterr().out == expected


def test_a_pipe_gets_wide_tables_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output.print_table("title", ("wide", "share"), [("x" * 300, "99.5%"), ("y", None)])
    assert capsys.readouterr().out.splitlines()[2:4] == [f"  {'x' * 300}  99.5%", "  y"]
