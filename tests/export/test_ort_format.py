"""`mnist-edge export --ort`: ONNX Runtime's own format with the same answers, and the operators of a minimal build."""

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

from export.golden_pictures import golden_pictures, joined_answers
from export.ort_format import OPERATORS_FILE, ORT_FILES, ort_files
from mnist_edge.errors import CheckFailedError
from runtime.contract import GOLDEN_FILE, INT8_FILE, PICTURE_FILE
from tests.conftest import Run


@pytest.fixture(scope="module")
def exported(artifacts: Path, tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The folder of V2, exported with `--ort` into a folder that was empty."""
    out = tmp_path_factory.mktemp("exported")
    done = run("export", "--ort", "--checkpoint", artifacts / "v2" / "checkpoint.safetensors", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    return out / "v2"


def operators_in(path: Path) -> set[tuple[str, str]]:
    """Return the domain and name of each operator in a file of ONNX Runtime's format, read by its own schema."""
    content = path.read_bytes()
    assert InferenceSession.InferenceSessionBufferHasIdentifier(content, 0)
    graph = InferenceSession.GetRootAs(content, 0).Model().Graph()
    nodes = [graph.Nodes(index) for index in range(graph.NodesLength())]
    return {(node.Domain().decode() or "ai.onnx", node.OpType().decode()) for node in nodes}


def operators_listed(text: str) -> set[tuple[str, str]]:
    """Return the domain and name of each operator in the list for a build, without their versions and types."""
    lines = [line.split(";") for line in text.splitlines() if line and not line.startswith(("#", "!"))]
    return {
        (domain, name)
        for domain, _, names in lines
        for name in re.findall(r"(?:^|,)(\w+)", re.sub(r"\{.*?\}\}", "", names))
    }


def test_both_files_give_the_same_bits(exported: Path) -> None:
    with np.load(exported / GOLDEN_FILE) as golden:
        images, expected = golden["images"][:, None], golden[INT8_FILE]
    logits = onnxruntime.InferenceSession(exported / "model.int8.ort").run(["logits"], {"image": images})[0]
    assert np.asarray(logits).tobytes() == expected.tobytes()
    with np.load(exported / "golden_pictures.npz") as golden:
        pictures = [golden[name] for name in golden if name.startswith("picture.")]
        answers = {name: golden[name] for name in ("digit", "confidence", "rejection", "prepared", "plausibility")}
    session = onnxruntime.InferenceSession(exported / "picture_to_digit.ort")
    results = [session.run(list(answers), {"picture": picture}) for picture in pictures]
    for name, column in zip(answers, zip(*results, strict=True), strict=True):
        assert np.array_equal(np.stack(column).reshape(answers[name].shape), answers[name])


def test_the_list_names_every_operator_and_no_other(exported: Path) -> None:
    used = operators_in(exported / "model.int8.ort") | operators_in(exported / "picture_to_digit.ort")
    assert {("com.microsoft", "QLinearConv"), ("ai.onnx", "Reshape"), ("ai.onnx", "Resize")} <= used
    assert operators_listed((exported / OPERATORS_FILE).read_text()) == used
    fewer = (exported / OPERATORS_FILE).read_text().replace("QGemm,", "")
    assert operators_listed(fewer) == used - {("com.microsoft", "QGemm")}


def test_no_path_of_this_machine_is_in_the_files(exported: Path) -> None:
    names = [line for line in (exported / OPERATORS_FILE).read_text().splitlines() if line.startswith("# - ")]
    assert names == ["# - model.int8.ort", "# - picture_to_digit.ort"]
    for file in ORT_FILES:
        assert tempfile.gettempdir().encode() not in (exported / file).read_bytes()


def test_the_manifest_has_their_digests(exported: Path) -> None:
    files = json.loads((exported / "manifest.json").read_text())["files"]
    for name in ORT_FILES:
        assert files[name]["sha256"] == hashlib.sha256((exported / name).read_bytes()).hexdigest()


def test_an_export_without_them_removes_former_ones(exported: Path, tmp_path: Path, run: Run) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "v2"))
    done = run("export", "--checkpoint", folder / "checkpoint.safetensors", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    remaining = {path.name for path in folder.iterdir()}
    assert remaining == {path.name for path in exported.iterdir()} - set(ORT_FILES)


def test_other_answers_are_refused(artifacts: Path) -> None:
    models = {name: (artifacts / "v1" / name).read_bytes() for name in (INT8_FILE, PICTURE_FILE)}
    pictures = dict(list(golden_pictures().items())[:2])
    answers = joined_answers(models[PICTURE_FILE], pictures)
    assert ort_files(models, pictures, answers).keys() == set(ORT_FILES)
    with pytest.raises(CheckFailedError, match=r"picture_to_digit\.ort gives other answers to the golden pictures"):
        ort_files(models, pictures, replace(answers, digit=answers.digit + 1))


def test_other_logits_are_refused(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {name: (artifacts / "v1" / name).read_bytes() for name in (INT8_FILE, PICTURE_FILE)}
    logits = [np.zeros(10, np.float32), np.ones(10, np.float32)]
    monkeypatch.setattr("export.parity.session_logits", lambda *_: logits.pop())
    with pytest.raises(CheckFailedError, match=r"model\.int8\.ort gives other logits than model\.int8\.onnx"):
        ort_files(models, {}, joined_answers(models[PICTURE_FILE], golden_pictures()))


def test_a_model_that_cannot_be_converted_is_an_error(artifacts: Path) -> None:
    models = dict.fromkeys((INT8_FILE, PICTURE_FILE), b"no model")
    answers = joined_answers((artifacts / "v1" / PICTURE_FILE).read_bytes(), golden_pictures())
    with pytest.raises(CheckFailedError, match=r"convert the models to its own format: .*INVALID_PROTOBUF"):
        ort_files(models, {}, answers)
