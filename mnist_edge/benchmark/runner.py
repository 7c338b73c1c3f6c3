"""The benchmark: each model beside what else would run it, with what it was measured on."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from mnist_edge.benchmark.contenders import contenders
from mnist_edge.benchmark.measure import BATCHES, PER_SECOND, measure, steps
from mnist_edge.benchmark.results import Benchmark, Measured
from mnist_edge.data.mnist import Split
from mnist_edge.machine import installed_versions, this_machine


def benchmark_models(
    folders: Mapping[str, Path],
    training: Split,
    test: Split,
    rounds: int,
    progress: Callable[[str, int], AbstractContextManager[Callable[[str], None]]],
) -> Benchmark:
    """Measure models beside every other engine that is installed.

    Args:
        folders: of the models' artifacts, by the names that the results get.
        training: images to calibrate plain int8 models on.
        test: images to measure on.
        rounds: of each measurement.
        progress: takes a title and a number of steps, and gives what is told of each.

    Raises:
        ArtifactError: a folder lacks a file.
        BenchmarkError: this project's own model failed.
    """
    machine = this_machine()
    threads = tuple(sorted({1, machine.cores}))
    measured: dict[str, tuple[Measured, ...]] = {}
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    for model, artifacts in folders.items():
        with tempfile.TemporaryDirectory() as folder:
            found, absent = contenders(artifacts, training, Path(folder))
            with progress(model, steps(len(found), threads, rounds)) as on_step:
                done, said = measure(found, test, Path(folder), threads=threads, rounds=rounds, on_step=on_step)
        measured[model] = tuple(done)
        missing |= absent
        failed |= said
    packages = sorted({contender.package for contenders in measured.values() for contender in contenders})
    return Benchmark(
        machine=machine,
        versions=installed_versions(*packages),
        data_set="MNIST test",
        images=len(test.labels),
        rounds=rounds,
        threads=threads,
        batches=BATCHES,
        predictions_per_second=PER_SECOND,
        models=measured,
        missing=missing,
        failed=failed,
    )
