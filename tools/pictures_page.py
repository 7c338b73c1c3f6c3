"""The tables and the chart of the benchmark of pictures in docs/results.md.

`python -m tools.pictures_page FILE` draws the chart.
"""

import sys
from pathlib import Path

from mnist_edge.benchmark.picture_results import PictureBenchmark
from mnist_edge.files import load_results
from mnist_edge.machine import describe_machine, describe_versions
from runtime.contract import ARTIFACTS
from tools.markdown import table

PICTURES = ARTIFACTS.parent / "docs" / "pictures.json"


def pictures_table(path: Path = PICTURES) -> str:
    """Return what each way to read a picture file answers, how long it takes, and what it costs."""
    benchmark = load_results(path, PictureBenchmark)
    contenders = benchmark.contenders
    answers = table(
        [
            "from a file to a digit",
            "photographs",
            "corruptions",
            "refused: digits",
            "blank or noise",
            "other non-digits",
        ],
        [
            [
                each.name,
                *(f"{each.accuracy(group):.1%}" for group in ("photograph", "corruption")),
                f"{each.refused_digits:.1%}",
                *(f"{each.refused(blank_or_noise=empty):.1%}" for empty in (True, False)),
            ]
            for each in contenders
        ],
    )
    sizes = list(contenders[0].milliseconds)
    costs = table(
        ["milliseconds per file, one thread", *sizes, "cold start", "extra memory", "installed"],
        [
            [
                each.name,
                *(f"{each.milliseconds[size].median:.2f}" for size in sizes),
                f"{each.cold_start_seconds.median:.2f} s",
                *(
                    "" if number is None else f"{number / 1e6:.0f} MB"
                    for number in (each.extra_bytes, each.installed_bytes)
                ),
            ]
            for each in contenders
        ],
        f"{benchmark.images_per_kind} pictures of each kind of the robustness and rejection suites, made of "
        f"{benchmark.data_set}'s images; times are medians of {benchmark.rounds} interleaved rounds; "
        f"{describe_machine(benchmark.machine)}; {describe_versions(benchmark.versions)}.",
    )
    return f"{answers}\n\n{costs}"


def versions_table(path: Path = PICTURES) -> str:
    """Return this version's speed beside another one's; empty if none was measured."""
    benchmark = load_results(path, PictureBenchmark)
    if (against := benchmark.against) is None:
        return ""
    return table(
        ["measurement", against.ours, against.other, "times as fast"],
        [
            [
                row.measurement,
                *(
                    f"{spread.median:,.{0 if spread.median > 100 else 2}f} {row.unit}"
                    for spread in (row.ours, row.other)
                ),
                f"{row.times_as_fast:.2f}",
            ]
            for row in against.rows
        ],
        "Medians of rounds in which both versions take turns, and of each round's ratio; one thread, for the folder "
        f"{against.workers} workers; {describe_machine(benchmark.machine)}.",
    )


if __name__ == "__main__":
    from mnist_edge.benchmark.plot import plot_pictures

    plot_pictures(Path(sys.argv[1]), load_results(PICTURES, PictureBenchmark))
