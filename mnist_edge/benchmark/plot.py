"""Draw a benchmark as a bar chart."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_edge.benchmark.results import Benchmark, ContenderResult
from mnist_edge.files import write_bytes

_DOTS_PER_INCH = 130

_OURS = "mnist-edge"
_OUR_COLOR, _PEER_COLOR = "#1f6feb", "#b6bec9"
_SHOWN_BATCHES = (1, 256)


def plot_benchmark(path: Path, benchmark: Benchmark) -> None:
    """Write a PNG file with a bar chart for each model (columns) and batch size (rows), on one thread.

    Bars are microseconds per image with their quartiles, the fastest contender on top.
    """
    columns = len(benchmark.models)
    rows = max(map(len, benchmark.models.values()))
    figure = Figure(figsize=(5.2 * columns, 2 * (0.34 * rows + 0.9)), layout="constrained")
    panels = figure.subplots(len(_SHOWN_BATCHES), columns, squeeze=False)
    threads = benchmark.threads[0]
    for column, (model, contenders) in enumerate(benchmark.models.items()):
        for row, batch in enumerate(_SHOWN_BATCHES):
            _draw_bars(panels[row, column], contenders, threads, batch)
            panels[row, column].set_title(f"{model.upper()}, batch {batch}", loc="left", size=10, weight="bold")
    figure.supxlabel(
        f"microseconds per image, {threads} thread; {benchmark.machine.processor}, median and quartiles", size=8
    )
    write_bytes(path, encode(figure, "png"))


def encode(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Return a figure as the bytes of an image file. PNG bytes are reproducible."""
    stream = BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None}
    figure.savefig(stream, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    return stream.getvalue()


def _draw_bars(panel: Axes, contenders: Sequence[ContenderResult], threads: int, batch: int) -> None:
    spreads = {contender.name: contender.timing(threads, batch).microseconds for contender in contenders}
    names = sorted(spreads, key=lambda name: -spreads[name].median)
    ordered = [spreads[name] for name in names]
    bars = panel.barh(
        names,
        [spread.median for spread in ordered],
        xerr=[[spread.median - spread.low for spread in ordered], [spread.high - spread.median for spread in ordered]],
        color=[_OUR_COLOR if name.startswith(_OURS) else _PEER_COLOR for name in names],
        error_kw={"elinewidth": 1, "ecolor": "#57606a"},
    )
    panel.bar_label(bars, fmt="%.1f", padding=5, size=8)
    panel.set_xlim(0, max(spread.high for spread in ordered) * 1.12)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(labelsize=8)
