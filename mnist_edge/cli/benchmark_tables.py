"""Print the results of a benchmark as tables."""

from mnist_edge.benchmark.results import Benchmark, Spread, TrainingBenchmark
from mnist_edge.cli.output import print_table
from mnist_edge.cli.tables import count_of, describe_measurement


def print_benchmark(benchmark: Benchmark) -> None:
    """Print the speed of every contender, then its accuracy, size, start time, memory and processor use."""
    print(describe_measurement(benchmark.machine, benchmark.versions))
    for model, contenders in benchmark.models.items():
        for threads in benchmark.threads:
            columns = ["contender"]
            rows: list[list[str | float]] = [[contender.name] for contender in contenders]
            for batch in benchmark.batches:
                columns += [f"batch {batch}", "times as fast"]
                for row, contender in zip(rows, contenders, strict=True):
                    timing = contender.timing(threads, batch)
                    row += [_plus_minus(timing.microseconds, 1), round(timing.speedup, 2)]
            print_table(f"{model}: microseconds per image, {count_of(threads, 'thread')}", columns, rows)
        paces = [f"core, {count_of(threads, 'thread')}" for threads in benchmark.threads]
        images, rate = (
            f"{benchmark.images:,} images ({benchmark.data_set})",
            f"{benchmark.predictions_per_second} images/s",
        )
        print_table(
            f"{model}: accuracy on {images}; start; share of a core at {rate}",
            ("contender", "accuracy", "bytes", "cold start, ms", "peak memory, MB", *paces),
            [
                (
                    contender.name,
                    f"{contender.accuracy:.2%}",
                    contender.bytes,
                    round(contender.cold_start_seconds.median * 1e3),
                    None if contender.peak_bytes is None else round(contender.peak_bytes / 1e6),
                    *(f"{contender.processor_shares[str(threads)]:.1%}" for threads in benchmark.threads),
                )
                for contender in contenders
            ],
        )
    for name, remedy in benchmark.missing.items():
        print(f"Missing: {name}. Add it with: {remedy}")
    for error in benchmark.failed.values():
        print(error)


def print_training_benchmark(benchmark: TrainingBenchmark) -> None:
    """Print the duration of an epoch of each model, for each way of training it."""
    print(describe_measurement(benchmark.machine, benchmark.versions))
    conditions = f"one epoch, {count_of(benchmark.threads, 'thread')}, median of {count_of(benchmark.rounds, 'seed')}"
    for model, ways in benchmark.models.items():
        print_table(
            f"{model}: {conditions}",
            ("way", "seconds", "times as long", "test accuracy"),
            [(way.way, _plus_minus(way.seconds, 2), round(way.ratio, 2), f"{way.accuracy:.2%}") for way in ways],
        )


def _plus_minus(spread: Spread, digits: int) -> str:
    """Return the median with half the distance between the quartiles."""
    return f"{spread.median:.{digits}f} ±{(spread.high - spread.low) / 2:.{digits}f}"
