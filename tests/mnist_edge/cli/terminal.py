"""Run a command on a pseudo-terminal."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path


def run_on_terminal(*arguments: str, cwd: Path, interrupt_at: bytes | None = None) -> tuple[int, str]:
    """Run a command, interrupt it when it shows a text, and return its exit code and what it showed."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", "PYTHONPATH": str(cwd)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *arguments], stdout=slave, stderr=slave, cwd=cwd, env=environment
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end was closed, on Linux
            break
        if not piece:
            break
        shown += piece
        if interrupt_at is not None and interrupt_at in shown:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(master)
    return process.wait(60), shown.decode()
