"""Opening a model: how it is found, and which files are trusted."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from runtime import ModelError, Predictor
from runtime.errors import ModelDigestError, ModelNotFoundError
from runtime.loading import ModelFile
from runtime.model_graph import _HARMLESS


def test_the_default_model_is_the_optimized_v2(artifacts: Path) -> None:
    assert Predictor().path == str(artifacts / "v2" / "model.int8.optimized.onnx")


def test_a_model_is_found_by_name_folder_and_file(artifacts: Path, name: str) -> None:
    files = json.loads((artifacts / name / "manifest.json").read_text())["files"]
    for model in (name, artifacts / name, str(artifacts / name)):
        assert Predictor(model).sha256 == files["model.int8.optimized.onnx"]["sha256"]
    for file in ("model.int8.optimized.onnx", "model.int8.onnx", "model.onnx"):
        assert Predictor(artifacts / name / file).sha256 == files[file]["sha256"]


def test_a_bare_name_can_be_a_folder_here(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(artifacts / "v1", tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert Predictor("mine").sha256 == Predictor("v1").sha256


def test_an_unknown_name_lists_the_packaged_models() -> None:
    with pytest.raises(ModelNotFoundError, match=r"there is no model 'v9'; use one of: v1, v2, a path") as caught:
        Predictor("v9")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for model, missing in ((tmp_path / "none.onnx", "none.onnx"), (tmp_path, "model.int8.onnx")):
        with pytest.raises(ModelNotFoundError) as caught:
            Predictor(model)
        assert str(caught.value) == f"there is no model {tmp_path / missing}; export one with: mnist-edge export"


def test_a_name_that_no_file_can_have_is_an_error() -> None:
    with pytest.raises(ModelNotFoundError, match="x cannot be read: File name too long"):
        Predictor("x" * 300)
    with pytest.raises(ModelNotFoundError, match="there is no model 'xxx'"):
        Predictor("xxx")


def test_a_model_that_cannot_be_read_is_an_error(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(ModelNotFoundError, match=r"model\.int8\.optimized\.onnx cannot be read: Input/output error"):
        Predictor(model_folder)


@pytest.mark.parametrize("name", ["model.int8.onnx", "model.int8.optimized.onnx"])
def test_a_changed_model_is_refused_with_both_digests(model_folder: Path, name: str) -> None:
    """Also the portable file of a folder whose optimized one is intact: who replaced it wants its answers."""
    path = model_folder / name
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    actual = hashlib.sha256(content).hexdigest()
    with pytest.raises(ModelDigestError) as caught:
        Predictor(model_folder)
    assert str(caught.value) == (
        f"{path} is damaged or was replaced: its SHA-256 is {actual}, but its manifest says {expected}. "
        "Copy the whole folder again, or export the model again."
    )
    assert isinstance(caught.value, ValueError)


def test_only_a_model_with_the_pinned_digest_is_opened(artifacts: Path, tmp_path: Path) -> None:
    """Whatever its manifest says, and without one."""
    digest = hashlib.sha256((artifacts / "v2" / "model.int8.optimized.onnx").read_bytes()).hexdigest()
    assert Predictor("v2", sha256=digest.upper()).sha256 == digest
    shutil.copytree(artifacts / "v1", tmp_path / "v2")
    for has_manifest in (True, False):
        with pytest.raises(ModelDigestError, match=f"the caller says {digest}"):
            Predictor(tmp_path / "v2", sha256=digest)
        if has_manifest:
            (tmp_path / "v2" / "manifest.json").unlink()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "3",
        "{}",
        '{"files": 3}',
        '{"files": {"model.int8.onnx": {}}}',
        '{"files": {"model.int8.onnx": 3}}',
        '{"files": {"model.int8.onnx": {"sha256": 3}}}',
        "[" * 100_000,
        "\udcff",
    ],
    ids=lambda text: text[:60],
)
def test_a_damaged_manifest_is_refused(model_folder: Path, text: str) -> None:
    (model_folder / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"cannot be read as a manifest .*; copy the whole folder again") as caught:
        Predictor(model_folder)
    assert str(caught.value).startswith(str(model_folder / "manifest.json"))


def test_a_manifest_of_files_alone_is_enough(model_folder: Path) -> None:
    digest = hashlib.sha256((model_folder / "model.int8.onnx").read_bytes()).hexdigest()
    (model_folder / "manifest.json").write_text(json.dumps({"files": {"model.int8.onnx": {"sha256": digest.upper()}}}))
    assert Predictor(model_folder).sha256 == digest


def test_an_optimized_file_that_no_manifest_names_stays_closed(model_folder: Path) -> None:
    (model_folder / "model.int8.optimized.onnx").write_bytes(b"another model's")
    with pytest.raises(ModelDigestError):
        Predictor(model_folder)
    (model_folder / "manifest.json").unlink()
    assert Predictor(model_folder).path == str(model_folder / "model.int8.onnx")


def test_a_folder_may_hold_only_the_optimized_file(model_folder: Path) -> None:
    (model_folder / "model.int8.onnx").unlink()
    assert Predictor(model_folder).selftest().images == 10


@pytest.mark.parametrize("providers", [["CPUExecutionProvider"], ["Another", "CPUExecutionProvider"]])
def test_other_providers_get_the_standard_operators(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, providers: list[str]
) -> None:
    opened = []

    def fail(file: ModelFile, *_: object) -> None:
        opened.append(file.path.name)
        raise NotImplementedError  # onnxruntime has no other provider here

    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    monkeypatch.setattr("runtime.predictor.Network", fail)
    with pytest.raises(NotImplementedError):
        Predictor(model_folder, providers=providers)
    assert opened == ["model.int8.onnx" if providers[0] == "Another" else "model.int8.optimized.onnx"]


def test_without_fused_operators_the_portable_file_is_opened(
    model_folder: Path, noise: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator of this domain that onnxruntime does not know stands for one that it was built without."""
    path, expected = model_folder / "model.int8.optimized.onnx", Predictor(model_folder).logits(noise)
    content = path.read_bytes().replace(b"NhwcMaxPool", b"NhwcMaxFool")
    path.write_bytes(content)
    manifest = json.loads((model_folder / "manifest.json").read_text())
    manifest["files"][path.name]["sha256"] = hashlib.sha256(content).hexdigest()
    (model_folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="an operator that no optimized int8 network has"):
        Predictor(model_folder)
    operators = {("fused node", 4): bool}
    monkeypatch.setattr("runtime.model_graph._HARMLESS", {**_HARMLESS, **operators})
    predictor = Predictor(model_folder)
    assert predictor.path == str(model_folder / "model.int8.onnx")
    assert predictor.logits(noise).tobytes() == expected.tobytes()
    (model_folder / "model.int8.onnx").unlink()
    with pytest.raises(
        ModelError, match=r"optimized\.onnx is not an ONNX model that onnxruntime can run .*NhwcMaxFool"
    ):
        Predictor(model_folder)


@pytest.mark.parametrize("file", ["../golden.npz", "/etc/passwd", "none.npz"])
def test_a_manifest_cannot_name_a_file_to_open(model_folder: Path, file: str) -> None:
    manifest = json.loads((model_folder / "manifest.json").read_text())
    manifest["files"][file] = {"sha256": "0" * 64}
    manifest["golden"] = {"file": file, "tolerance": {}}
    (model_folder / "manifest.json").write_text(json.dumps(manifest))
    assert Predictor(model_folder).selftest().images == 10


@pytest.mark.parametrize(
    ("metadata", "value"),
    [
        ({"mnist_edge.temperature": "warm"}, "'warm'"),
        ({"mnist_edge.temperature": "0"}, "temperature 0.0"),
        ({"mnist_edge.temperature": "inf"}, "temperature inf"),
        ({"mnist_edge.plausibility_midpoint": "nan"}, "plausibility midpoint nan"),
        ({"mnist_edge.plausibility_midpoint": "inf"}, "plausibility midpoint inf"),
        ({"mnist_edge.plausibility_midpoint": "low"}, "'low'"),
        ({"mnist_edge.plausibility_slope": "0"}, "slope 0.0"),
        ({"mnist_edge.plausibility_slope": "-1"}, "slope -1.0"),
        ({"mnist_edge.plausibility_slope": "inf"}, "slope inf"),
    ],
)
def test_damaged_metadata_is_refused(artifacts: Path, tmp_path: Path, metadata: dict[str, str], value: str) -> None:
    model = onnx.load(artifacts / "v2" / "model.int8.onnx")
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError) as caught:
        Predictor(tmp_path / "model.onnx")
    assert f"the metadata of {tmp_path / 'model.onnx'} is damaged" in str(caught.value)
    assert value in str(caught.value)
