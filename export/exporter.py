"""The export: from checkpoints to checked folders of artifacts, all of them or none."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from onnx import ModelProto

from export.calibration import (
    CALIBRATION_FILE,
    STRIDE,
    CalibrationTable,
    load_table,
    record,
    save_table,
    table_beside,
)
from export.checks import MAX_BYTES, check_bytes, check_parameters, check_saturation
from export.confidence import fit_confidence
from export.graph import operators
from export.manifest import (
    CONTRACT,
    FORMAT,
    Manifest,
    accuracies_that_hold,
    file_entries,
    read_manifest,
    write_manifest,
)
from export.parity import FLOAT_TOLERANCE, INT8_GOLDEN_TOLERANCE, Parity, check_parity, golden_file, session_logits
from export.publish import publish, staging
from export.quantize import graph_to_quantize, quantize
from export.to_onnx import OPSET, to_float_onnx
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError
from mnist_edge.machine import installed_versions
from mnist_edge.training.checkpoint import CHECKPOINT_FILE, Checkpoint, load_checkpoint
from mnist_edge.training.layers import Layer, layers_of, total_multiply_adds
from mnist_edge.training.loop import split_held_out
from mnist_edge.training.models import MAX_PARAMETERS
from runtime.contract import (
    ARTIFACTS,
    FLOAT_FILE,
    GOLDEN_FILE,
    INT8_FILE,
    MANIFEST_FILE,
    PARAMETERS_KEY,
    REJECT_BELOW_KEY,
    TEMPERATURE_KEY,
)


@dataclass(frozen=True)
class ExportReport:
    """What one export made and measured."""

    name: str
    folder: Path
    layers: tuple[Layer, ...]
    parity: Parity
    manifest: Manifest


def calibrate(checkpoint_path: Path, training: Split) -> Path:
    """Record a checkpoint's activation ranges, and what its confidences are worth, in a table beside it.

    Temperature and threshold are fitted on the int8 model's answers to the images that the training
    held out, or to those of the ranges where it held none out.

    Returns:
        The table's path.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        OSError: the table cannot be written.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    float_onnx = to_float_onnx(checkpoint.model)
    table = record(graph_to_quantize(float_onnx), checkpoint.sha256, training)
    if held := int(checkpoint.facts.recipe["validation_images"]):
        images, name = split_held_out(training, held, checkpoint.facts.seed)[1], f"{held:,} held-out training images"
    else:
        images, name = Split(training.images[::STRIDE], training.labels[::STRIDE]), f"every {STRIDE}th training image"
    logits = session_logits(quantize(float_onnx, table), images.images)
    table = replace(table, confidence=fit_confidence(logits, images.labels, f"MNIST, {name}"))
    path = table_beside(checkpoint_path)
    save_table(path, table)
    return path


def export_checkpoints(
    checkpoints: Sequence[Path],
    out: Path = ARTIFACTS,
    *,
    max_parameters: int = MAX_PARAMETERS,
    max_bytes: int = MAX_BYTES,
) -> list[ExportReport]:
    """Export checkpoints, each with the calibration table beside it, into folders of their architectures' names.

    Every check of every model comes before the first folder is replaced.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        CalibrationError: a table is missing, damaged or another checkpoint's.
        CheckFailedError: a model is over budget, its int8 sums may saturate, or it does not agree with PyTorch.
        ArtifactError: two checkpoints are for the same folder, or its manifest is damaged.
        OSError: a folder cannot be written.
    """
    with ExitStack() as stack:
        staged: list[tuple[Path, Path, ExportReport]] = []
        for path in checkpoints:
            checkpoint = load_checkpoint(path)
            folder = (out / checkpoint.architecture).resolve()  # behind a link, what it points to is replaced
            if any(folder == other for _, other, _ in staged):
                raise ArtifactError(
                    f"{folder}: two checkpoints of {checkpoint.architecture} would go there; export one"
                )
            place = stack.enter_context(staging(folder))
            staged.append((place, folder, _export(checkpoint, path, place, folder, max_parameters, max_bytes)))
        for place, folder, _ in staged:
            publish(place, folder)
    return [report for _, _, report in staged]


def _export(
    checkpoint: Checkpoint, source: Path, place: Path, folder: Path, max_parameters: int, max_bytes: int
) -> ExportReport:
    """Write all files of one model into an unpublished folder."""
    layers = layers_of(checkpoint.model)
    parameters = check_parameters(layers, max_parameters)
    table_path = table_beside(source)
    table = load_table(table_path, checkpoint.sha256)

    float_onnx = to_float_onnx(checkpoint.model)
    int8_onnx = quantize(float_onnx, table)
    certificate = check_saturation(int8_onnx)
    facts = {
        "mnist_edge.architecture": checkpoint.architecture,
        PARAMETERS_KEY: str(parameters),
        "mnist_edge.multiply_adds": str(total_multiply_adds(layers)),
        "mnist_edge.checkpoint_sha256": checkpoint.sha256,
        "mnist_edge.input": "image: uint8 [N, 1, 28, 28], 0 to 255, ink bright on dark",
        "mnist_edge.output": "logits: float32 [N, 10]",
        TEMPERATURE_KEY: str(table.confidence.temperature),
        REJECT_BELOW_KEY: str(table.confidence.reject_below),
        "mnist_edge.recipe": f"{checkpoint.facts.recipe['name']}, seed {checkpoint.facts.seed}",
    }
    for model in (float_onnx, int8_onnx):
        _describe(model, facts)
    parity = check_parity(checkpoint.model, float_onnx, int8_onnx)

    contents = {
        CHECKPOINT_FILE: source.read_bytes(),
        CALIBRATION_FILE: table_path.read_bytes(),
        FLOAT_FILE: float_onnx.SerializeToString(deterministic=True),
        INT8_FILE: int8_onnx.SerializeToString(deterministic=True),
        GOLDEN_FILE: golden_file(checkpoint.model, int8_onnx, FLOAT_FILE, INT8_FILE),
    }
    check_bytes(INT8_FILE, len(contents[INT8_FILE]), max_bytes)
    for name, content in contents.items():
        (place / name).write_bytes(content)

    files = file_entries(
        place,
        {
            FLOAT_FILE: {"operators": operators(float_onnx)},
            INT8_FILE: {"operators": operators(int8_onnx)},
            GOLDEN_FILE: {},
            CHECKPOINT_FILE: {},
            CALIBRATION_FILE: {},
        },
    )
    former = read_manifest(folder) if (folder / MANIFEST_FILE).exists() else {}
    manifest: Manifest = {
        "format": FORMAT,
        "name": checkpoint.architecture,
        "architecture": type(checkpoint.model).__name__,
        "parameters": parameters,
        "max_parameters": max_parameters,
        "multiply_adds": total_multiply_adds(layers),
        "opset": OPSET,
        **CONTRACT,
        "training": {"recipe": checkpoint.facts.recipe, "seed": checkpoint.facts.seed},
        "calibration": _describe_subset(table),
        "confidence": asdict(table.confidence),
        "certificate": asdict(certificate),
        "files": files,
        "golden": {
            "file": GOLDEN_FILE,
            "tolerance": {FLOAT_FILE: FLOAT_TOLERANCE, INT8_FILE: INT8_GOLDEN_TOLERANCE},
        },
        "accuracy": accuracies_that_hold(former, files),
        "versions": installed_versions("torch", "onnx", "onnxscript", "onnxruntime", "numpy"),
    }
    write_manifest(place, manifest)
    return ExportReport(checkpoint.architecture, folder, tuple(layers), parity, manifest)


def _describe(model: ModelProto, facts: dict[str, str]) -> None:
    """Write facts into a model's own metadata, so that a file without its folder still tells what it is."""
    del model.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)


def _describe_subset(table: CalibrationTable) -> str:
    subset = table.subset
    return f"{table.method} over {subset.images:,} images, every {subset.stride}th of {subset.data_set}"
