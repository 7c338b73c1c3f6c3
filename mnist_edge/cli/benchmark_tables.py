"""What the benchmark prints."""

from mnist_edge.benchmark.results import Benchmark, Timing, TrainingBenchmark
from mnist_edge.cli.output import print_table
from mnist_edge.cli.tables import count_of, describe_measurement


def print_benchmark(found: Benchmark) -> None:
    """Print the speed of every contender, then what each costs a device."""
    print(describe_measurement(found.machine, found.versions))
    for model, contenders in found.models.items():
        for threads in found.threads:
            columns = [column for batch in found.batches for column in (f"batch {batch}", "times as fast")]
            rows = [
                (
                    contender.name,
                    *(cell for batch in found.batches for cell in _cells(contender.timing(threads, batch))),
                )
                for contender in contenders
            ]
            print_table(f"{model}: microseconds an image, {count_of(threads, 'thread')}", ("contender", *columns), rows)
        paces = [f"core, {count_of(threads, 'thread')}" for threads in found.threads]
        print_table(
            f"{model}: accuracy on {found.data_set}; start; share of a core at {found.predictions_per_second} images/s",
            ("contender", "accuracy", "bytes", "cold start, ms", "peak memory, MB", *paces),
            [
                (
                    contender.name,
                    f"{contender.accuracy:.2%}",
                    contender.bytes,
                    round(contender.cold_start_seconds.median * 1e3),
                    None if contender.peak_bytes is None else round(contender.peak_bytes / 1e6),
                    *(f"{contender.processor_shares[str(threads)]:.1%}" for threads in found.threads),
                )
                for contender in contenders
            ],
        )
    for name, command in found.missing.items():
        print(f"Missing: {name}. Add it with: {command}")
    for problem in found.failed.values():
        print(problem)


def print_training_benchmark(found: TrainingBenchmark) -> None:
    """Print what an epoch of each model took in each way."""
    print(describe_measurement(found.machine, found.versions))
    for model, ways in found.models.items():
        print_table(
            f"{model}: one epoch, {count_of(found.threads, 'thread')}, median of {count_of(found.rounds, 'seed')}",
            ("way", "seconds", "times as long", "test accuracy"),
            [
                (
                    way.way,
                    f"{way.seconds.median:.2f} ±{(way.seconds.high - way.seconds.low) / 2:.2f}",
                    round(way.ratio, 2),
                    f"{way.accuracy:.2%}",
                )
                for way in ways
            ],
        )


def _cells(timing: Timing) -> tuple[str, float]:
    """Give a timing as its median with half the distance of its quartiles, and its ratio."""
    found = timing.microseconds
    return f"{found.median:.1f} ±{(found.high - found.low) / 2:.1f}", round(timing.speedup, 2)
