"""Which processes run, from Linux's /proc: Ray starts many, and none may be left."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

SECONDS = 120
"""The longest that is waited for something to happen."""


def running() -> dict[int, tuple[int, str]]:
    """Return the parent and the command line of each running process."""
    processes = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                processes[int(path.name)] = int(parent), (path / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just ended
            continue
    return processes


def descendants(ancestor: int) -> dict[int, str]:
    """Return the command lines of a process's descendants."""
    processes, below = running(), dict[int, str]()
    for process, (parent, command) in processes.items():
        while parent in processes and parent != ancestor:
            parent = processes[parent][0]
        if parent == ancestor:
            below[process] = command
    return below


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true; fail if it does not become so."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{condition} did not become true in {SECONDS} s"
        time.sleep(0.05)


def wait_until_ended(processes: Iterable[int]) -> None:
    """Wait until none of the processes runs."""
    pids = set(processes)
    wait_until(lambda: not pids & running().keys())
