"""The pictures of a report, as matplotlib figures."""

from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.data.mnist import DIGITS, Split
from mnist_edge.evaluation.metrics import CALIBRATION_BINS, expected_calibration_error
from mnist_edge.report.history import TrainingHistory
from mnist_edge.training.layers import layers_of

_BLUE, _ORANGE, _GREY = "#1f6feb", "#d9730d", "#b6bec9"
_SMOOTHED_BATCHES = 25
_SHOWN_MISTAKES = 24
_SHOWN_CHANNELS = 16


def curves(history: TrainingHistory) -> Figure:
    """Plot loss and accuracy per batch, smoothed, and accuracy on held-out images, over the steps."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    numbers = np.arange(1, len(history.steps) + 1)
    window = min(_SMOOTHED_BATCHES, len(numbers))
    for panel, values, title in (
        (loss, [step.step_loss for step in history.steps], "loss"),
        (accuracy, [step.step_accuracy for step in history.steps], "accuracy"),
    ):
        panel.plot(numbers, values, color=_GREY, linewidth=0.6, label="batch")
        smoothed = np.convolve(values, np.ones(window) / window, "valid")
        panel.plot(numbers[window - 1 :], smoothed, color=_BLUE, label=f"mean of {window} batches")
        panel.set_title(title, loc="left", size=10, weight="bold")
        panel.set_xlabel("step")
    validations = [
        (number, step.validation_accuracy)
        for number, step in zip(numbers, history.steps, strict=True)
        if step.validation_accuracy is not None
    ]
    if validations:
        accuracy.plot(*zip(*validations, strict=True), "o-", color=_ORANGE, markersize=3, label="held-out images")
    accuracy.set_ylim(0.8, 1.0)
    for panel in (loss, accuracy):
        panel.legend(frameon=False, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def confusion(history: TrainingHistory) -> Figure:
    """Draw the confusion matrix; only mistakes are colored."""
    counts = np.array(history.evaluation.confusion)
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    panel = figure.subplots()
    panel.imshow(mistakes, cmap="Oranges")
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            is_dark = mistakes[row, column] > np.nanmax(mistakes) / 2
            color = "white" if is_dark else "black"
            panel.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", size=8, color=color)
    panel.set_xticks(range(DIGITS))
    panel.set_yticks(range(DIGITS))
    panel.set_xlabel("predicted digit")
    panel.set_ylabel("true digit")
    return figure


def worst_mistakes(history: TrainingHistory, test: Split) -> Figure:
    """Show the images that were predicted wrongly with the highest confidence."""
    wrong = np.flatnonzero(history.digits != test.labels)
    confidence = history.probabilities.max(axis=1)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:_SHOWN_MISTAKES]
    columns = 8
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(1.1 * columns, 1.4 * rows), layout="constrained")
    for panel in figure.subplots(rows, columns, squeeze=False).flat:
        panel.set_axis_off()
    for panel, index in zip(figure.axes, shown, strict=False):
        panel.imshow(test.images[index], cmap="gray_r", vmin=0, vmax=255)
        panel.set_title(f"{test.labels[index]} as {history.digits[index]}, {confidence[index]:.0%}", size=8)
    return figure


def filters(history: TrainingHistory) -> Figure:
    """Show the kernels of the first convolution in two rows."""
    first = next(layer for layer in history.model.modules() if isinstance(layer, nn.Conv2d))
    kernels = first.weight.detach()[:, 0].numpy()
    columns = -(-len(kernels) // 2)
    limit = float(np.abs(kernels).max())
    figure = Figure(figsize=(0.9 * columns, 1.9), layout="constrained")
    for panel, kernel in zip(figure.subplots(2, columns, squeeze=False).flat, kernels, strict=False):
        panel.imshow(kernel, cmap="coolwarm", vmin=-limit, vmax=limit)
    for panel in figure.axes:
        panel.set_axis_off()
    return figure


def feature_maps(history: TrainingHistory, digit: NDArray[np.uint8]) -> Figure:
    """Show a digit and the first output channels of each convolution, after its ReLU."""
    stages = _activations(history.model, digit)
    columns = _SHOWN_CHANNELS // 2
    figure = Figure(figsize=(1.1 * (columns + 2), 2.3 * len(stages)), layout="constrained")
    grid = figure.add_gridspec(2 * len(stages), columns + 2)
    panel = figure.add_subplot(grid[0:2, 0:2])
    panel.imshow(digit, cmap="gray")
    panel.set_axis_off()
    for stage, (name, channels) in enumerate(stages):
        for index, channel in enumerate(channels[:_SHOWN_CHANNELS]):
            panel = figure.add_subplot(grid[2 * stage + index // columns, 2 + index % columns])
            panel.imshow(channel, cmap="magma")
            panel.set_axis_off()
            if index == 0:
                panel.set_title(name, loc="left", size=8)
    return figure


def costs(model: nn.Module) -> Figure:
    """Plot the parameters and multiply-adds of each layer."""
    layers = [layer for layer in layers_of(model) if layer.parameters]
    figure = Figure(figsize=(9, 0.36 * len(layers) + 1), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    layers.reverse()  # bars start at the bottom
    names = [f"{layer.name} ({layer.kind})" for layer in layers]
    for panel, values, title in (
        (panels[0], [layer.parameters for layer in layers], "parameters"),
        (panels[1], [layer.multiply_adds for layer in layers], "multiply-adds"),
    ):
        panel.barh(names, values, color=_BLUE)
        for position, value in enumerate(values):
            panel.annotate(f"{value:,}", (value, position), (4, 0), textcoords="offset points", va="center", size=8)
        panel.set_xlim(0, max(values) * 1.25)
        panel.set_title(title, loc="left", size=10, weight="bold")
        panel.spines[["top", "right", "left", "bottom"]].set_visible(False)
        panel.set_xticks([])
        panel.tick_params(labelsize=8, length=0)
    return figure


def reliability(history: TrainingHistory, test: Split) -> Figure:
    """Plot accuracy by confidence; bars that end on the diagonal are calibrated."""
    confidence, correct = history.probabilities.max(axis=1), history.digits == test.labels
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    for low, high in pairwise(np.linspace(0, 1, CALIBRATION_BINS + 1)):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            center, accuracy = (low + high) / 2, correct[inside].mean()
            panel.bar(center, accuracy, width=0.9 / CALIBRATION_BINS, color=_BLUE)
            count = f"{np.count_nonzero(inside):,}"
            panel.annotate(count, (center, accuracy), (0, 2), textcoords="offset points", ha="center", size=6)
    error = expected_calibration_error(confidence, correct)
    panel.set_title(f"expected calibration error {error:.2%}", loc="left", size=10)
    panel.set_xlabel("confidence")
    panel.set_ylabel("accuracy; number of images above the bars")
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def accuracy_against_parameters(comparison: Comparison) -> Figure:
    """Plot each network's mean test accuracy, with its standard deviation, over its parameters."""
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    panel = figure.subplots()
    for network in comparison.networks:
        panel.errorbar(
            network.parameters,
            100 * network.mean,
            yerr=None if network.deviation is None else 100 * network.deviation,
            fmt="o",
            color=_BLUE if network.name.startswith(("v1", "v2")) else _ORANGE,
            capsize=3,
        )
        # V1 and V2 have about the same number of parameters; these offsets keep their labels apart.
        offset = (-8, -3) if network.name.startswith("v2") else (8, -10) if network.name.startswith("v1") else (8, -3)
        panel.annotate(
            network.name,
            (network.parameters, 100 * network.mean),
            offset,
            textcoords="offset points",
            ha="right" if offset[0] < 0 else "left",
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


@torch.inference_mode()
def _activations(model: nn.Module, digit: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.float32]]]:
    """Return the name and the output, `[channels, height, width]`, of each ReLU that follows a convolution."""
    outputs: list[tuple[str, NDArray[np.float32]]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _layer, _inputs, output, name=name: outputs.append((name, output[0].clone().numpy()))
        )
        for name, layer in model.named_modules()
        if isinstance(layer, nn.ReLU)
    ]
    try:
        model(torch.from_numpy(digit.copy())[None, None])
    finally:
        for hook in hooks:
            hook.remove()
    return [(name, channels) for name, channels in outputs if channels.ndim == 3]
