"""The preparation's session: where its file is found, which contract it must keep, and the steps it explains."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.data.drawing import draw_digit
from runtime import ModelError, Predictor, Reason
from runtime.errors import ModelDigestError, ModelNotFoundError, ModelSignatureError
from runtime.graphs import Preparation
from runtime.loading import load_model

PICTURE = np.zeros((5, 4, 3), np.uint8)
GREY: NDArray[np.uint8] = np.full((1, 1, 28, 28), 128, np.uint8)


def save_preparation(
    path: Path,
    code: int = 0,
    pixels: NDArray[Any] = GREY,
    picture: tuple[str, int, list[Any]] = ("picture", TensorProto.UINT8, ["H", "W", "C"]),
    steps: dict[str, NDArray[Any]] | None = None,
) -> Path:
    """Write a valid preparation that returns constants, whatever the picture."""
    values = {"prepared": pixels, "rejection": np.array([code]), **(steps or {})}
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
            for name, value in values.items()
        ],
        "constant",
        [helper.make_tensor_value_info(*picture)],
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in values.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def save_lying_preparation(path: Path) -> Path:
    """Write a graph that declares one code and 28×28 pixels, and returns as much of both as the picture has rows."""
    rows = helper.make_node("Shape", ["picture"], ["rows"], end=1)
    code = helper.make_node("ConstantOfShape", ["rows"], ["rejection"], value=helper.make_tensor("", 7, [1], [0]))
    shape = helper.make_node("Concat", ["rows", "rest"], ["shape"], axis=0)
    pixels = helper.make_node("ConstantOfShape", ["shape"], ["prepared"], value=helper.make_tensor("", 2, [1], [0]))
    graph = helper.make_graph(
        [rows, code, shape, pixels],
        "liar",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, ["H", "W", "C"])],
        [
            helper.make_tensor_value_info("prepared", TensorProto.UINT8, [1, 1, 28, 28]),
            helper.make_tensor_value_info("rejection", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor("rest", TensorProto.INT64, [3], [1, 28, 28])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def open_file(path: Path) -> Preparation:
    return Preparation(load_model(path))


def only_beside(folder: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy v2 into a folder for models, as on a device that has nothing else, and return the model's folder."""
    monkeypatch.setattr("runtime.loading.ARTIFACTS", folder / "none")
    return Path(shutil.copytree(artifacts / "v2", folder / "models" / "v2"))


@pytest.mark.parametrize("code", [0, *Reason])
def test_a_code_is_its_reason(tmp_path: Path, code: int) -> None:
    digit, reason = open_file(save_preparation(tmp_path / "prepare.onnx", code)).prepare(PICTURE)
    assert np.array_equal(digit, GREY[0, 0])
    assert reason is (Reason(code) if code else None)


@pytest.mark.parametrize("code", [-1, 7, 2**40])
def test_an_unknown_code_is_an_error(tmp_path: Path, code: int) -> None:
    preparation = open_file(save_preparation(tmp_path / "prepare.onnx", code))
    with pytest.raises(ModelError, match=rf"prepare\.onnx failed .* the rejection \[{code}\]"):
        preparation.prepare(PICTURE)


def test_a_preparation_that_breaks_its_contract_is_an_error(tmp_path: Path) -> None:
    preparation = open_file(save_lying_preparation(tmp_path / "liar.onnx"))
    assert preparation.prepare(PICTURE[:1]).digit.shape == (28, 28)
    with pytest.raises(ModelError, match=r"pixels of shape \[5, 1, 28, 28\]"):
        preparation.prepare(PICTURE)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"picture": ("image", TensorProto.UINT8, ["H", "W", "C"])}, "the input of .* is image tensor"),
        ({"picture": ("picture", TensorProto.FLOAT, ["H", "W", "C"])}, r"is picture tensor\(float\) \[\*, \*, \*\]"),
        ({"picture": ("picture", TensorProto.UINT8, ["H", "W", 3])}, r"is picture tensor\(uint8\) \[\*, \*, 3\]"),
        ({"pixels": GREY[0]}, r"the output of .* is prepared tensor\(uint8\) \[1, 28, 28\]; rejection"),
        ({"pixels": GREY.astype(np.float32)}, r"is prepared tensor\(float\)"),
        ({"steps": {"more": GREY}}, "; more tensor"),
    ],
)
def test_other_inputs_or_outputs_are_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    path = save_preparation(tmp_path / "prepare.onnx", **changes)
    with pytest.raises(ModelSignatureError, match=f"{problem}.*; a preparation's is p"):
        open_file(path)


def test_predictors_share_one_preparation(artifacts: Path, samples: Path) -> None:
    predictors = [Predictor("v1"), Predictor("v2"), Predictor(artifacts / "v2" / "model.onnx")]
    for predictor in predictors:
        predictor.prepare(samples / "seven-28x28.png")
    assert len({id(predictor._preparation) for predictor in predictors}) == 1


def test_a_preparation_beside_the_models_is_used(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = only_beside(tmp_path, artifacts, monkeypatch)
    save_preparation(model.parent / "prepare.onnx", Reason.EDGE)
    prediction = Predictor(model).predict(PICTURE)
    assert prediction.rejection is not None
    assert prediction.rejection.reason is Reason.EDGE


def test_without_a_preparation_pixels_are_still_classified(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(only_beside(tmp_path, artifacts, monkeypatch))
    assert predictor.classify(GREY).digits.shape == (1,)
    with pytest.raises(ModelNotFoundError, match=r"no prepare\.onnx in .*none or .*models; copy it there"):
        predictor.predict(PICTURE)


def test_a_preparation_with_another_digest_is_refused(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = only_beside(tmp_path, artifacts, monkeypatch)
    path = save_preparation(model.parent / "prepare.onnx")
    manifest = {"files": {"prepare.onnx": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}}
    (model.parent / "manifest.json").write_text(json.dumps(manifest))
    assert Predictor(model).prepare(PICTURE).reason is None
    moved = model.parent.rename(tmp_path / "moved")  # a process opens each file once
    save_preparation(moved / "prepare.onnx", Reason.NOISE)
    with pytest.raises(ModelDigestError, match=r"prepare\.onnx is damaged or was replaced"):
        Predictor(moved / "v2").prepare(PICTURE)


def test_steps_are_explained_in_order_as_grey_levels(tmp_path: Path) -> None:
    levels = np.linspace(0, 200, 12, dtype=np.float32)
    steps = {"step.grey": levels.reshape(1, 1, 3, 4), "step.mask": np.eye(4, dtype=np.float32)}
    steps["step.blank"] = np.zeros((2, 2), np.float32)
    explained = open_file(save_preparation(tmp_path / "prepare.onnx", steps=steps)).explain(PICTURE)
    assert list(explained) == ["grey", "mask", "blank", "prepared"]
    assert np.array_equal(explained["grey"], levels.reshape(3, 4))
    assert np.array_equal(explained["mask"], 255 * np.eye(4))
    assert not explained["blank"].any()
    assert np.array_equal(explained["prepared"], GREY[0, 0])


def test_every_step_of_the_shipped_preparation_can_be_drawn() -> None:
    predictor, picture = Predictor(), 255 - draw_digit(4, np.random.default_rng(0), size=150, scale=0.3)
    steps = predictor.explain(picture)
    assert len(steps) > 3
    for name, levels in steps.items():
        assert levels.dtype == np.float32, name
        assert levels.ndim == 2, name
        assert 0 <= levels.min() < levels.max() <= 255, name
    assert np.array_equal(list(steps.values())[-1], predictor.prepare(picture).digit)
