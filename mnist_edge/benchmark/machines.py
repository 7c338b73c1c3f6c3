"""Add a machine's benchmark to a file that holds those of several machines.

The other machines' results are copied as they stand and not decoded, so this needs only the base packages.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from mnist_edge.benchmark.results import Benchmark, Benchmarks, TrainingBenchmark, TrainingBenchmarks
from mnist_edge.files import not_results, read_document, results_document, write_document

_Several: TypeAlias = type[Benchmarks] | type[TrainingBenchmarks]


def read_machines(path: Path, several: _Several) -> list[dict[str, Any]]:
    """Return the document of each machine in a file, the one measured last at the end; none if there is no file.

    Raises:
        BenchmarkError: the file cannot be read or holds something else.
    """
    if not path.exists():
        return []
    try:
        machines = list(read_document(path, several)["machines"])
        for document in machines:
            _hardware(document)
    except (AttributeError, KeyError, TypeError) as error:
        raise not_results(path, several, repr(error)) from error
    return machines


def add_machine(path: Path, results: Benchmark | TrainingBenchmark) -> None:
    """Write results to a file at the end, in place of earlier ones of the same machine; atomic.

    Machines are the same if they differ in nothing but the version of Python.

    Raises:
        BenchmarkError: the file cannot be read or holds something else.
        OSError: the folder cannot be written.
    """
    several = Benchmarks((results,)) if isinstance(results, Benchmark) else TrainingBenchmarks((results,))
    hardware = _hardware(asdict(results))
    others = [document for document in read_machines(path, type(several)) if _hardware(document) != hardware]
    document = results_document(several)
    write_document(path, {**document, "machines": [*others, *document["machines"]]})


def _hardware(document: dict[str, Any]) -> dict[str, Any]:
    """Return the machine of a benchmark's document without the version of Python."""
    return {**document["machine"], "flags": tuple(document["machine"]["flags"]), "python": None}
