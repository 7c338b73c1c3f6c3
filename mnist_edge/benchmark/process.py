"""A measured process: it answers commands, and is stopped while others are measured."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import IO, Any, Self, cast

from mnist_edge.errors import BenchmarkError


class WorkerProcess:
    """A Python process that writes a JSON line once it has started, then one in reply to each that it reads.

    It is stopped between commands where the system supports that, so that it cannot disturb another's measurement.
    """

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start Python with `arguments` and wait for the first line.

        Args:
            name: what errors call the process.
            arguments: of the interpreter, such as `-m` and a module.
            environment: all of its environment variables; by default those of this process.

        Raises:
            BenchmarkError: the process ended or reported an error.
        """
        self._name = name
        start = perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 (this package's own workers)
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        try:
            self.first_reply: Any = self._reply()
        except BaseException:
            self.__exit__()
            raise
        self.start_seconds = perf_counter() - start
        self._signal("SIGSTOP")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._signal("SIGCONT")
        self._process.kill()
        self._process.communicate()

    def ask(self, **command: Any) -> Any:
        """Return the process's reply to a command.

        Raises:
            BenchmarkError: the process ended or reported an error.
        """
        self._signal("SIGCONT")
        commands = cast("IO[str]", self._process.stdin)
        with suppress(BrokenPipeError):  # the process has ended: the missing reply says so
            commands.write(json.dumps(command) + "\n")
            commands.flush()
        answer = self._reply()
        self._signal("SIGSTOP")
        return answer

    def _reply(self) -> Any:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise BenchmarkError(f"{self._name} failed: its process ended with code {self._process.wait()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise BenchmarkError(f"{self._name} failed: {answer['error']}")
        return answer

    def _signal(self, name: str) -> None:
        if hasattr(signal, name):
            self._process.send_signal(getattr(signal, name))
