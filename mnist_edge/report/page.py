"""The report as files: one page that holds its own pictures, and each picture as PNG and SVG."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.metrics import expected_calibration_error
from mnist_edge.files import write_bytes
from mnist_edge.machine import installed_versions, this_machine
from mnist_edge.report import pictures
from mnist_edge.report.history import TrainingHistory
from mnist_edge.training.layers import layers_of, total_multiply_adds
from mnist_edge.training.models import count_parameters

PAGE_FILE = "index.html"
_DOTS_PER_INCH = 130
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-bottom: 1px solid #d1d9e0; padding-bottom: .3rem; }
figure { margin: 1.5rem 0; } figcaption { color: #59636e; font-size: .9rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .9rem; text-align: right; border-bottom: 1px solid #d1d9e0; }
th:first-child, td:first-child { text-align: left; } footer { margin-top: 3rem; color: #59636e; font-size: .85rem; }
"""
_HEADINGS = ("network", "parameters", "multiply-adds", "top-1", "calibration error", "seconds")


def write_report(
    out: Path, networks: Sequence[TrainingHistory], test: Split, recipe: str, seed: int, compared: Comparison | None
) -> Path:
    """Write the page and its pictures into a folder, and give the page's path.

    Args:
        out: the folder, made where it is missing.
        networks: trained by `watch`.
        test: MNIST's test images.
        recipe: that all were trained by.
        seed: of all.
        compared: other networks, for the picture of accuracy against parameters; None leaves it out.

    Raises:
        OSError: the folder cannot be written.
    """
    sections = [
        f"<h2>{escape(found.name.upper())}</h2>\n{_figures(out, _of_network(found, test), f'{found.name}-')}"
        for found in networks
    ]
    if compared is not None:
        caption = (
            f"Accuracy against parameters: mean and deviation over the seeds; {escape(compared.machine.processor)}."
        )
        drawn = {"accuracy-against-parameters": (pictures.accuracy_against_parameters(compared), caption)}
        sections.append(f"<h2>Beside other networks</h2>\n{_figures(out, drawn, '')}")
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mnist-edge: one epoch of MNIST</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>One epoch of MNIST in fewer than 25,000 parameters</h1>
<p>Trained by the recipe <code>{escape(recipe)}</code>, seed {seed}, with some of the training images held out; measured
on MNIST's {len(test.labels):,} test images.</p>
{_summary(networks, test)}
{"".join(sections)}
<footer>{_conditions()}</footer>
</body>
</html>
"""
    path = out / PAGE_FILE
    write_bytes(path, page.encode())
    return path


def _of_network(found: TrainingHistory, test: Split) -> dict[str, tuple[Figure, str]]:
    """Draw what there is to see of a network: pictures with captions, by name."""
    digit = test.images[0]
    return {
        "curves": (pictures.curves(found), "Loss and accuracy while training, batch by batch."),
        "confusion": (pictures.confusion(found), "How often each digit was named as each; mistakes are coloured."),
        "worst-mistakes": (
            pictures.worst_mistakes(found, test),
            "The mistakes that the network was surest of: the true digit, the one named, its probability.",
        ),
        "reliability": (
            pictures.reliability(found, test),
            "How often the network is right, by how sure it is, before the export fits a temperature.",
        ),
        "costs": (pictures.costs(found.model), "Where the parameters and the multiply-adds are."),
        "filters": (pictures.filters(found), "Kernels of the first convolution: red adds, blue takes away."),
        "feature-maps": (
            pictures.feature_maps(found, digit),
            f"A {test.labels[0]}, and what the first channels of each convolution make of it.",
        ),
    }


def _figures(out: Path, drawn: Mapping[str, tuple[Figure, str]], prefix: str) -> str:
    """Write pictures as files and give them as HTML."""
    parts = []
    for name, (figure, caption) in drawn.items():
        png, svg = encode(figure, "png"), encode(figure, "svg")
        write_bytes(out / "pictures" / f"{prefix}{name}.png", png)
        write_bytes(out / "pictures" / f"{prefix}{name}.svg", svg)
        source = base64.b64encode(png).decode()
        parts.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{source}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>\n"
        )
    return "".join(parts)


def encode(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Give a figure as the bytes of a file; the same figure gives the same bytes."""
    drawn = BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None}
    figure.savefig(drawn, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    return drawn.getvalue()


def _summary(networks: Sequence[TrainingHistory], test: Split) -> str:
    rows = []
    for found in networks:
        error = expected_calibration_error(found.probabilities.max(axis=1), found.digits == test.labels)
        cells = (
            found.name.upper(),
            f"{count_parameters(found.model):,}",
            f"{total_multiply_adds(layers_of(found.model)):,}",
            f"{found.evaluation.accuracy:.2%}",
            f"{error:.2%}",
            f"{found.seconds:.1f}",
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    heading = "".join(f"<th>{name}</th>" for name in _HEADINGS)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _conditions() -> str:
    machine = this_machine()
    versions = ", ".join(f"{name} {number}" for name, number in installed_versions("torch", "numpy").items())
    return escape(f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; {versions}.")
