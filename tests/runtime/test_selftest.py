"""The self-test: golden logits are compared, and anything wrong with their file is an error."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.drawing import draw_digits
from runtime import Predictor, PredictorError
from runtime.errors import ModelDigestError, ModelError, ModelNotFoundError, SelftestError


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_golden(folder: Path, content: bytes) -> None:
    """Replace the golden file, and its digest in the manifest."""
    (folder / "golden.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change_manifest(folder, lambda manifest: manifest["files"]["golden.npz"].update(sha256=digest))


def archive(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_the_packaged_models_pass(artifacts: Path, name: str, file: str) -> None:
    report = Predictor(artifacts / name / file).selftest()
    assert report.images == 10
    assert report.max_difference <= report.tolerance <= 1e-4


def test_other_golden_images_fail_it(model_folder: Path) -> None:
    with np.load(model_folder / "golden.npz") as arrays:
        replace_golden(model_folder, archive(**{**arrays, "images": draw_digits(10).images[::-1]}))
    with pytest.raises(
        SelftestError, match=r"its logits differ by up to [\d.]+ from .* and 0.0001 is allowed"
    ) as caught:
        Predictor(model_folder).selftest()
    assert str(model_folder / "model.int8.onnx") in str(caught.value)


@pytest.mark.parametrize("row", [0, 1])
def test_a_single_differing_logit_fails_it(model_folder: Path, row: int) -> None:
    """The first image is predicted alone, the others as a batch."""
    with np.load(model_folder / "golden.npz") as arrays:
        contents = dict(arrays)
    contents["model.int8.onnx"][row, 3] += 0.01
    replace_golden(model_folder, archive(**contents))
    with pytest.raises(SelftestError, match=r"differ by up to 0\.01 "):
        Predictor(model_folder).selftest()


def test_a_model_without_manifest_has_no_selftest(model_folder: Path) -> None:
    (model_folder / "manifest.json").unlink()
    with pytest.raises(SelftestError, match="its folder has no manifest"):
        Predictor(model_folder).selftest()


def drop_golden(folder: Path) -> None:
    (folder / "golden.npz").unlink()


def cut_golden(folder: Path) -> None:
    (folder / "golden.npz").write_bytes((folder / "golden.npz").read_bytes()[:-1])


def forget_golden(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.pop("golden"))


def forget_tolerance(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest["golden"]["tolerance"].pop("model.int8.onnx"))


def forget_digest(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].pop("golden.npz"))


def give_golden_an_impossible_name(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest["golden"].update(file="golden\0.npz"))


def unzip_golden(folder: Path) -> None:
    replace_golden(folder, b"no archive")


def shape_golden(folder: Path) -> None:
    images, logits = np.zeros((2, 784), np.uint8), np.zeros((2, 10), np.float32)
    replace_golden(folder, archive(**{"images": images, "model.int8.onnx": logits}))


def empty_golden(folder: Path) -> None:
    images, logits = np.zeros((0, 28, 28), np.uint8), np.zeros((0, 10), np.float32)
    replace_golden(folder, archive(**{"images": images, "model.int8.onnx": logits}))


def pickle_golden(folder: Path) -> None:
    images, logits = np.full((2, 28, 28), None), np.zeros((2, 10), np.float32)
    replace_golden(folder, archive(**{"images": images, "model.int8.onnx": logits}))


def inflate_golden(folder: Path) -> None:
    """Write 200 MB of zeros, compressed to 0.2 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (2**26, 28, 28)})
        for _ in range(200):
            file.write(bytes(1_000_000))
    replace_golden(folder, stream.getvalue())


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            drop_golden,
            ModelNotFoundError,
            "golden.npz is named by the manifest but missing; copy the whole folder again",
        ),
        (give_golden_an_impossible_name, ModelNotFoundError, "golden\0.npz is named by the manifest but missing"),
        (cut_golden, ModelDigestError, "golden.npz is damaged or was replaced"),
        (forget_digest, ModelDigestError, "golden.npz is damaged or was replaced"),
        (forget_golden, ModelError, "manifest.json names no golden logits for model.int8.onnx"),
        (forget_tolerance, ModelError, "manifest.json names no golden logits for model.int8.onnx"),
        (unzip_golden, ModelError, "golden.npz has no golden logits for model.int8.onnx"),
        (shape_golden, ModelError, "golden.npz has golden images uint8 [2, 784]"),
        (empty_golden, ModelError, "golden.npz has golden images uint8 [0, 28, 28]"),
        (pickle_golden, ModelError, "golden.npz has no golden logits for model.int8.onnx (Object arrays cannot be"),
        (inflate_golden, ModelError, "golden.npz has no golden logits for model.int8.onnx (200,"),
    ],
)
def test_missing_or_damaged_golden_logits_are_an_error(
    model_folder: Path, damage: Callable[[Path], None], error: type[PredictorError], message: str
) -> None:
    damage(model_folder)
    predictor = Predictor(model_folder)
    with pytest.raises(error) as caught:
        predictor.selftest()
    assert type(caught.value) is error
    assert str(model_folder / message) in str(caught.value)


def test_a_wrong_golden_file_is_reported_with_both_digests(model_folder: Path) -> None:
    expected = json.loads((model_folder / "manifest.json").read_text())["files"]["golden.npz"]["sha256"]
    cut_golden(model_folder)
    actual = hashlib.sha256((model_folder / "golden.npz").read_bytes()).hexdigest()
    with pytest.raises(ModelDigestError, match=f"its SHA-256 is {actual}, but its manifest says {expected}"):
        Predictor(model_folder).selftest()
