"""Count the instructions per image of the int8 models, on our engine and on LiteRT: `tools.instructions [BATCH]…`.

A busy machine changes times, but not these counts. Valgrind runs each engine in two processes, one with more calls than
the other; the difference is what these calls take. Valgrind knows no AVX-512, so the kernels counted are those for
AVX2. Needs Valgrind, the extra `bench` and about 10 minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mnist_edge.benchmark.contenders import contenders
from mnist_edge.benchmark.engines import Engine
from mnist_edge.errors import BenchmarkError, MnistEdgeError
from runtime.contract import ARTIFACTS, MODELS

BATCHES = (1, 16)
"""Batch sizes that are counted if the command names none."""
_ENGINES = ("mnist-edge, int8", "LiteRT, plain int8")
_FEW_CALLS, _MANY_CALLS = 2, 10
"""Calls in the two processes. The first call also allocates buffers, so both make at least two."""
_PROGRAM = """
import sys
from importlib import import_module
from pathlib import Path
from mnist_edge.data.drawing import draw_digits
module, engine, model, batch, calls = sys.argv[1:]
logits = getattr(import_module(module), engine)(Path(model), threads=1).logits
pixels = draw_digits(int(batch)).images
for _ in range(int(calls)):
    logits(pixels)
"""


def instructions_per_image(engine: Callable[..., Engine], model: Path, batch: int) -> float:
    """Return how many instructions an engine executes per image, in batches of `batch`.

    Raises:
        BenchmarkError: Valgrind is missing, or the engine failed under it.
    """
    few, many = (_instructions(engine, model, batch, calls) for calls in (_FEW_CALLS, _MANY_CALLS))
    return (many - few) / (_MANY_CALLS - _FEW_CALLS) / batch


def _instructions(engine: Callable[..., Engine], model: Path, batch: int, calls: int) -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise BenchmarkError("valgrind is missing; on Debian and Ubuntu: apt install valgrind")
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-c", _PROGRAM]
    done = subprocess.run(  # noqa: S603 (that program)
        [*command, engine.__module__, engine.__qualname__, str(model), str(batch), str(calls)],
        # With hashes of another seed, Python itself executes other numbers of instructions.
        env={**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or collected is None:
        raise BenchmarkError(f"{engine.__qualname__} failed under Valgrind: {done.stderr[-500:]}")
    return int(collected[1])


def main(batches: list[int]) -> None:
    """Print thousands of instructions per image for each model, engine and batch size."""
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            built, missing = contenders(ARTIFACTS / name, None, Path(folder))
            for contender in (each for each in built if each.name in _ENGINES):
                for batch in batches:
                    count = instructions_per_image(contender.opener, contender.model, batch)
                    print(f"{name}, {contender.name}, batch {batch}: {count / 1000:.1f} thousand", flush=True)
            for contender_name in (each for each in missing if each in _ENGINES):
                print(f"{name}, {contender_name}: to count it, {missing[contender_name]}", flush=True)


if __name__ == "__main__":
    try:
        main([int(batch) for batch in sys.argv[1:]] or list(BATCHES))
    except MnistEdgeError as error:
        sys.exit(f"error: {error}")
