"""Worker processes of benchmarks: an end is reported, whenever it comes."""

import pytest

from mnist_edge.benchmark.process import WorkerProcess
from mnist_edge.errors import BenchmarkError

ECHO = "import sys; print(1, flush=True); [print(line, end='', flush=True) for line in sys.stdin]"


def test_a_process_answers_each_command() -> None:
    with WorkerProcess("echo", ["-c", ECHO]) as process:
        assert process.first_reply == 1
        assert process.ask(number=2) == {"number": 2}
        assert process.ask(error_code=3) == {"error_code": 3}


def test_a_process_that_ended_between_commands_is_named() -> None:
    with WorkerProcess("echo", ["-c", ECHO]) as process:
        process._process.kill()
        process._process.wait()
        with pytest.raises(BenchmarkError, match="echo failed: its process ended with code -9"):
            process.ask(number=2)
