"""Every engine of the benchmark runs the network that it is given."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark.contenders import contenders, to_ncnn
from mnist_edge.benchmark.measure import Contender
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import BenchmarkError

COUNT = 200


@pytest.fixture(scope="module")
def found(name: str, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Contender]:
    folder = tmp_path_factory.mktemp("contenders")
    made, missing = contenders(artifacts / name, draw_digits(6_000), folder)
    assert missing == {}
    return made


@pytest.mark.slow
def test_all_of_them_name_the_same_digits(found: list[Contender]) -> None:
    images = draw_digits(COUNT, seed=1).images
    expected = found[0].opener(found[0].model, threads=1).logits(images)
    for contender in found[1:]:
        engine = contender.opener(contender.model, threads=1)
        logits = np.concatenate([engine.logits(part) for part in (images[:1], images[1:2], images[2:])])
        assert logits.shape == (COUNT, 10)
        assert logits.dtype == np.float32
        if "int8" not in contender.name:  # OpenVINO and ncnn compute in 16 bits where they can
            assert np.abs(logits - expected).max() < 0.1, contender.name
        assert (logits.argmax(1) == expected.argmax(1)).mean() >= 0.98, contender.name


@pytest.mark.slow
def test_what_a_device_needs_is_counted(found: list[Contender]) -> None:
    assert found[0].name == "mnist-edge, float32"
    for contender in found:
        assert contender.model in contender.files
        assert all(path.stat().st_size > 500 for path in contender.files)
    assert len({contender.name for contender in found}) == len(found) == 9


def test_missing_engines_are_named_with_what_adds_them(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def find_none(module: str) -> ModuleSpec | None:
        return None if module in ("openvino", "ai_edge_litert", "pnnx") else find_spec(module)

    monkeypatch.setattr(importlib.util, "find_spec", find_none)
    made, missing = contenders(artifacts / "v1", draw_digits(600), tmp_path)
    assert len(made) == 5
    assert set(missing.values()) == {"pip install openvino", "pip install ai-edge-litert", "pip install ncnn pnnx"}


def test_a_failed_conversion_says_so(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pnnx

    monkeypatch.setattr(pnnx, "EXEC_PATH", "/bin/false")
    with pytest.raises(BenchmarkError, match="ended with code 1"):
        to_ncnn(artifacts / "v1" / "model.onnx", tmp_path)
