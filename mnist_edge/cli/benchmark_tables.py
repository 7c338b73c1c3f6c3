"""The tables of a benchmark's results."""

from collections.abc import Iterator

from mnist_edge.benchmark.picture_results import PictureBenchmark
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
    yield from _left_out(benchmark)


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


def pictures(benchmark: PictureBenchmark) -> Iterator[Part]:
    """Yield the accuracy, refusals, speed and needs of every contender, then this version beside the other one."""
    yield describe_measurement(benchmark.machine, benchmark.versions)
    contenders = benchmark.contenders
    names = ("contender", [contender.name for contender in contenders])
    yield Table(
        f"{count_of(benchmark.images_per_kind, 'picture')} of each kind, made from {benchmark.data_set}",
        [
            names,
            ("photographs", [percent(each.accuracy("photograph")) for each in contenders]),
            ("corruptions", [percent(each.accuracy("corruption")) for each in contenders]),
            ("digits refused", [percent(each.refused_digits) for each in contenders]),
            ("blank or noise refused", [percent(each.refused(blank_or_noise=True)) for each in contenders]),
            ("other non-digits refused", [percent(each.refused(blank_or_noise=False)) for each in contenders]),
        ],
    )
    yield Table(
        f"milliseconds per file, one thread, median of {count_of(benchmark.rounds, 'round')}",
        [
            names,
            *(
                (size, [_plus_minus(each.milliseconds[size], 2) for each in contenders])
                for size in contenders[0].milliseconds
            ),
        ],
    )
    yield Table(
        "start-up, memory and disk",
        [
            names,
            ("cold start, ms", [round(each.cold_start_seconds.median * 1e3) for each in contenders]),
            ("extra memory for a frame, MB", [_megabytes(each.extra_bytes) for each in contenders]),
            ("installed, MB", [_megabytes(each.installed_bytes) for each in contenders]),
        ],
    )
    if (against := benchmark.against) is not None:
        yield Table(
            f"{against.ours} beside {against.other}",
            [
                ("measurement", [row.measurement for row in against.rows]),
                ("unit", [row.unit for row in against.rows]),
                ("this version", [_plus_minus(row.ours, 0 if row.ours.median > 100 else 2) for row in against.rows]),
                ("the other", [_plus_minus(row.other, 0 if row.other.median > 100 else 2) for row in against.rows]),
                ("times as fast", [f"{row.times_as_fast:.2f}" for row in against.rows]),
            ],
        )
    yield from _left_out(benchmark)


def _left_out(benchmark: Benchmark | PictureBenchmark) -> Iterator[str]:
    """Yield what adds each missing contender, and the errors of those that failed."""
    for name, remedy in benchmark.missing.items():
        yield f"Missing: {name}. Add it with: {remedy}"
    yield from benchmark.failed.values()


def _megabytes(number: int | None) -> int | None:
    return None if number is None else round(number / 1e6)


def _plus_minus(spread: Spread, digits: int) -> str:
    """Return the median with half the distance between the quartiles."""
    return f"{spread.median:.{digits}f} ±{(spread.high - spread.low) / 2:.{digits}f}"
