"""Running a model: which contract it must keep, and how a batch is shared among threads."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from mnist_edge.data.drawing import draw_digits
from runtime import ModelError, Predictor
from runtime.errors import ModelSignatureError

Tensor = tuple[str, int, list[Any]]
"""An input's or output's name, element type and shape."""
IMAGE: Tensor = ("image", TensorProto.UINT8, ["N", 1, 28, 28])
LOGITS: Tensor = ("logits", TensorProto.FLOAT, ["N", 10])


def save_constant_model(path: Path, inputs: list[Tensor], output: Tensor) -> None:
    """Write a valid model that returns zeros, with inputs and an output of any name, type and shape."""
    name, dtype, shape = output
    graph = helper.make_graph(
        [
            helper.make_node("Shape", [inputs[0][0]], ["shape"], end=1),
            helper.make_node("Concat", ["shape", "rest"], ["whole"], axis=0),
            helper.make_node("ConstantOfShape", ["whole"], [name], value=helper.make_tensor("zero", dtype, [1], [0])),
        ],
        "constant",
        [helper.make_tensor_value_info(*values) for values in inputs],
        [helper.make_tensor_value_info(name, dtype, shape)],
        [helper.make_tensor("rest", TensorProto.INT64, [len(shape) - 1], shape[1:])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def save_lying_model(path: Path) -> None:
    """Write a model that declares logits `[N, 10]` and returns 2.8 rows per image, or fails."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["float", "axes"], ["sums"], keepdims=1),
            helper.make_node("Reshape", ["sums", "shape"], ["logits"]),
        ],
        "liar",
        [helper.make_tensor_value_info(*IMAGE)],
        [helper.make_tensor_value_info(*LOGITS)],
        [
            helper.make_tensor("axes", TensorProto.INT64, [1], [3]),
            helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 10]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("inputs", "actual"),
    [
        ([("pixels", *IMAGE[1:])], "pixels tensor(uint8) [*, 1, 28, 28]"),
        ([("image", TensorProto.FLOAT, ["N", 1, 28, 28])], "image tensor(float) [*, 1, 28, 28]"),
        ([("image", TensorProto.UINT8, ["N", 3, 28, 28])], "image tensor(uint8) [*, 3, 28, 28]"),
        ([("image", TensorProto.UINT8, ["N", 784])], "image tensor(uint8) [*, 784]"),
        ([("windows", TensorProto.UINT8, ["N", 14, 7, 16])], "windows tensor(uint8) [*, 14, 7, 16]"),
        ([("image", TensorProto.UINT8, [1, 1, 28, 28])], "image tensor(uint8) [1, 1, 28, 28]"),
        (
            [IMAGE, ("more", TensorProto.FLOAT, ["N"])],
            "image tensor(uint8) [*, 1, 28, 28]; more tensor(float) [*]",
        ),
    ],
)
def test_a_model_with_other_inputs_is_refused(tmp_path: Path, inputs: Any, actual: str) -> None:
    path = tmp_path / "other.onnx"
    save_constant_model(path, inputs, LOGITS)
    with pytest.raises(ModelSignatureError) as caught:
        Predictor(path)
    expected = "image tensor(uint8) [*, 1, 28, 28] or windows tensor(uint8) [*, 14, 7, 32]"
    assert str(caught.value) == f"the input of {path} is {actual}; a digit network's is {expected}"


@pytest.mark.parametrize(
    ("output", "actual"),
    [
        (("probabilities", *LOGITS[1:]), "probabilities tensor(float) [*, 10]"),
        (("logits", TensorProto.DOUBLE, ["N", 10]), "logits tensor(double) [*, 10]"),
        (("logits", TensorProto.FLOAT, ["N", 1000]), "logits tensor(float) [*, 1000]"),
    ],
)
def test_a_model_with_another_output_is_refused(tmp_path: Path, output: Any, actual: str) -> None:
    path = tmp_path / "other.onnx"
    save_constant_model(path, [IMAGE], output)
    with pytest.raises(ModelSignatureError) as caught:
        Predictor(path)
    assert str(caught.value) == f"the output of {path} is {actual}; a digit network's is logits tensor(float) [*, 10]"


def test_any_model_with_the_contract_is_accepted(tmp_path: Path, noise: NDArray[np.uint8]) -> None:
    save_constant_model(tmp_path / "mine.onnx", [IMAGE], LOGITS)
    predictor = Predictor(tmp_path / "mine.onnx")
    assert np.array_equal(predictor.logits(noise), np.zeros((7, 10)))
    assert np.array_equal(predictor.classify(noise).probabilities, np.full((7, 10), np.float32(0.1)))


@pytest.mark.parametrize("images", [1, 7])
def test_a_model_of_other_origin_finds_all_plausible(tmp_path: Path, noise: NDArray[np.uint8], images: int) -> None:
    save_constant_model(tmp_path / "mine.onnx", [IMAGE], LOGITS)
    predictor = Predictor(tmp_path / "mine.onnx", reject_below=1)
    assert predictor.classify(noise[:images]).plausibilities.tolist() == [1.0] * images
    assert predictor.predict(draw_digits(1).images[0]).rejection is None


@pytest.mark.parametrize("images", [1, 2, 5, 100])
def test_a_model_that_breaks_its_contract_is_an_error(tmp_path: Path, images: int) -> None:
    path = tmp_path / "liar.onnx"
    save_lying_model(path)
    predictor = Predictor(path)
    with pytest.raises(ModelError, match=r"failed to run or returned other outputs than it declares \(.{10}") as caught:
        predictor.logits(np.zeros((images, 28, 28), np.uint8))
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("content", [b"", b"no model", bytes(1_000)])
def test_a_corrupt_model_is_refused(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX model") as caught:
        Predictor(tmp_path / "model.onnx")
    assert str(caught.value).startswith(str(tmp_path / "model.onnx"))
    assert isinstance(caught.value, ValueError)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", [b"mnist_edge.temperature", b"image", b"MaxPool", b"N"])
def test_undecodable_names_are_refused_silently(
    artifacts: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: bytes
) -> None:
    """onnxruntime's fallback would print to standard output that it tries again."""
    content = (artifacts / "v2" / "model.onnx").read_bytes()
    field = bytes([len(text)]) + text
    assert field in content
    (tmp_path / "model.onnx").write_bytes(content.replace(field, field[:1] + b"\xff" * len(text)))
    with pytest.raises(ModelError, match="can't decode"):
        Predictor(tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("threads", "started"), [(1, 0), (2, 1), (3, 2)])
def test_a_batch_is_shared_among_the_threads_of_the_setting(root: Path, threads: int, started: int) -> None:
    """The calling thread is one of them."""
    code = f"""
import threading
import numpy as np
from runtime import Predictor
predictor = Predictor(threads={threads})
predictor.logits(np.zeros((4096, 28, 28), np.uint8))
print(sum(thread.name.startswith("mnist-edge") for thread in threading.enumerate()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{started}\n", "")


def test_idle_threads_do_not_spin() -> None:
    predictor = Predictor(threads=2)
    predictor.classify(np.zeros((256, 28, 28), np.uint8))
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.2


class PublicSession:
    """An onnxruntime session with its public methods alone."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        session = InferenceSession(*arguments, **settings)
        for method in ("get_inputs", "get_outputs", "get_modelmeta", "io_binding", "run", "run_with_iobinding"):
            setattr(self, method, getattr(session, method))


@pytest.mark.parametrize("images", [1, 7])
def test_the_public_methods_of_onnxruntime_are_enough(
    monkeypatch: pytest.MonkeyPatch, noise: NDArray[np.uint8], images: int
) -> None:
    expected = Predictor().logits(noise[:images])
    monkeypatch.setattr("runtime.session.onnxruntime.InferenceSession", PublicSession)
    assert np.array_equal(Predictor().logits(noise[:images]), expected)


@pytest.mark.parametrize(("images", "method"), [(1, "run_with_iobinding"), (7, "run")])
def test_runs_avoid_the_wrapper_of_onnxruntime(
    monkeypatch: pytest.MonkeyPatch, noise: NDArray[np.uint8], images: int, method: str
) -> None:
    """It takes a tenth of the time of one image."""
    predictor = Predictor()
    expected = predictor.logits(noise[:images])
    monkeypatch.delattr(InferenceSession.__base__, method)
    assert np.array_equal(predictor.logits(noise[:images]), expected)
