"""The predictor: what it answers, what it refuses, and that it can be shared, sent and forked."""

import hashlib
import io
import json
import multiprocessing
import os
import pickle  # noqa: TID251 (a Predictor can be sent, no file is a pickle)
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import runtime
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from runtime import Prediction, Predictor
from runtime.errors import (
    BlankImageError,
    ImageShapeError,
    ImageTypeError,
    ModelDigestError,
    ModelFormatError,
    ModelNotFoundError,
    ModelSignatureError,
    PredictorError,
    SelftestError,
    SettingsError,
)
from runtime.predictor import softmax
from runtime.session import BATCH_SIZE

MODELS = ["v1", "v2"]


@pytest.fixture
def copied(artifacts: Path, tmp_path: Path) -> Path:
    """A copy of v2's folder that a test may spoil."""
    return Path(shutil.copytree(artifacts / "v2", tmp_path / "v2"))


def test_the_default_model_is_the_int8_v2(artifacts: Path) -> None:
    assert Predictor().path == str(artifacts / "v2" / "model.int8.onnx")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_found_by_name_folder_and_file(artifacts: Path, name: str) -> None:
    digests = {
        Predictor(model).sha256
        for model in (name, artifacts / name, artifacts / name / "model.int8.onnx", str(artifacts / name))
    }
    assert digests == {
        json.loads((artifacts / name / "manifest.json").read_text())["files"]["model.int8.onnx"]["sha256"]
    }


@pytest.mark.parametrize("name", MODELS)
def test_the_samples_are_named(samples: Path, name: str) -> None:
    predictor = Predictor(name)
    found = {path.name: predictor.predict(path).digit for path in samples.iterdir()}
    assert found == {"three-on-paper.png": 3, "seven-28x28.png": 7, "five-transparent.png": 5}


def test_every_source_of_an_image_gives_the_same_prediction(samples: Path) -> None:
    path = samples / "seven-28x28.png"
    with Image.open(path) as image:
        image.load()
    sources: list[Any] = [path, str(path), path.read_bytes(), image, np.asarray(image)]
    assert len(set(Predictor().predict_batch(sources))) == 1


def test_a_prediction_is_the_probabilities_argmax(noise: NDArray[np.uint8]) -> None:
    predictor = Predictor()
    for image in noise:
        prediction = predictor.predict(image)
        assert len(prediction.probabilities) == 10
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.confidence == max(prediction.probabilities) == prediction.probabilities[prediction.digit]
        assert isinstance(prediction.digit, int)
        assert isinstance(prediction.confidence, float)


def test_the_top_digits_come_in_order() -> None:
    prediction = Prediction(2, 0.5, (0.1, 0.1, 0.5, 0.3, *[0.0] * 6))
    assert prediction.top(4) == [(2, 0.5), (3, 0.3), (0, 0.1), (1, 0.1)]
    with pytest.raises(AttributeError):
        prediction.digit = 3  # type: ignore[misc]


def test_an_empty_batch_has_no_predictions() -> None:
    assert Predictor().predict_batch([]) == []
    digits, probabilities = Predictor().classify(np.empty((0, 28, 28), np.uint8))
    assert (digits.shape, probabilities.shape) == ((0,), (0, 10))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [1, 2, 7, BATCH_SIZE, BATCH_SIZE + 1])
def test_a_batch_gives_what_its_images_give(name: str, count: int) -> None:
    images = np.resize(draw_digits(10).images, (count, 28, 28))
    predictor = Predictor(name)
    together = predictor.logits(images)
    assert np.array_equal(together, predictor.logits(images[:, None]))
    assert np.array_equal(together[-1:], predictor.logits(images[-1:]))
    digits, probabilities = predictor.classify(images)
    assert digits.tolist() == together.argmax(1).tolist()
    tempered = together * np.float32(1 / predictor.temperature)
    assert np.array_equal(probabilities, softmax(tempered, digits))
    assert np.array_equal(probabilities[-1:], predictor.classify(images[-1:]).probabilities)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_probabilities_have_the_temperature_of_the_manifest(name: str, artifacts: Path) -> None:
    stated = json.loads((artifacts / name / "manifest.json").read_text())["confidence"]
    predictor = Predictor(name)
    assert (predictor.temperature, predictor.reject_below) == (stated["temperature"], stated["reject_below"])
    images = draw_digits(20).images
    expected = torch.softmax(torch.from_numpy(predictor.logits(images)) / stated["temperature"], 1).numpy()
    assert predictor.classify(images).probabilities == pytest.approx(expected, abs=1e-6)
    assert predictor.classify(images[:1]).probabilities == pytest.approx(expected[:1], abs=1e-6)


def test_what_is_unlike_a_digit_is_rejected_with_its_probabilities(samples: Path) -> None:
    strict, lenient = Predictor("v2", reject_below=1.0), Predictor("v2", reject_below=0.0)
    rejected, taken = (predictor.predict(samples / "three-on-paper.png") for predictor in (strict, lenient))
    assert rejected.rejected is not None
    assert "unlike a digit" in rejected.rejected
    assert taken.rejected is None
    assert rejected.probabilities == taken.probabilities
    assert pickle.loads(pickle.dumps(strict)).reject_below == 1.0  # noqa: S301 (our own)


def test_blank_is_rejected_or_an_error() -> None:
    blank = np.full((40, 40), 90, np.uint8)
    assert "blank" in str(Predictor("v2").predict(blank).rejected)
    with pytest.raises(BlankImageError):
        Predictor("v2", reject_below=0).predict(blank)


@pytest.mark.parametrize(
    "metadata",
    [{"mnist_edge.temperature": "warm"}, {"mnist_edge.temperature": "0"}, {"mnist_edge.reject_below": "nan"}],
)
def test_damaged_metadata_is_refused(artifacts: Path, tmp_path: Path, metadata: dict[str, str]) -> None:
    model = onnx.load(artifacts / "v2" / "model.int8.onnx")
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match="its metadata is damaged") as caught:
        Predictor(tmp_path / "model.onnx")
    assert caught.value.path == str(tmp_path / "model.onnx")


def test_softmax_is_pytorchs() -> None:
    import torch

    logits = np.random.default_rng(0).normal(0, 30, (50, 10)).astype(np.float32)
    expected = torch.from_numpy(logits).softmax(1).numpy()
    assert np.abs(softmax(logits, logits.argmax(1)) - expected).max() < 1e-6
    for row in range(50):
        one = logits[row : row + 1]
        assert np.abs(softmax(one, one.argmax(1)) - expected[row]).max() < 1e-6


@pytest.mark.parametrize("pixels", [[[0] * 28] * 28, None, np.zeros((1, 28, 28)), np.zeros((1, 28, 28), object)])
def test_prepared_pixels_of_another_type_are_refused(pixels: Any) -> None:
    with pytest.raises(ImageTypeError, match="must be a uint8 array"):
        Predictor().classify(pixels)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 27), (1, 3, 28, 28), (784,), (1, 1, 1, 28, 28)])
def test_prepared_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageShapeError, match="prepared pixels have shape"):
        Predictor().classify(np.zeros(shape, np.uint8))


def test_a_bare_name_may_be_a_folder_here(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(artifacts / "v1", tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert Predictor("mine").sha256 == Predictor("v1").sha256


def test_a_model_that_cannot_be_read_is_an_error(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(ModelNotFoundError, match=r"model\.int8\.onnx\. \(Input/output error\)"):
        Predictor(copied)


@pytest.mark.parametrize("images", ["3.png", b"\x89PNG"])
def test_a_batch_is_no_single_image(images: Any) -> None:
    with pytest.raises(ImageTypeError, match="give a list"):
        Predictor().predict_batch(images)


def test_a_missing_model_is_named_with_those_that_are_packaged(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'v9'\. Packaged are: v1, v2") as caught:
        Predictor("v9")
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(ModelNotFoundError, match=r"none\.onnx"):
        Predictor(tmp_path / "none.onnx")
    with pytest.raises(ModelNotFoundError, match=r"model\.int8\.onnx"):
        Predictor(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(1_000)])
def test_a_corrupt_model_is_refused(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelFormatError, match="no ONNX model") as caught:
        Predictor(tmp_path / "model.onnx")
    assert isinstance(caught.value, ValueError)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [b"mnist_edge.temperature", b"image", b"MaxPool", b"N"])
def test_a_model_of_undecodable_names_is_refused_in_silence(
    artifacts: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: bytes
) -> None:
    """onnxruntime would print that it tries again, on standard output."""
    content = (artifacts / "v2" / "model.onnx").read_bytes()
    marked = bytes([len(name)]) + name
    assert marked in content
    (tmp_path / "model.onnx").write_bytes(content.replace(marked, marked[:1] + b"\xff" * len(name)))
    with pytest.raises(ModelFormatError, match="can't decode"):
        Predictor(tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")


def test_a_changed_model_is_refused(copied: Path) -> None:
    content = bytearray((copied / "model.int8.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "model.int8.onnx").write_bytes(content)
    with pytest.raises(ModelDigestError, match="damaged or was replaced") as caught:
        Predictor(copied)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "cannot be read as a manifest"),
        ("[]", "is no manifest"),
        ('{"files": 3}', "is no manifest"),
        ('{"files": {"model.int8.onnx": {}}}', "has no SHA-256"),
        ("\udcff", "cannot be read as a manifest"),
    ],
)
def test_a_damaged_manifest_is_refused(copied: Path, text: str, problem: str) -> None:
    (copied / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelFormatError, match=problem) as caught:
        Predictor(copied)
    assert caught.value.path == str(copied / "manifest.json")


def _save_model(path: Path, inputs: list[tuple[str, int, list[Any]]], output: tuple[str, int, list[Any]]) -> None:
    """Write a valid model that gives a constant, with inputs and an output of any name, type and shape."""
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


IMAGE = ("image", TensorProto.UINT8, ["N", 1, 28, 28])
LOGITS = ("logits", TensorProto.FLOAT, ["N", 10])


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([("pixels", *IMAGE[1:])], LOGITS),
        ([("image", TensorProto.FLOAT, ["N", 1, 28, 28])], LOGITS),
        ([("image", TensorProto.UINT8, ["N", 3, 28, 28])], LOGITS),
        ([("image", TensorProto.UINT8, ["N", 784])], LOGITS),
        ([("image", TensorProto.UINT8, [1, 1, 28, 28])], LOGITS),
        ([IMAGE, ("more", TensorProto.FLOAT, ["N"])], LOGITS),
        ([IMAGE], ("probabilities", *LOGITS[1:])),
        ([IMAGE], ("logits", TensorProto.DOUBLE, ["N", 10])),
        ([IMAGE], ("logits", TensorProto.FLOAT, ["N", 1000])),
    ],
)
def test_a_model_with_another_contract_is_refused(tmp_path: Path, inputs: Any, output: Any) -> None:
    _save_model(tmp_path / "other.onnx", inputs, output)
    with pytest.raises(ModelSignatureError) as caught:
        Predictor(tmp_path / "other.onnx")
    what, contract = (
        ("output", "logits tensor(float) ['N', 10]")
        if inputs == [IMAGE]
        else ("input", "image tensor(uint8) ['N', 1, 28, 28]")
    )
    found = inputs if what == "input" else [output]
    assert caught.value.found.startswith(f"{found[0][0]} tensor(")
    assert str(caught.value).startswith(f"{tmp_path / 'other.onnx'}: its {what} is {caught.value.found}; ")
    assert str(caught.value).endswith(f"a digit network's is {contract}")


def test_a_model_with_the_contract_is_taken_without_a_manifest(tmp_path: Path, noise: NDArray[np.uint8]) -> None:
    _save_model(tmp_path / "mine.onnx", [IMAGE], LOGITS)
    predictor = Predictor(tmp_path / "mine.onnx")
    assert np.array_equal(predictor.logits(noise), np.zeros((7, 10)))
    assert np.array_equal(predictor.classify(noise).probabilities, np.full((7, 10), np.float32(0.1)))
    with pytest.raises(SelftestError, match="no manifest lies beside it"):
        predictor.selftest()


@pytest.mark.parametrize(
    "settings",
    [
        {"threads": 0},
        {"threads": -1},
        {"providers": ["AbacusExecutionProvider"]},
        {"providers": []},
        {"providers": "CPUExecutionProvider"},
        {"reject_below": -0.1},
        {"reject_below": 1.1},
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Predictor(**settings)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("settings", [{"threads": 2}, {"memory_arena": True}])
def test_settings_do_not_change_the_answer(settings: dict[str, Any], noise: NDArray[np.uint8]) -> None:
    assert np.array_equal(Predictor(**settings).logits(noise), Predictor().logits(noise))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_the_selftest_passes_here(artifacts: Path, name: str, file: str) -> None:
    report = Predictor(artifacts / name / file).selftest()
    assert report.images == 10
    assert report.max_difference <= report.tolerance <= 1e-4


def test_the_selftest_can_fail(copied: Path) -> None:
    """Another network's file, entered into the manifest, is a valid model that answers otherwise."""
    other = draw_digits(10).images
    with np.load(copied / "golden.npz") as arrays:
        contents = dict(arrays)
    np.savez(copied / "golden.npz", **{**contents, "images": other[::-1]})
    manifest = json.loads((copied / "manifest.json").read_text())

    manifest["files"]["golden.npz"]["sha256"] = hashlib.sha256((copied / "golden.npz").read_bytes()).hexdigest()
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SelftestError, match="its logits differ by up to"):
        Predictor(copied).selftest()


def _drop_golden(folder: Path) -> None:
    (folder / "golden.npz").unlink()


def _cut_golden(folder: Path) -> None:
    (folder / "golden.npz").write_bytes((folder / "golden.npz").read_bytes()[:-1])


def _forget_golden(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["golden"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _replace_golden(folder: Path, content: bytes) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "golden.npz").write_bytes(content)
    manifest["files"]["golden.npz"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _unzip_golden(folder: Path) -> None:
    _replace_golden(folder, b"no archive")


def _shape_golden(folder: Path) -> None:
    stream = io.BytesIO()
    arrays = {"images": np.zeros((2, 784), np.uint8), "model.int8.onnx": np.zeros((2, 10), np.float32)}
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    _replace_golden(folder, stream.getvalue())


def _inflate_golden(folder: Path) -> None:
    """Two hundred megabytes of zeros in a fifth of one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (2**26, 28, 28)})
        for _ in range(200):
            file.write(bytes(1_000_000))
    _replace_golden(folder, stream.getvalue())


def _move_golden(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"]["file"] = "../golden.npz"
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_drop_golden, ModelNotFoundError, "golden.npz. Its manifest names it: copy the whole folder again."),
        (_cut_golden, ModelDigestError, "golden.npz is damaged or was replaced"),
        (_forget_golden, ModelFormatError, "manifest.json: names no golden logits for model.int8.onnx"),
        (_unzip_golden, ModelFormatError, "golden.npz: holds no golden logits for model.int8.onnx"),
        (_shape_golden, ModelFormatError, "golden.npz: holds golden images uint8 [2, 784]"),
        (_inflate_golden, ModelFormatError, "golden.npz: holds no golden logits for model.int8.onnx (200,"),
        (_move_golden, ModelFormatError, "manifest.json: names a file that is not in its folder"),
    ],
)
def test_damaged_golden_logits_are_an_error(
    copied: Path, spoil: Any, error: type[PredictorError], message: str
) -> None:
    listed = json.loads((copied / "manifest.json").read_text())["files"]["golden.npz"]["sha256"]
    spoil(copied)
    with pytest.raises(error) as caught:
        Predictor(copied).selftest()
    assert str(copied / message) in str(caught.value)
    if isinstance(caught.value, ModelDigestError):
        found = hashlib.sha256((copied / "golden.npz").read_bytes()).hexdigest()
        assert (caught.value.found, caught.value.expected) == (found, listed)
        assert f"{found}, its manifest says {listed}" in str(caught.value)


def test_one_predictor_serves_many_threads() -> None:
    images = draw_digits(40).images
    predictor = Predictor()
    expected = predictor.logits(images)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: predictor.logits(images[index : index + 1])[0], list(range(40)) * 25))
    assert np.array_equal(np.stack(found), np.tile(expected, (25, 1)))


def test_a_pickled_predictor_needs_its_files_no_more(copied: Path, noise: NDArray[np.uint8]) -> None:
    predictor = Predictor(copied)
    content = pickle.dumps(predictor)
    shutil.rmtree(copied)
    received = pickle.loads(content)  # noqa: S301
    assert np.array_equal(received.logits(noise), predictor.logits(noise))


def _digits_in_child(predictor: Predictor, images: NDArray[np.uint8], queue: Any) -> None:
    queue.put(predictor.classify(images).digits.tolist())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_predictor_works_in_another_process(method: str, threads: int) -> None:
    images = np.resize(draw_digits(20).images, (64, 28, 28))
    predictor = Predictor(threads=threads)
    expected = predictor.classify(images).digits.tolist()
    context: Any = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_digits_in_child, args=(predictor, images, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0
    assert predictor.classify(images).digits.tolist() == expected


@pytest.mark.parametrize("use", ["predictor.predict(path)", "del predictor", "None"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_process_ends_as_any_other(root: Path, samples: Path, use: str, threads: int) -> None:
    """The session that a fork brings along has lost its threads; ending it would wait for them for ever."""
    code = f"""
import os, sys
import numpy as np
from runtime import Predictor
path = {str(samples / "seven-28x28.png")!r}
predictor = Predictor(threads={threads})
predictor.classify(np.zeros((256, 28, 28), np.uint8))
child = os.fork()
{use}
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_works_when_no_thread_can_be_started_any_more(root: Path) -> None:
    """In what runs at a program's end."""
    code = """
import atexit
import numpy as np
from runtime import Predictor
predictor = Predictor(threads=2)
atexit.register(lambda: print(predictor.classify(np.zeros((256, 28, 28), np.uint8)).digits.shape))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(256,)\n", "")


@pytest.mark.parametrize(("threads", "started"), [(1, 0), (2, 1), (3, 2)])
def test_a_batch_is_shared_out_among_as_many_threads_as_asked(root: Path, threads: int, started: int) -> None:
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


def test_loading_and_predicting_print_nothing(root: Path, samples: Path) -> None:
    code = f"from runtime import Predictor; Predictor('v1').predict({str(samples / 'seven-28x28.png')!r})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_written_and_nobody_is_told(root: Path, samples: Path, tmp_path: Path) -> None:
    """onnxruntime's own telemetry would start a thread and fill the user's cache."""
    code = f"""
import os
from runtime import Predictor
Predictor().predict({str(samples / "seven-28x28.png")!r})
names = [open(f"/proc/self/task/{{task}}/comm").read().strip() for task in os.listdir("/proc/self/task")]
print(len(names) - int(os.environ["OPENBLAS_NUM_THREADS"]))
"""
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    environment = {**os.environ, **places, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_predictor_tells_what_it_runs(artifacts: Path) -> None:
    assert str(artifacts / "v1") in repr(Predictor("v1"))


@pytest.mark.parametrize("name", MODELS)
def test_accuracy_on_the_real_test_images(name: str, mnist_test: Split, artifacts: Path) -> None:
    """The recorded accuracies are those that the predictor reaches."""
    recorded = json.loads((artifacts / name / "manifest.json").read_text())["accuracy"]
    for file in ("model.onnx", "model.int8.onnx"):
        digits = Predictor(artifacts / name / file).classify(mnist_test.images).digits
        assert int((digits == mnist_test.labels).sum()) == recorded[file]["correct"]


def test_a_predictor_is_all_that_the_package_names() -> None:
    assert runtime.Predictor is Predictor
