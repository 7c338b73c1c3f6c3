"""Write a report: one self-contained HTML page, and each of its pictures as a PNG and an SVG file."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.benchmark.plot import encode
from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.metrics import expected_calibration_error
from mnist_edge.files import write_bytes
from mnist_edge.machine import describe_versions, installed_versions, this_machine
from mnist_edge.report import pictures
from mnist_edge.report.history import TrainingHistory
from mnist_edge.training.layers import layers_of, total_multiply_adds
from mnist_edge.training.models import count_parameters

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-bottom: 1px solid #d1d9e0; padding-bottom: .3rem; }
figure { margin: 1.5rem 0; } figcaption { color: #59636e; font-size: .9rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .9rem; text-align: right; border-bottom: 1px solid #d1d9e0; }
th:first-child, td:first-child { text-align: left; } footer { margin-top: 3rem; color: #59636e; font-size: .85rem; }
"""
_HEADINGS = ("network", "parameters", "multiply-adds", "test accuracy", "calibration error", "training seconds")


def write_report(
    out: Path, histories: Sequence[TrainingHistory], test: Split, recipe: str, seed: int, comparison: Comparison | None
) -> Path:
    """Write the page and its pictures into a folder, and return the page's path.

    All networks were trained with the recipe and the seed. Without a `comparison` of networks by accuracy and
    parameters, the page has no plot of it.

    Raises:
        OSError: the folder cannot be written.
    """
    sections = [
        f"<h2>{escape(history.name.upper())}</h2>\n{_write_figures(out, _draw(history, test), f'{history.name}-')}"
        for history in histories
    ]
    if comparison is not None:
        caption = "Test accuracy and number of parameters: mean and standard deviation over the seeds of each recipe; "
        caption += f"measured on {comparison.machine.processor}."
        figures = {"accuracy-against-parameters": (pictures.accuracy_against_parameters(comparison), caption)}
        sections.append(f"<h2>Comparison with other networks</h2>\n{_write_figures(out, figures, '')}")
    machine, versions = this_machine(), describe_versions(installed_versions("torch", "numpy"))
    environment = f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; {versions}."
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mnist-edge training report</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>mnist-edge training report</h1>
<p>Trained with the recipe <code>{escape(recipe)}</code> and seed {seed}. Some of the training images were held out for
validation; test accuracy is measured on {len(test.labels):,} test images of MNIST.</p>
{_summary(histories, test)}
{"".join(sections)}
<footer>{escape(environment)}</footer>
</body>
</html>
"""
    path = out / "index.html"
    write_bytes(path, page.encode())
    return path


def _draw(history: TrainingHistory, test: Split) -> dict[str, tuple[Figure, str]]:
    """Return the pictures of a network with their captions, by file name."""
    return {
        "curves": (pictures.curves(history), "Loss and accuracy per batch, and accuracy on held-out images."),
        "confusion": (pictures.confusion(history), "Confusion matrix of the test images; mistakes are colored."),
        "worst-mistakes": (
            pictures.worst_mistakes(history, test),
            "Wrong predictions with the highest confidence: true digit, predicted digit, confidence.",
        ),
        "reliability": (
            pictures.reliability(history, test),
            "Accuracy by confidence, before calibration fits a temperature.",
        ),
        "costs": (pictures.costs(history.model), "Parameters and multiply-adds of each layer."),
        "filters": (
            pictures.filters(history),
            "Kernels of the first convolution: positive weights are red, negative ones blue.",
        ),
        "feature-maps": (
            pictures.feature_maps(history, test.images[0]),
            f"A {test.labels[0]} and the first output channels of each convolution, after its ReLU.",
        ),
    }


def _write_figures(out: Path, figures: Mapping[str, tuple[Figure, str]], prefix: str) -> str:
    """Write figures as PNG and SVG files, and return HTML that embeds them."""
    parts = []
    for name, (figure, caption) in figures.items():
        png, svg = encode(figure, "png"), encode(figure, "svg")
        write_bytes(out / "pictures" / f"{prefix}{name}.png", png)
        write_bytes(out / "pictures" / f"{prefix}{name}.svg", svg)
        source = base64.b64encode(png).decode()
        parts.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{source}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>\n"
        )
    return "".join(parts)


def _summary(histories: Sequence[TrainingHistory], test: Split) -> str:
    """Return an HTML table with one row per network."""
    rows = []
    for history in histories:
        error = expected_calibration_error(history.probabilities.max(axis=1), history.digits == test.labels)
        cells = (
            history.name.upper(),
            f"{count_parameters(history.model):,}",
            f"{total_multiply_adds(layers_of(history.model)):,}",
            f"{history.evaluation.accuracy:.2%}",
            f"{error:.2%}",
            f"{history.seconds:.1f}",
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    heading = "".join(f"<th>{name}</th>" for name in _HEADINGS)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
