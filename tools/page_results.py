"""The table in docs/devices.md of the page's answers beside Python's, and the results that it shows."""

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.files import load_results
from mnist_edge.machine import Machine, describe_machine, describe_versions
from runtime.contract import ARTIFACTS, PREPARED_TOLERANCE
from tools.markdown import table

PAGE = ARTIFACTS.parent / "docs" / "page.json"


@dataclass(frozen=True)
class ModelInPage:
    """A model's answers in the browser to `pictures` pictures, beside Python's.

    `other_answers` of them get another digit or rejection, and `same_bytes` the same prepared pixels to the byte.
    Differences are the largest, times medians: of one reading by the picture's size.
    """

    name: str
    pictures: int
    other_answers: int
    same_bytes: int
    prepared_levels: int
    confidence: float
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class PageResults:
    """Both models' results, the median seconds from opening the page to its first answer, and the conditions."""

    machine: Machine
    versions: dict[str, str]
    models: tuple[ModelInPage, ...]
    first_answer_seconds: float


def page_table(path: Path = PAGE) -> str:
    """Return how far the page's answers are from Python's, and how long they take."""
    results = load_results(path, PageResults)
    sizes = list(results.models[0].milliseconds)
    return table(
        ["model", "same digit and rejection", "same prepared bytes", "prepared pixel, levels", "confidence"]
        + [f"{size}, ms" for size in sizes],
        [
            [
                model.name.upper(),
                f"{model.pictures - model.other_answers} of {model.pictures}",
                f"{model.same_bytes} of {model.pictures}",
                str(model.prepared_levels),
                f"{model.confidence:.1g}",
                *(f"{model.milliseconds[size]:.1f}" for size in sizes),
            ]
            for model in results.models
        ],
        "The largest differences from `Predictor.predict` over pictures drawn by code, and the median time to read an "
        "RGBA picture of a size. From opening the page to its first answer, with an empty cache and the files on the "
        f"same machine: {results.first_answer_seconds:.1f} s. "
        f"A prepared pixel may differ by {PREPARED_TOLERANCE} level. "
        f"{describe_machine(results.machine)}; {describe_versions(results.versions)}.",
    )
