"""Export checkpoints to checked folders of artifacts: all of them or none."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import onnx
from onnx import ModelProto

from export import calibration
from export.calibration import CALIBRATION_FILE, STRIDE, calibration_path
from export.checks import check_bytes, check_parameters, check_saturation
from export.confidence import fit_confidence
from export.golden_pictures import (
    check_joined,
    golden_pictures,
    golden_pictures_file,
    joined_answers,
    separate_answers,
)
from export.graph import PARAMETERS_KEY, operators
from export.joined import JOINED_METADATA, PREPARATION_METADATA, join, portable_preparation
from export.manifest import (
    INPUT_CONTRACT,
    OUTPUT_CONTRACT,
    PICTURE_CONTRACT,
    PREPARATION_CONTRACT,
    FileEntry,
    Manifest,
    PreparationManifest,
    Training,
    read_manifest,
    write_manifest,
)
from export.optimize import optimize
from export.ort_format import ORT_FILES, ort_files
from export.parity import Parity, check_parity, golden_file, session_logits
from export.publish import publish, staging
from export.quantize import prepare_for_int8, quantize
from export.to_onnx import OPSET, to_float_onnx
from export.windows import input_metadata
from mnist_edge.data.mnist import Split
from mnist_edge.errors import ArtifactError
from mnist_edge.files import CHECKPOINT_FILE, atomic_write
from mnist_edge.machine import installed_versions
from mnist_edge.training.checkpoint import Checkpoint, load_checkpoint
from mnist_edge.training.layers import layers_of, total_multiply_adds
from mnist_edge.training.loop import split_held_out
from mnist_edge.training.models import MAX_PARAMETERS
from mnist_edge.training.recipes import Recipe
from runtime import contract
from runtime.contract import (
    ARTIFACTS,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_PICTURES_FILE,
    INT8_FILE,
    MANIFEST_FILE,
    OPTIMIZED_FILE,
    PICTURE_FILE,
    PREPARE_FILE,
)

MAX_BYTES = 100_000
"""Largest size of an int8 file."""


@dataclass(frozen=True)
class ExportReport:
    """What one export made and measured."""

    folder: Path
    parity: Parity
    manifest: Manifest


def calibrate(checkpoint_path: Path, training: Split) -> Path:
    """Record a checkpoint's activation ranges and fit its confidence; return the path of the table beside it.

    Temperature and plausibility are fitted on the int8 model's logits for the images that the training held out, or for
    every 60th training image if it held out none.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        OSError: the table cannot be written.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    float_onnx = to_float_onnx(checkpoint.model)
    table = calibration.record_ranges(prepare_for_int8(float_onnx), checkpoint.sha256, training)
    if count := msgspec.convert(checkpoint.facts.recipe, Recipe).validation_images:
        _, images = split_held_out(training, count, checkpoint.facts.seed)
        fitted_on = f"MNIST, {count:,} held-out training images"
    else:
        images = Split(training.images[::STRIDE], training.labels[::STRIDE])
        fitted_on = f"MNIST, every {STRIDE}th training image"
    logits = session_logits(quantize(float_onnx, table), images.images)
    path = calibration_path(checkpoint_path)
    calibration.save_table(path, replace(table, confidence=fit_confidence(logits, images.labels, fitted_on)))
    return path


def export_checkpoints(
    checkpoints: Sequence[Path],
    out: Path = ARTIFACTS,
    *,
    max_parameters: int = MAX_PARAMETERS,
    max_bytes: int = MAX_BYTES,
    with_ort: bool = False,
) -> list[ExportReport]:
    """Export checkpoints, each with the calibration table beside it, to one folder per architecture.

    The preparation of pictures, which the models share, and its manifest are written to `out` itself. Nothing is
    replaced unless all models pass all checks. `with_ort` adds `ORT_FILES` to each folder, which are removed otherwise.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        CalibrationError: a table is missing, damaged or another checkpoint's.
        CheckFailedError: a model is over budget, its int8 sums may saturate, or it does not agree with PyTorch; or the
            graph from picture to digit is not portable or does not answer as its parts do.
        ArtifactError: two checkpoints are for the same folder, or its manifest is damaged.
        OSError: a folder cannot be written.
    """
    prepare_onnx = portable_preparation()
    prepare_file = _serialize(prepare_onnx, PREPARATION_METADATA)
    prepare_manifest = PreparationManifest(
        format=1,
        opset=OPSET,
        input=PICTURE_CONTRACT,
        outputs=PREPARATION_CONTRACT,
        files={PREPARE_FILE: _entry(prepare_file, prepare_onnx)},
        versions=installed_versions("onnx", "onnxscript", "numpy"),
    )
    with ExitStack() as stack:
        exports: list[tuple[Path, ExportReport]] = []
        for path in checkpoints:
            checkpoint = load_checkpoint(path)
            folder = (out / checkpoint.architecture).resolve()  # if it is a link, replaces its target
            if any(folder == report.folder for _, report in exports):
                raise ArtifactError(f"{folder}: two checkpoints of {checkpoint.architecture} go there; export one")
            staged = stack.enter_context(staging(folder))
            report = _export(checkpoint, path, prepare_onnx, staged, folder, max_parameters, with_ort=with_ort)
            check_bytes(INT8_FILE, report.manifest.files[INT8_FILE].bytes, max_bytes)
            exports.append((staged, report))
        # Written before anything is replaced, in case the disk is full; renamed in a row when the block ends.
        for name, content in {PREPARE_FILE: prepare_file, MANIFEST_FILE: prepare_manifest.to_bytes()}.items():
            stack.enter_context(atomic_write(out / name)).write_bytes(content)
        for staged, report in exports:
            publish(staged, report.folder)
    return [report for _, report in exports]


def _export(
    checkpoint: Checkpoint,
    path: Path,
    prepare_onnx: ModelProto,
    staged: Path,
    folder: Path,
    max_parameters: int,
    *,
    with_ort: bool,
) -> ExportReport:
    """Write a checked export to `staged`, with the measurements of the manifest in `folder` that hold for its files."""
    layers, facts = layers_of(checkpoint.model), checkpoint.facts
    parameters, multiply_adds = check_parameters(layers, max_parameters), total_multiply_adds(layers)
    table_path = calibration_path(path)
    table = calibration.load_table(table_path, checkpoint.sha256)
    float_onnx = to_float_onnx(checkpoint.model)
    int8_onnx = quantize(float_onnx, table)
    certificate = check_saturation(int8_onnx)
    parity = check_parity(checkpoint.model, float_onnx, int8_onnx)
    joined_onnx = join(prepare_onnx, int8_onnx, table.confidence)
    pictures = golden_pictures()
    answers = joined_answers(joined_onnx, pictures)
    check_joined(answers, separate_answers(prepare_onnx, int8_onnx, table.confidence, pictures))
    metadata = {
        "mnist_edge.architecture": checkpoint.architecture,
        PARAMETERS_KEY: str(parameters),
        "mnist_edge.multiply_adds": str(multiply_adds),
        "mnist_edge.checkpoint_sha256": checkpoint.sha256,
        "mnist_edge.input": "image: uint8 [N, 1, 28, 28], 0 to 255, ink bright on dark",
        "mnist_edge.output": "logits: float32 [N, 10]",
        contract.TEMPERATURE_KEY: str(table.confidence.temperature),
        contract.PLAUSIBILITY_MIDPOINT_KEY: str(table.confidence.plausibility_midpoint),
        contract.PLAUSIBILITY_SLOPE_KEY: str(table.confidence.plausibility_slope),
        "mnist_edge.recipe": f"{facts.recipe['name']}, seed {facts.seed}",
    }
    optimized_onnx = optimize(int8_onnx)
    models = {
        FLOAT_FILE: float_onnx,
        INT8_FILE: int8_onnx,
        OPTIMIZED_FILE: optimized_onnx,
        PICTURE_FILE: joined_onnx,
    }
    contents = {
        FLOAT_FILE: _serialize(float_onnx, metadata),
        INT8_FILE: _serialize(int8_onnx, metadata),
        OPTIMIZED_FILE: _serialize(optimized_onnx, metadata | input_metadata(optimized_onnx.graph)),
        PICTURE_FILE: _serialize(joined_onnx, metadata | JOINED_METADATA),
        GOLDEN_FILE: golden_file(checkpoint.model, int8_onnx),
        GOLDEN_PICTURES_FILE: golden_pictures_file(pictures, answers),
        CHECKPOINT_FILE: path.read_bytes(),
        CALIBRATION_FILE: table_path.read_bytes(),
    }
    if with_ort:
        contents |= ort_files(contents, pictures, answers)
    files = {name: _entry(content, models.get(name)) for name, content in contents.items()}
    if files[CHECKPOINT_FILE].sha256 != checkpoint.sha256:
        raise ArtifactError(f"{path} was replaced during the export; run it again")
    recorded = read_manifest(folder).accuracy if (folder / MANIFEST_FILE).exists() else {}
    subset = table.subset
    manifest = Manifest(
        format=1,
        name=checkpoint.architecture,
        architecture=type(checkpoint.model).__name__,
        parameters=parameters,
        max_parameters=max_parameters,
        multiply_adds=multiply_adds,
        opset=OPSET,
        input=INPUT_CONTRACT,
        output=OUTPUT_CONTRACT,
        training=Training(facts.recipe, facts.seed),
        calibration=f"{table.method} over {subset.images:,} images, every {subset.stride}th of {subset.data_set}",
        confidence=table.confidence,
        certificate=certificate,
        files=files,
        accuracy={
            name: entry for name, entry in recorded.items() if name in files and files[name].sha256 == entry.sha256
        },
        versions=installed_versions("torch", "onnx", "onnxscript", "onnxruntime", "numpy"),
    )
    for name in ORT_FILES:  # of the former export
        (staged / name).unlink(missing_ok=True)
    for name, content in contents.items():
        (staged / name).write_bytes(content)
    write_manifest(staged, manifest)
    return ExportReport(folder, parity, manifest)


def _entry(content: bytes, model: ModelProto | None) -> FileEntry:
    return FileEntry(hashlib.sha256(content).hexdigest(), len(content), None if model is None else operators(model))


def _serialize(model: ModelProto, metadata: dict[str, str]) -> bytes:
    """Return a model's bytes with this metadata, which describes the file when it is apart from its folder."""
    onnx.helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
