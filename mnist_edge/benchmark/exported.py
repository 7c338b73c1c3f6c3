"""The int8 files of compared networks, made by the exporter as any other, and what they do on this machine."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.exporter import calibrate, export_checkpoints
from mnist_edge.benchmark.comparison import Int8
from mnist_edge.data.mnist import Split
from mnist_edge.training.checkpoint import CHECKPOINT_FILE
from runtime import Predictor
from runtime.contract import INT8_FILE

_NO_LIMIT = 10**9
_ROUNDS = 15
_SECONDS_A_ROUND = 0.1


def measure_int8(
    checkpoints: Mapping[str, Path],
    training: Split,
    test: Split,
    on_network: Callable[[str], None] = lambda _: None,
) -> dict[str, Int8]:
    """Export checkpoints, whatever their size, and measure each int8 file.

    Latencies are of one image on one thread, medians of rounds in which the networks take turns.

    Args:
        checkpoints: by the network's name.
        training: images for the activation ranges.
        test: images to measure accuracy and latency on.
        on_network: told which comes next.
    """
    with tempfile.TemporaryDirectory() as folder:
        predictors, sizes = {}, {}
        for number, (name, checkpoint) in enumerate(checkpoints.items()):
            on_network(name)
            place = Path(folder) / str(number)
            place.mkdir()
            copied = place / CHECKPOINT_FILE
            shutil.copyfile(checkpoint, copied)
            calibrate(copied, training)
            report = export_checkpoints([copied], place, max_parameters=_NO_LIMIT, max_bytes=_NO_LIMIT)[0]
            predictors[name] = Predictor(report.folder)
            sizes[name] = report.manifest["files"][INT8_FILE]["bytes"]
        microseconds: dict[str, list[float]] = {name: [] for name in predictors}
        for _ in range(_ROUNDS):
            for name, one in predictors.items():
                microseconds[name].append(_microseconds_per_image(one.classify, test))
        return {
            name: Int8(
                sizes[name],
                float((one.classify(test.images).digits == test.labels).mean()),
                float(np.median(microseconds[name])),
            )
            for name, one in predictors.items()
        }


def _microseconds_per_image(classify: Callable[[Any], Any], test: Split) -> float:
    """Time single images, one after the other, for a tenth of a second."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < _SECONDS_A_ROUND:
        classify(test.images[count % len(test.labels)][None])
        count += 1
    return (time.perf_counter() - start) / count * 1e6
