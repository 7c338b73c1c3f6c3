"""A process that runs one model on one engine and carries out the commands of `measure`.

`python -m mnist_edge.benchmark.worker OPENER MODEL THREADS IMAGES`, where OPENER is the engine's class as
`module:name` and IMAGES a .npy file of pixels. It classifies one image, writes a JSON line with its peak memory,
and then answers each JSON line on standard input with one on standard output.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.benchmark.engines import Engine
from mnist_edge.benchmark.picture_worker import peak_bytes

DIGITS_BATCH = 250


def main(opener: str, model: str, threads: str, images: str) -> None:
    """Answer commands until standard input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr  # keeps the engine's own output out of the replies
    try:
        module, _, name = opener.partition(":")
        pixels = np.load(images, mmap_mode="r")
        engine = getattr(importlib.import_module(module), name)(Path(model), threads=int(threads))
        engine.logits(np.array(pixels[:1]))
        print(json.dumps({"peak_bytes": peak_bytes()}), file=replies, flush=True)
        pixels = np.array(pixels)
        for line in sys.stdin:
            print(json.dumps(answer(engine, pixels, **json.loads(line))), file=replies, flush=True)
    except Exception as error:  # noqa: BLE001 (every error of an engine is reported)
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=replies, flush=True)
        raise SystemExit(1) from None


def answer(engine: Engine, pixels: NDArray[np.uint8], *, command: str, **arguments: Any) -> Any:
    """Carry out one command and return its result.

    - `time`, with `batch` and `seconds`: microseconds per image, measured for at least that many seconds;
    - `pace`, with `seconds` and `per_second`: the fraction of a core that single images at that rate take;
    - `digits`: the predicted digit of each image.
    """
    if command == "time":
        return microseconds_per_image(engine.logits, pixels, **arguments)
    if command == "pace":
        return _processor_share(engine, pixels, **arguments)
    batches = np.split(pixels, range(DIGITS_BATCH, len(pixels), DIGITS_BATCH))
    return np.concatenate([engine.logits(batch).argmax(1) for batch in batches]).tolist()


def microseconds_per_image(
    classify: Callable[[NDArray[np.uint8]], Any], pixels: NDArray[np.uint8], batch: int, seconds: float
) -> float:
    """Classify batches for at least that many seconds and return the microseconds per image."""
    batches = [pixels[start : start + batch] for start in range(0, len(pixels) - batch + 1, batch)]
    classify(batches[0])  # warm-up: some engines prepare for each new batch size
    calls, elapsed, start = 0, 0.0, time.perf_counter()
    while not calls or elapsed < seconds:
        classify(batches[calls % len(batches)])
        calls += 1
        elapsed = time.perf_counter() - start
    return elapsed / (calls * batch) * 1e6


def _processor_share(engine: Engine, pixels: NDArray[np.uint8], per_second: float, seconds: float) -> float:
    engine.logits(pixels[:1])
    start, processor_start = time.perf_counter(), time.process_time()
    for index in range(round(seconds * per_second)):
        time.sleep(max(0.0, start + index / per_second - time.perf_counter()))
        engine.logits(pixels[index % len(pixels)][None])
    time.sleep(max(0.0, start + seconds - time.perf_counter()))
    return (time.process_time() - processor_start) / (time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
