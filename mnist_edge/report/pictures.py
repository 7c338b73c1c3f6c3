"""The pictures of a report, each a matplotlib figure."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.data.mnist import DIGITS, Split
from mnist_edge.evaluation.metrics import expected_calibration_error
from mnist_edge.report.history import TrainingHistory
from mnist_edge.training.layers import layers_of

_BLUE, _ORANGE, _GREY = "#1f6feb", "#d9730d", "#b6bec9"
_BINS = 15
_SMOOTHING_STEPS = 25
_WORST = 24
_SHOWN_MAPS = 16


def curves(found: TrainingHistory) -> Figure:
    """Draw loss and accuracy of the batches, smoothed, and the accuracy of the held-out images, over the steps."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    numbers = np.arange(1, len(found.steps) + 1)
    window = min(_SMOOTHING_STEPS, len(numbers))
    for panel, values, title in (
        (loss, [step.step_loss for step in found.steps], "loss"),
        (accuracy, [step.step_accuracy for step in found.steps], "accuracy"),
    ):
        panel.plot(numbers, values, color=_GREY, linewidth=0.6, label="batch")
        smooth = np.convolve(values, np.ones(window) / window, "valid")
        panel.plot(numbers[window - 1 :], smooth, color=_BLUE, label=f"mean of {window} batches")
        panel.set_title(title, loc="left", size=10, weight="bold")
        panel.set_xlabel("step")
    measured = [
        (number, step.validation_accuracy)
        for number, step in zip(numbers, found.steps, strict=True)
        if step.validation_accuracy is not None
    ]
    if measured:
        accuracy.plot(*zip(*measured, strict=True), "o-", color=_ORANGE, markersize=3, label="held-out images")
    accuracy.set_ylim(0.8, 1.0)
    for panel in (loss, accuracy):
        panel.legend(frameon=False, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def confusion(found: TrainingHistory) -> Figure:
    """Draw how often each digit (row) was named as each (column)."""
    counts = np.array(found.evaluation.confusion)
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    panel = figure.subplots()
    panel.imshow(mistakes, cmap="Oranges")
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            dark = mistakes[row, column] > np.nanmax(mistakes) / 2
            colour = "white" if dark else "black"
            panel.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", size=8, color=colour)
    panel.set_xticks(range(DIGITS))
    panel.set_yticks(range(DIGITS))
    panel.set_xlabel("named")
    panel.set_ylabel("true digit")
    return figure


def worst_mistakes(found: TrainingHistory, test: Split) -> Figure:
    """Show the images that were named wrongly with the most confidence."""
    wrong = np.flatnonzero(found.digits != test.labels)
    confidence = found.probabilities.max(axis=1)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:_WORST]
    columns = 8
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(1.1 * columns, 1.4 * rows), layout="constrained")
    for panel in figure.subplots(rows, columns, squeeze=False).flat:
        panel.set_axis_off()
    for panel, index in zip(figure.axes, shown, strict=False):
        panel.imshow(test.images[index], cmap="gray_r", vmin=0, vmax=255)
        panel.set_title(f"{test.labels[index]} as {found.digits[index]}, {confidence[index]:.0%}", size=8)
    return figure


def filters(found: TrainingHistory) -> Figure:
    """Show the kernels of the first convolution."""
    first = next(layer for layer in found.model.modules() if isinstance(layer, nn.Conv2d))
    return _tiles(first.weight.detach()[:, 0].numpy(), "coolwarm", symmetric=True)


def feature_maps(found: TrainingHistory, digit: NDArray[np.uint8]) -> Figure:
    """Show one digit and the first channels of what each stage of convolutions makes of it."""
    stages = _stages(found.model, digit)
    columns = _SHOWN_MAPS // 2
    figure = Figure(figsize=(1.1 * (columns + 2), 2.3 * len(stages)), layout="constrained")
    grid = figure.add_gridspec(2 * len(stages), columns + 2)
    shown = figure.add_subplot(grid[0:2, 0:2])
    shown.imshow(digit, cmap="gray")
    shown.set_axis_off()
    for number, (name, maps) in enumerate(stages):
        for index, channel in enumerate(maps[:_SHOWN_MAPS]):
            panel = figure.add_subplot(grid[2 * number + index // columns, 2 + index % columns])
            panel.imshow(channel, cmap="magma")
            panel.set_axis_off()
            if index == 0:
                panel.set_title(name, loc="left", size=8)
    return figure


def costs(model: nn.Module) -> Figure:
    """Draw where the parameters and the multiply-adds are."""
    layers = [layer for layer in layers_of(model) if layer.parameters]
    figure = Figure(figsize=(9, 0.36 * len(layers) + 1), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = [f"{layer.name} ({layer.kind})" for layer in layers][::-1]
    for panel, values, title in (
        (panels[0], [layer.parameters for layer in layers], "parameters"),
        (panels[1], [layer.multiply_adds for layer in layers], "multiply-adds"),
    ):
        panel.barh(names, values[::-1], color=_BLUE)
        for place, value in enumerate(values[::-1]):
            panel.annotate(f"{value:,}", (value, place), (4, 0), textcoords="offset points", va="center", size=8)
        panel.set_xlim(0, max(values) * 1.25)
        panel.set_title(title, loc="left", size=10, weight="bold")
        panel.spines[["top", "right", "left", "bottom"]].set_visible(False)
        panel.set_xticks([])
        panel.tick_params(labelsize=8, length=0)
    return figure


def reliability(found: TrainingHistory, test: Split) -> Figure:
    """Draw accuracy over confidence: on the diagonal, confidences mean what they say."""
    confidence, correct = found.probabilities.max(axis=1), found.digits == test.labels
    edges = np.linspace(0, 1, _BINS + 1)
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            panel.bar((low + high) / 2, correct[inside].mean(), width=0.9 / _BINS, color=_BLUE)
            panel.annotate(
                f"{np.count_nonzero(inside):,}",
                ((low + high) / 2, correct[inside].mean()),
                (0, 2),
                textcoords="offset points",
                ha="center",
                size=6,
            )
    panel.set_title(
        f"expected calibration error {expected_calibration_error(confidence, correct):.2%}", loc="left", size=10
    )
    panel.set_xlabel("confidence")
    panel.set_ylabel("share right; images above the bars")
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def accuracy_against_parameters(found: Comparison) -> Figure:
    """Draw each compared network's mean accuracy, with its deviation, over its parameters."""
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    panel = figure.subplots()
    for one in found.networks:
        ours = one.name.startswith(("v1", "v2"))
        panel.errorbar(
            one.parameters,
            100 * one.mean,
            yerr=None if one.deviation is None else 100 * one.deviation,
            fmt="o",
            color=_BLUE if ours else _ORANGE,
            capsize=3,
        )
        # V1 and V2 have nearly as many parameters, and V1 is as good as its neighbour to the right.
        place = (-8, -3) if one.name.startswith("v2") else (8, -10) if one.name.startswith("v1") else (8, -3)
        panel.annotate(
            one.name,
            (one.parameters, 100 * one.mean),
            place,
            textcoords="offset points",
            ha="right" if place[0] < 0 else "left",
            size=8,
        )
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.set_xlim(low / 8, high * 16)  # room for the names
    panel.set_xlabel("parameters")
    panel.set_ylabel("top-1 on MNIST's test images, %")
    panel.grid(visible=True, color="#eaeef2")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def _tiles(images: NDArray[np.float32], colours: str, *, symmetric: bool) -> Figure:
    """Show small images in two rows."""
    columns = -(-len(images) // 2)
    limit = float(np.abs(images).max()) if symmetric else None
    figure = Figure(figsize=(0.9 * columns, 1.9), layout="constrained")
    for panel, image in zip(figure.subplots(2, columns, squeeze=False).flat, images, strict=False):
        panel.imshow(image, cmap=colours, vmin=None if limit is None else -limit, vmax=limit)
    for panel in figure.axes:
        panel.set_axis_off()
    return figure


@torch.inference_mode()
def _stages(model: nn.Module, digit: NDArray[np.uint8]) -> Sequence[tuple[str, NDArray[np.float32]]]:
    """Give each convolution's result behind its ReLU, by the name of the ReLU: `[channels, height, width]`."""
    taken: list[tuple[str, NDArray[np.float32]]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _layer, _inputs, output, name=name: taken.append((name, output[0].clone().numpy()))
        )
        for name, layer in model.named_modules()
        if isinstance(layer, nn.ReLU)
    ]
    try:
        model(torch.from_numpy(digit.copy())[None, None])
    finally:
        for hook in hooks:
            hook.remove()
    return [(name, maps) for name, maps in taken if maps.ndim == 3]
