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
from runtime import Predictor, PredictorError, Reason
from runtime.errors import ModelDigestError, ModelError, ModelNotFoundError, SelftestError


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_golden(folder: Path, content: bytes, name: str = "golden.npz") -> None:
    """Replace a golden file, and its digest in the manifest."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change_manifest(folder, lambda manifest: manifest["files"].setdefault(name, {}).update(sha256=digest))


def archive(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_the_packaged_models_pass(artifacts: Path, name: str, file: str) -> None:
    report = Predictor(artifacts / name / file).selftest()
    assert report.images == 10
    assert report.max_difference <= report.tolerance <= 1e-4
    assert (report.pictures >= 10) == (file == "model.int8.onnx")


def test_other_golden_images_fail_it(model_folder: Path) -> None:
    with np.load(model_folder / "golden.npz") as arrays:
        replace_golden(model_folder, archive(**{**arrays, "images": draw_digits(10).images[::-1]}))
    with pytest.raises(
        SelftestError, match=r"its logits differ by up to [\d.]+ from .* and 0.0001 is allowed"
    ) as caught:
        Predictor(model_folder).selftest()
    assert str(model_folder / "model.int8.optimized.onnx") in str(caught.value)


@pytest.mark.parametrize("row", [0, 1])
def test_a_single_differing_logit_fails_it(model_folder: Path, row: int) -> None:
    """The first image is predicted alone, the others as a batch."""
    with np.load(model_folder / "golden.npz") as arrays:
        contents = dict(arrays)
    contents["model.int8.onnx"][row, 3] += 0.01
    replace_golden(model_folder, archive(**contents))
    with pytest.raises(SelftestError, match=r"differ by up to 0\.01 "):
        Predictor(model_folder).selftest()


def test_a_model_that_fails_is_not_taken_for_a_damaged_file(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_images: Any) -> Any:
        raise ModelError("the model failed to run")

    predictor = Predictor(model_folder)
    monkeypatch.setattr(predictor, "logits", fail)
    with pytest.raises(ModelError, match=r"^the model failed to run$"):
        predictor.selftest()


def test_a_model_without_manifest_has_no_selftest(model_folder: Path) -> None:
    (model_folder / "manifest.json").unlink()
    with pytest.raises(SelftestError, match="no manifest beside it names any"):
        Predictor(model_folder).selftest()


def drop_golden(folder: Path) -> None:
    (folder / "golden.npz").unlink()


def cut_golden(folder: Path) -> None:
    (folder / "golden.npz").write_bytes((folder / "golden.npz").read_bytes()[:-1])


def forget_digest(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].pop("golden.npz"))


def rename_logits(folder: Path) -> None:
    with np.load(folder / "golden.npz") as arrays:
        replace_golden(folder, archive(**{"images": arrays["images"], "other.onnx": arrays["model.int8.onnx"]}))


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
            "golden.npz cannot be read: No such file or directory; copy the whole",
        ),
        (cut_golden, ModelDigestError, "golden.npz is damaged or was replaced"),
        (
            forget_digest,
            SelftestError,
            "model.int8.optimized.onnx has no golden logits to compare with: no manifest beside it",
        ),
        (rename_logits, ModelError, "golden.npz has other content than a golden file ('model.int8.onnx'); export"),
        (unzip_golden, ModelError, "golden.npz has other content than a golden file ("),
        (shape_golden, ModelError, "golden.npz has other content than a golden file (pixels must have the shape"),
        (empty_golden, ModelError, "golden.npz has other content than a golden file (zero-size"),
        (pickle_golden, ModelError, "golden.npz has other content than a golden file (Object arrays cannot be"),
        (inflate_golden, ModelError, "golden.npz has other content than a golden file (200,"),
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


def picture_answers(folder: Path) -> dict[str, Any]:
    """Return three pictures and this machine's answers, as the export lays them out."""
    predictor = Predictor(folder, reject=False)
    digits = draw_digits(3, 4).images
    pictures = {"grey": digits[0][..., None], "wide": np.pad(255 - digits[1], (5, 40), constant_values=255)[..., None]}
    pictures["rgb"] = np.dstack([digits[2]] * 3)
    results = [predictor.prepare(picture) for picture in pictures.values()]
    prepared = np.stack([result.digit for result in results])
    return {
        **{f"picture.{name}": picture for name, picture in pictures.items()},
        "digit": predictor.classify(prepared).digits,
        "confidence": predictor.classify(prepared).probabilities.max(1),
        "plausibility": predictor.classify(prepared).plausibilities,
        "rejection": np.array([result.reason or 0 for result in results]),
        "prepared": prepared,
    }


def test_pictures_are_compared_with_their_answers(model_folder: Path) -> None:
    answers = picture_answers(model_folder)
    replace_golden(model_folder, archive(**answers), "golden_pictures.npz")
    assert Predictor(model_folder).selftest().pictures == 3
    assert Predictor(model_folder, reject=False, reject_below=1.0).selftest().pictures == 3


def test_rounding_and_implausibility_do_not_fail_it(model_folder: Path) -> None:
    """A machine may round a prepared pixel to the next level; implausibility is no reason of the preparation."""
    answers = picture_answers(model_folder)
    answers["prepared"] = answers["prepared"] ^ 1
    answers["plausibility"] = Predictor(model_folder).classify(answers["prepared"]).plausibilities + np.float32(9e-5)
    answers["rejection"][1] = Reason.IMPLAUSIBLE
    replace_golden(model_folder, archive(**answers), "golden_pictures.npz")
    assert Predictor(model_folder).selftest().pictures == 3


@pytest.mark.parametrize(
    ("name", "change"),
    [("prepared", 2), ("digit", 1), ("rejection", Reason.BLANK), ("plausibility", 2e-4), ("plausibility", np.nan)],
)
@pytest.mark.parametrize(("rows", "named"), [([1], "wide"), ([0, 2], "grey, rgb")])
def test_pictures_with_other_answers_fail_it_by_name(
    model_folder: Path, name: str, change: float, rows: list[int], named: str
) -> None:
    answers = picture_answers(model_folder)
    answers[name] = answers[name].copy()
    answers[name][rows] += answers[name].dtype.type(change)
    replace_golden(model_folder, archive(**answers), "golden_pictures.npz")
    problem = f"give other pixels, digits, plausibilities or rejections than at the export: {named}. Do not use it"
    with pytest.raises(SelftestError, match=problem):
        Predictor(model_folder).selftest()


@pytest.mark.parametrize(
    "change",
    ["no pictures", "no digits", "no plausibilities", "an answer fewer", "float pictures", "flat pixels", "no archive"],
)
def test_damaged_golden_pictures_are_an_error(model_folder: Path, change: str) -> None:
    answers = picture_answers(model_folder)
    match change:
        case "no pictures":
            answers = {name: array for name, array in answers.items() if not name.startswith("picture.")}
        case "no digits":
            del answers["digit"]
        case "no plausibilities":  # as in exports before they existed
            del answers["plausibility"]
        case "an answer fewer":
            answers["digit"] = answers["digit"][:2]
        case "float pictures":
            answers["picture.grey"] = answers["picture.grey"].astype(float)
        case "flat pixels":
            answers["prepared"] = answers["prepared"].reshape(3, 784)
    content = b"no archive" if change == "no archive" else archive(**answers)
    replace_golden(model_folder, content, "golden_pictures.npz")
    with pytest.raises(ModelError, match=r"golden_pictures\.npz has other content than a golden file \(.") as caught:
        Predictor(model_folder).selftest()
    assert type(caught.value) is ModelError
