"""The manifest of an artifact folder: the model, the digest of each file, and what was measured on these files.

The fields of each dataclass are the keys of a JSON object, in the order in which they are written; a field that is None
is left out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from export.checks import Certificate
from export.confidence import Confidence, Count, Share
from export.model_card import model_card
from export.publish import publish, staging
from mnist_edge.errors import ArtifactError
from mnist_edge.evaluation.metrics import ConfidenceEvaluation, Evaluation
from mnist_edge.evaluation.rejection import RejectionResult
from mnist_edge.evaluation.robustness import RobustnessResult, mean_accuracy, mean_rejected
from mnist_edge.evaluation.styles import StylesResult
from mnist_edge.files import sha256_of
from runtime.contract import CLASSES, IMAGE_SIZE, INPUT, MANIFEST_FILE, OUTPUT, PICTURE, PREPARED, REJECTION, Reason

CARD_FILE = "README.md"

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class TensorContract:
    """The name, dtype, shape and range of a graph's input or output; a letter in the shape stands for any length."""

    name: str
    dtype: str
    shape: tuple[str | int, ...]
    range: tuple[int, int] | None = None


INPUT_CONTRACT = TensorContract(INPUT, "uint8", ("N", 1, IMAGE_SIZE, IMAGE_SIZE), (0, 255))
OUTPUT_CONTRACT = TensorContract(OUTPUT, "float32", ("N", CLASSES))
PICTURE_CONTRACT = TensorContract(PICTURE, "uint8", ("H", "W", "C"), (0, 255))
PREPARATION_CONTRACT = (
    TensorContract(PREPARED, "uint8", (1, 1, IMAGE_SIZE, IMAGE_SIZE), (0, 255)),
    TensorContract(REJECTION, "int64", (1,), (0, max(Reason))),
)


@dataclass(frozen=True)
class Training:
    """The recipe as it is stored in the checkpoint, which may predate fields of `training.recipes.Recipe`, and seed."""

    recipe: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class FileEntry:
    """A file's digest and size, and for a model its operators and how often each occurs."""

    sha256: Sha256
    bytes: Count
    operators: dict[str, Count] | None = None


@dataclass(frozen=True)
class GroupMeans:
    """Means over the kinds of each group of the robustness suite."""

    photograph: Share
    corruption: Share


@dataclass(frozen=True)
class Robustness:
    """Accuracies on the robustness suite, and fractions rejected; the names of kinds start with their group."""

    images_per_kind: Count
    means: GroupMeans
    rejected: GroupMeans
    kinds: dict[str, Share]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """What was measured on the file with this digest: accuracy, rejection, robustness and styles, each optional."""

    correct: Count | None = None
    data_set: str | None = None
    expected_calibration_error: Share | None = None
    images: Count | None = None
    rejected: Share | None = None
    rejection: RejectionResult | None = None
    robustness: Robustness | None = None
    sha256: Sha256
    styles: StylesResult | None = None
    top1: Share | None = None


@dataclass(frozen=True)
class Manifest:
    """All that is known of a folder of artifacts; `files` and `accuracy` are by file name."""

    format: Literal[1]
    name: str
    architecture: str
    parameters: Count
    max_parameters: Count
    multiply_adds: Count
    opset: Count
    input: TensorContract
    output: TensorContract
    training: Training
    calibration: str
    confidence: Confidence
    certificate: Certificate
    files: dict[str, FileEntry]
    accuracy: dict[str, Measurements]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the manifest."""
        return _without_none(self)

    def to_bytes(self) -> bytes:
        """Return the content of the manifest's file."""
        return _encode(self.to_json())


@dataclass(frozen=True)
class PreparationManifest:
    """The manifest beside the preparation, in the folder that holds the models' folders."""

    format: Literal[1]
    opset: Count
    input: TensorContract
    outputs: tuple[TensorContract, ...]
    files: dict[str, FileEntry]
    versions: dict[str, str]

    def to_bytes(self) -> bytes:
        """Return the content of the manifest's file."""
        return _encode(_without_none(self))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises:
        ArtifactError: it is missing, damaged or of another format.
    """
    path = folder / MANIFEST_FILE
    try:
        return msgspec.convert(json.loads(path.read_text("utf-8")), Manifest)
    except msgspec.ValidationError as error:
        problem = f"{path} is not a manifest that this version can use ({error}). Remove it and export again."
        raise ArtifactError(problem) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} cannot be read as a manifest ({error})") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest, and the model card that is generated from it."""
    (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    (folder / CARD_FILE).write_text(model_card(manifest), "utf-8")


def _without_none(manifest: Manifest | PreparationManifest) -> dict[str, Any]:
    return asdict(manifest, dict_factory=lambda items: {key: value for key, value in items if value is not None})


def _encode(document: dict[str, Any]) -> bytes:
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def record_accuracies(
    folder: Path, data_set: str, measured: Mapping[str, tuple[Evaluation, ConfidenceEvaluation]]
) -> None:
    """Write the accuracies of a folder's models on a data set, by file name, into its manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or a file differs from the one in the manifest.
    """

    def add(entry: Measurements, name: str) -> Measurements:
        evaluation, confidence = measured[name]
        return replace(
            entry,
            data_set=data_set,
            images=evaluation.images,
            correct=evaluation.correct,
            top1=evaluation.accuracy,
            expected_calibration_error=confidence.expected_calibration_error,
            rejected=confidence.rejected,
        )

    _record(folder, measured, add)


def record_robustness(model: Path, results: Sequence[RobustnessResult]) -> None:
    """Write a model's results of the robustness suite into its folder's manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or the model differs from the one in the manifest.
    """
    robustness = Robustness(
        results[0].images,
        GroupMeans(mean_accuracy(results, "photograph"), mean_accuracy(results, "corruption")),
        GroupMeans(mean_rejected(results, "photograph"), mean_rejected(results, "corruption")),
        {f"{result.group}, {result.kind}": result.accuracy for result in results},
    )
    _record(model.parent, [model.name], lambda entry, _: replace(entry, robustness=robustness))


def record_rejection(model: Path, result: RejectionResult) -> None:
    """Write a model's results of the rejection suite into its folder's manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or the model differs from the one in the manifest.
    """
    _record(model.parent, [model.name], lambda entry, _: replace(entry, rejection=result))


def record_styles(model: Path, result: StylesResult) -> None:
    """Write a model's results of the styles suite into its folder's manifest and model card.

    Raises:
        ArtifactError: the manifest is damaged, or the model differs from the one in the manifest.
    """
    _record(model.parent, [model.name], lambda entry, _: replace(entry, styles=result))


def _record(folder: Path, names: Iterable[str], add: Callable[[Measurements, str], Measurements]) -> None:
    """Add measurements to the entries of some files, and replace the folder in one step."""
    folder = folder.resolve()  # if it is a link, replaces its target
    manifest = read_manifest(folder)
    recorded = dict(manifest.accuracy)
    with staging(folder) as staged:
        for name in names:
            digest = sha256_of(staged / name)
            if name not in manifest.files or manifest.files[name].sha256 != digest:
                raise ArtifactError(f"{folder / name} differs from the file in the manifest. Export it first.")
            recorded[name] = add(recorded.get(name, Measurements(sha256=digest)), name)
        write_manifest(staged, replace(manifest, accuracy=dict(sorted(recorded.items()))))
        publish(staged, folder)
