"""Benchmark models: each beside every other engine that can run it here."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mnist_edge.benchmark import StepProgress
from mnist_edge.benchmark.contenders import contenders
from mnist_edge.benchmark.measure import BATCHES, PER_SECOND, count_steps, measure
from mnist_edge.benchmark.results import Benchmark, ContenderResult
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.machine import installed_versions, this_machine

_DRAWN_IMAGES = 500


def benchmark_models(
    folders: Mapping[str, Path], training: Split | None, test: Split | None, rounds: int, progress: StepProgress
) -> Benchmark:
    """Measure models beside every other engine that is installed. Needs only the base packages.

    `folders` maps the name that a model's results get to its folder. Without `training` and `test` images, digits drawn
    by code calibrate the plain int8 models and are measured on.

    Raises:
        ArtifactError: a folder lacks its int8 model.
        BenchmarkError: the baseline could not start, or a contender failed later.
    """
    machine = this_machine()
    threads = tuple(sorted({1, machine.cores}))
    data_set, test = ("drawn digits", draw_digits(_DRAWN_IMAGES)) if test is None else ("MNIST test", test)
    models: dict[str, tuple[ContenderResult, ...]] = {}
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    for model, artifacts in folders.items():
        with tempfile.TemporaryDirectory() as folder:
            built, not_built = contenders(artifacts, training, Path(folder))
            with progress(model, count_steps(len(built), threads, rounds)) as on_step:
                results, not_started = measure(
                    built, test, Path(folder), threads=threads, rounds=rounds, on_step=on_step
                )
        models[model] = tuple(results)
        missing |= not_built
        failed |= not_started
    packages = sorted({result.package for results in models.values() for result in results})
    return Benchmark(
        machine=machine,
        versions=installed_versions(*packages),
        data_set=data_set,
        images=len(test.labels),
        rounds=rounds,
        threads=threads,
        batches=BATCHES,
        predictions_per_second=PER_SECOND,
        models=models,
        missing=missing,
        failed=failed,
    )
