"""Draw a benchmark as a chart."""

import itertools
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from mnist_edge.benchmark.picture_files import SMALL
from mnist_edge.benchmark.picture_results import PictureBenchmark
from mnist_edge.benchmark.results import Benchmark, ContenderResult
from mnist_edge.evaluation.robustness import Group
from mnist_edge.files import write_bytes
from mnist_edge.machine import describe_machine

_DOTS_PER_INCH = 130

_OURS = "mnist-edge"
_OUR_COLOR, _PEER_COLOR = "#1f6feb", "#b6bec9"
_PEER_MARKER_COLOR = "#57606a"
_MARKERS = "osD^vPX*"
_SHOWN_ACCURACIES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
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
        f"microseconds per image, {threads} thread; {describe_machine(benchmark.machine)}; median and quartiles", size=8
    )
    write_bytes(path, encode(figure, "png"))


def plot_pictures(path: Path, benchmark: PictureBenchmark) -> None:
    """Write a PNG file with a dot for each contender: time for a 64×64 file against accuracy, best at the top left."""
    write_bytes(path, encode(pictures_figure(benchmark), "png"))


def pictures_figure(benchmark: PictureBenchmark) -> Figure:
    """Return a chart for each group of the robustness suite: milliseconds, logarithmic, against accuracy, logistic."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    for panel, group in zip(panels, get_args(Group), strict=True):
        for contender, marker in zip(benchmark.contenders, itertools.cycle(_MARKERS), strict=False):
            images = sum(kind.images for kind in contender.robustness if kind.group == group)
            accuracy = np.clip(contender.accuracy(group), 0.5 / images, 1 - 0.5 / images)  # 0 and 1 are infinitely far
            color = _OUR_COLOR if contender.name.startswith(_OURS) else _PEER_MARKER_COLOR
            panel.plot(contender.milliseconds[SMALL].median, accuracy, marker, color=color, label=contender.name)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_yscale("logit")
        panel.yaxis.set_major_locator(FixedLocator(_SHOWN_ACCURACIES))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
        panel.grid(alpha=0.25)
        panel.margins(x=0.1, y=0.1)
        panel.set_title(f"accuracy on {group}s", loc="left", size=10, weight="bold")
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    figure.supxlabel(f"milliseconds per {SMALL} file, one thread; {describe_machine(benchmark.machine)}", size=8)
    return figure


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
