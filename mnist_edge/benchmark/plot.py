"""A benchmark as a picture: microseconds an image, the shorter the better."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from mnist_edge.benchmark.results import Benchmark
from mnist_edge.files import write_bytes

_OURS = "mnist-edge"
_COLOURS = {True: "#1f6feb", False: "#b6bec9"}
_SHOWN_BATCHES = (1, 256)


def plot_benchmark(path: Path, benchmark: Benchmark) -> None:
    """Draw the contenders of each model, one thread, at the smallest and the largest batch, as a PNG file.

    A row of pictures is a batch size, a column a model; the fastest contender is on top.
    """
    columns = len(benchmark.models)
    rows = max(map(len, benchmark.models.values()))
    figure = Figure(figsize=(5.2 * columns, 2 * (0.34 * rows + 0.9)), layout="constrained")
    panels = figure.subplots(len(_SHOWN_BATCHES), columns, squeeze=False)
    threads = benchmark.threads[0]
    for column, (model, contenders) in enumerate(benchmark.models.items()):
        for row, batch in enumerate(_SHOWN_BATCHES):
            panel = panels[row, column]
            found = sorted(
                ((contender.timing(threads, batch).microseconds, contender.name) for contender in contenders),
                key=lambda entry: -entry[0].median,
            )
            medians = [spread.median for spread, _ in found]
            errors = [[spread.median - spread.low for spread, _ in found], [s.high - s.median for s, _ in found]]
            names = [name for _, name in found]
            colours = [_COLOURS[name.startswith(_OURS)] for name in names]
            panel.barh(names, medians, xerr=errors, color=colours, error_kw={"elinewidth": 1, "ecolor": "#57606a"})
            for place, (spread, _) in enumerate(found):
                panel.annotate(
                    f"{spread.median:.1f}",
                    (spread.high, place),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                    size=8,
                )
            panel.set_title(f"{model.upper()}, batch {batch}", loc="left", size=10, weight="bold")
            panel.set_xlim(0, max(spread.high for spread, _ in found) * 1.12)
            panel.spines[["top", "right", "left"]].set_visible(False)
            panel.tick_params(axis="y", length=0)
            panel.tick_params(labelsize=8)
    figure.supxlabel(
        f"microseconds an image, {threads} thread; {benchmark.machine.processor}, median and quartiles", size=8
    )
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, drawn.getvalue())
