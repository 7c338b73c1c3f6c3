"""The figures of the shipped models beside those of the models shipped before.

`python -m tools.former_page docs/former.json` keeps the figures of the models in artifacts/ before others replace them.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from export.manifest import Manifest, read_manifest
from mnist_edge.errors import ArtifactError
from mnist_edge.files import load_results, save_results
from runtime.contract import ARTIFACTS, INT8_FILE, MODELS
from tools.markdown import table

FORMER = ARTIFACTS.parent / "docs" / "former.json"


@dataclass(frozen=True)
class Figures:
    """The figures of each model's int8 file, fractions by name."""

    models: dict[str, dict[str, float]]


def figures(manifest: Manifest) -> dict[str, float]:
    """Return the figures in a manifest.

    Raises:
        ArtifactError: not all suites are recorded.
    """
    measured = manifest.accuracy.get(INT8_FILE)
    if (
        measured is None
        or measured.top1 is None
        or measured.expected_calibration_error is None
        or measured.robustness is None
        or measured.rejection is None
        or measured.styles is None
    ):
        raise ArtifactError(f"figures of {manifest.name} are missing; record them by mnist-edge evaluate --record")
    robustness, rejection, styles = measured.robustness, measured.rejection, measured.styles
    return {
        "MNIST test, accuracy": measured.top1,
        "MNIST test, calibration error": measured.expected_calibration_error,
        "MNIST test, rejected": rejection.own.digits,
        "photographs, accuracy": robustness.means.photograph,
        "photographs, rejected": robustness.rejected.photograph,
        "corruptions, accuracy": robustness.means.corruption,
        "corruptions, rejected": robustness.rejected.corruption,
        "zigzag, accuracy": robustness.kinds["corruption, zigzag"],
        "styles, accuracy": styles.mean.accuracy,
        "styles, rejected": styles.mean.rejected,
        **{f"{group}, rejected": share for group, share in rejection.own.non_digits.items()},
    }


def former_table(artifacts: Path = ARTIFACTS, path: Path = FORMER) -> str:
    """Return each figure of the former models and of the shipped ones."""
    former = load_results(path, Figures).models
    shipped = {model: figures(read_manifest(artifacts / model)) for model in MODELS}
    rows = [
        [name, *(f"{values[model][name]:.2%}" for model in MODELS for values in (former, shipped))]
        for name in shipped[MODELS[0]]
    ]
    columns = [f"{model.upper()}, {when}" for model in MODELS for when in ("before", "now")]
    return table(["int8", *columns], rows)


if __name__ == "__main__":
    save_results(Path(sys.argv[1]), Figures({model: figures(read_manifest(ARTIFACTS / model)) for model in MODELS}))
