"""Every engine of the benchmark runs the same network; engines that cannot run are reported."""

import importlib.util
import shutil
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark.contenders import contenders, to_ncnn
from mnist_edge.benchmark.measure import Contender
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import ArtifactError, BenchmarkError
from runtime import Predictor
from runtime.contract import FLOAT_FILE, INT8_FILE

COUNT = 200
BASE_CONTENDERS = ["mnist-edge, float32", "mnist-edge, int8"]
FLOAT_FILE_REMEDY = "a model folder that holds model.onnx, from a checkout or mnist-edge export"
CHECKPOINT_REMEDY = "a model folder that holds checkpoint.safetensors, from a checkout or mnist-edge export"


@pytest.fixture(scope="module")
def every_contender(name: str, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Contender]:
    folder = tmp_path_factory.mktemp("contenders")
    built, missing = contenders(artifacts / name, draw_digits(6_000), folder)
    assert missing == {}
    return built


@pytest.fixture
def packaged(artifacts: Path, tmp_path: Path) -> Path:
    """A model folder as an installed package has it."""
    folder = tmp_path / "packaged"
    folder.mkdir()
    for file in (INT8_FILE, "golden.npz", "manifest.json"):
        shutil.copy(artifacts / "v2" / file, folder)
    return folder


def hide_modules(monkeypatch: pytest.MonkeyPatch, hidden: Collection[str]) -> None:
    find_spec = importlib.util.find_spec

    def find_unless_hidden(name: str) -> ModuleSpec | None:
        return None if name in hidden else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_unless_hidden)


@pytest.mark.slow
def test_all_contenders_predict_the_same_digits(every_contender: list[Contender]) -> None:
    images = draw_digits(COUNT, seed=1).images
    baseline = every_contender[0]
    expected = baseline.opener(baseline.model, threads=1).logits(images)
    for contender in every_contender[1:]:
        engine = contender.opener(contender.model, threads=1)
        logits = np.concatenate([engine.logits(part) for part in (images[:1], images[1:2], images[2:])])
        assert logits.shape == (COUNT, 10)
        assert logits.dtype == np.float32
        if "int8" not in contender.name:  # OpenVINO and ncnn compute in 16 bits where they can
            assert np.abs(logits - expected).max() < 0.1, contender.name
        assert (logits.argmax(1) == expected.argmax(1)).mean() >= 0.98, contender.name


@pytest.mark.slow
def test_files_include_all_that_a_device_needs(every_contender: list[Contender]) -> None:
    assert every_contender[0].name == "mnist-edge, float32"
    for contender in every_contender:
        assert contender.model in contender.files
        assert all(path.stat().st_size > 500 for path in contender.files)
    assert len({contender.name for contender in every_contender}) == len(every_contender) == 9


def test_missing_packages_are_listed_with_their_install(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_modules(monkeypatch, {"openvino", "ai_edge_litert", "pnnx"})
    built, missing = contenders(artifacts / "v1", draw_digits(600), tmp_path)
    assert len(built) == 5
    assert missing == {
        "OpenVINO, float": "pip install openvino",
        "OpenVINO, plain int8": "pip install openvino",
        "LiteRT, plain int8": "pip install ai-edge-litert",
        "ncnn, float": "pip install pnnx",
    }


def test_base_packages_run_the_float_and_int8_models(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_modules(monkeypatch, {"onnx", "torch", "safetensors", "msgspec", "openvino", "ai_edge_litert", "ncnn", "pnnx"})
    built, missing = contenders(artifacts / "v1", None, tmp_path)
    assert [contender.name for contender in built] == BASE_CONTENDERS
    assert missing["onnxruntime, plain int8"] == missing["PyTorch, eager"] == "pip install 'mnist-edge[train]'"
    assert missing["ncnn, float"] == "pip install ncnn pnnx 'mnist-edge[train]'"
    assert not list(tmp_path.iterdir())


def test_ours_is_the_file_that_the_predictor_opens(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_modules(monkeypatch, {"onnx", "torch", "openvino", "ai_edge_litert", "ncnn"})
    built, _ = contenders(artifacts / "v2", None, tmp_path)
    assert str(built[1].model) == Predictor("v2").path


def test_plain_int8_needs_onnx_but_not_pytorch(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_modules(monkeypatch, {"torch", "openvino", "ai_edge_litert", "pnnx"})
    built, _ = contenders(artifacts / "v2", None, tmp_path)
    assert [contender.name for contender in built] == [*BASE_CONTENDERS, "onnxruntime, plain int8"]
    drawn = draw_digits(COUNT)
    plain = built[2].opener(built[2].model, threads=1)
    assert (plain.logits(drawn.images).argmax(1) == drawn.labels).mean() > 0.95


def test_a_packaged_model_has_its_int8_file_alone(packaged: Path, tmp_path: Path) -> None:
    built, missing = contenders(packaged, None, tmp_path)
    assert [(contender.name, contender.model) for contender in built] == [("mnist-edge, int8", packaged / INT8_FILE)]
    assert len(missing) == 8
    for name, remedy in missing.items():
        assert remedy == (CHECKPOINT_REMEDY if "PyTorch" in name else FLOAT_FILE_REMEDY)


def test_a_missing_package_and_file_are_listed_together(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_modules(monkeypatch, {"openvino", "onnx", "torch"})
    _, missing = contenders(packaged, None, tmp_path)
    assert missing["OpenVINO, plain int8"] == (f"pip install openvino 'mnist-edge[train]', and {FLOAT_FILE_REMEDY}")
    assert missing["mnist-edge, float32"] == FLOAT_FILE_REMEDY


def test_a_folder_without_an_int8_model_is_refused(artifacts: Path, tmp_path: Path) -> None:
    shutil.copy(artifacts / "v2" / FLOAT_FILE, tmp_path)
    with pytest.raises(ArtifactError, match=r"model\.int8\.onnx is missing\. Name a folder that mnist-edge export"):
        contenders(tmp_path, None, tmp_path)


def test_a_failed_conversion_to_ncnn_is_reported(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pnnx

    monkeypatch.setattr(pnnx, "EXEC_PATH", "/bin/false")
    with pytest.raises(BenchmarkError, match="ended with code 1"):
        to_ncnn(artifacts / "v1" / FLOAT_FILE, tmp_path / "core.ncnn.param")
