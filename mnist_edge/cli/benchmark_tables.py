"""The tables of a benchmark's results."""

from collections.abc import Iterator

from mnist_edge.benchmark.results import Benchmark, Spread, TrainingBenchmark
from mnist_edge.cli.output import Part, Table
from mnist_edge.cli.tables import count_of, describe_measurement, percent


def inference(benchmark: Benchmark) -> Iterator[Part]:
    """Yield the speed of every contender, then its accuracy, size, start time, memory and processor use."""
    yield describe_measurement(benchmark.machine, benchmark.versions)
    for model, contenders in benchmark.models.items():
        names = ("contender", [contender.name for contender in contenders])
        for threads in benchmark.threads:
            columns = [names]
            for batch in benchmark.batches:
                timings = [contender.timing(threads, batch) for contender in contenders]
                columns += [
                    (f"batch {batch}", [_plus_minus(timing.microseconds, 1) for timing in timings]),
                    ("times as fast", [f"{timing.speedup:.2f}" for timing in timings]),
                ]
            yield Table(f"{model}: microseconds per image, {count_of(threads, 'thread')}", columns)
        peaks = [contender.peak_bytes for contender in contenders]
        yield Table(
            f"{model}: accuracy on {benchmark.images:,} images ({benchmark.data_set}); start-up; "
            f"share of a core at {benchmark.predictions_per_second} images/s",
            [
                names,
                ("accuracy", [percent(contender.accuracy) for contender in contenders]),
                ("bytes", [contender.bytes for contender in contenders]),
                ("cold start, ms", [round(contender.cold_start_seconds.median * 1e3) for contender in contenders]),
                ("peak memory, MB", [None if peak is None else round(peak / 1e6) for peak in peaks]),
                *(
                    (
                        f"core, {count_of(threads, 'thread')}",
                        [f"{contender.processor_shares[str(threads)]:.1%}" for contender in contenders],
                    )
                    for threads in benchmark.threads
                ),
            ],
        )
    for name, remedy in benchmark.missing.items():
        yield f"Missing: {name}. Add it with: {remedy}"
    yield from benchmark.failed.values()


def training(benchmark: TrainingBenchmark) -> Iterator[Part]:
    """Yield the duration of an epoch of each model, for each way of training it."""
    yield describe_measurement(benchmark.machine, benchmark.versions)
    conditions = f"one epoch, {count_of(benchmark.threads, 'thread')}, median of {count_of(benchmark.rounds, 'seed')}"
    for model, ways in benchmark.models.items():
        yield Table(
            f"{model}: {conditions}",
            [
                ("way", [way.way for way in ways]),
                ("seconds", [_plus_minus(way.seconds, 2) for way in ways]),
                ("times as long", [round(way.ratio, 2) for way in ways]),
                ("test accuracy", [percent(way.accuracy) for way in ways]),
            ],
        )


def _plus_minus(spread: Spread, digits: int) -> str:
    """Return the median with half the distance between the quartiles."""
    return f"{spread.median:.{digits}f} ±{(spread.high - spread.low) / 2:.{digits}f}"
