"""Export compared networks to int8 and measure the files on this machine."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from export.exporter import calibrate, export_checkpoints
from mnist_edge.benchmark.comparison import Int8Result
from mnist_edge.benchmark.worker import microseconds_per_image
from mnist_edge.data.mnist import Split
from mnist_edge.files import CHECKPOINT_FILE
from runtime import Predictor
from runtime.contract import INT8_FILE

_NO_LIMIT = 10**9
_ROUNDS = 15
_ROUND_SECONDS = 0.1


def measure_int8(
    checkpoints: Mapping[str, Path],
    training: Split,
    test: Split,
    on_network: Callable[[str], None] = lambda _: None,
) -> dict[str, Int8Result]:
    """Export checkpoints of any size, calibrated on `training`, and measure each int8 file on `test`, by network name.

    Latencies are medians over interleaved rounds, one image at a time on one thread. `on_network` is called with each
    network's name before its export.
    """
    predictors: dict[str, Predictor] = {}
    sizes_bytes: dict[str, int] = {}
    for name, checkpoint in checkpoints.items():
        on_network(name)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / CHECKPOINT_FILE
            shutil.copyfile(checkpoint, copy)
            calibrate(copy, training)
            (report,) = export_checkpoints([copy], copy.parent, max_parameters=_NO_LIMIT, max_bytes=_NO_LIMIT)
            predictors[name] = Predictor(report.folder)
            sizes_bytes[name] = (report.folder / INT8_FILE).stat().st_size
    microseconds: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(_ROUNDS):
        for name, predictor in predictors.items():
            microseconds[name].append(microseconds_per_image(predictor.classify, test.images, 1, _ROUND_SECONDS))
    return {
        name: Int8Result(
            sizes_bytes[name],
            float((predictor.classify(test.images).digits == test.labels).mean()),
            float(np.median(microseconds[name])),
        )
        for name, predictor in predictors.items()
    }
