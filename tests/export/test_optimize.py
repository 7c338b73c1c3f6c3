"""The saved optimized graph: the same logits and no more than processors agree on, or it is refused."""

import platform
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from export.optimize import optimize
from mnist_edge.errors import CheckFailedError
from runtime.contract import FLOAT_FILE, GOLDEN_FILE, INT8_FILE, OPTIMIZED_FILE


def test_the_committed_file_gives_the_golden_logits_as_it_is(artifacts: Path, name: str) -> None:
    """Without optimization; the int8 model itself then computes in float and gives others."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with np.load(artifacts / name / GOLDEN_FILE) as golden:
        images, expected = golden["images"][:, None], golden[INT8_FILE]

    def logits(file: str) -> NDArray[np.float32]:
        session = onnxruntime.InferenceSession(artifacts / name / file, options)
        return np.asarray(session.run(None, {"image": images})[0])

    assert logits(OPTIMIZED_FILE).tobytes() == expected.tobytes()
    assert logits(INT8_FILE).tobytes() != expected.tobytes()


def test_it_has_few_operators_and_no_trace_of_this_machine(artifacts: Path, name: str) -> None:
    model = onnx.load(artifacts / name / OPTIMIZED_FILE)
    operators = {(node.domain, node.op_type) for node in model.graph.node}
    fused = {("com.microsoft", operator) for operator in ("QLinearConv", "NhwcMaxPool", "QGemm")}
    assert operators == {("", "Reshape"), *fused}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20), ("com.microsoft", 1)]
    content = (artifacts / name / OPTIMIZED_FILE).read_bytes()
    assert not [word for word in (b"/tmp", b"/home", b"optimized.onnx", b"transpose optimizer") if word in content]
    assert len(content) < (artifacts / name / INT8_FILE).stat().st_size


def test_the_float_model_is_refused_for_its_layout(artifacts: Path, name: str) -> None:
    """Saved on a processor with AVX-512, it gives other logits on one without, and no error."""
    with pytest.raises(CheckFailedError, match=r"may depend on this processor: .*Conv") as caught:
        optimize(onnx.load(artifacts / name / FLOAT_FILE))
    if platform.machine() == "x86_64":
        assert "com.microsoft.nchwc.Conv" in str(caught.value)


def test_other_logits_are_refused(int8_onnx: ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = [np.zeros(10, np.float32), np.zeros(10, np.float32)]
    monkeypatch.setattr("export.parity.session_logits", lambda *_: logits.pop())
    optimize(int8_onnx)
    logits = [np.zeros(10, np.float32), np.full(10, 1e-7, np.float32)]
    with pytest.raises(CheckFailedError, match="gives other logits than the int8 model"):
        optimize(int8_onnx)
