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
from export.parity import session_logits
from export.windows import input_metadata, read_windows
from mnist_edge.data.drawing import draw_digits
from mnist_edge.errors import CheckFailedError
from runtime import Predictor
from runtime.contract import FLOAT_FILE, GOLDEN_FILE, INT8_FILE, OPTIMIZED_FILE
from tests.windows import unfolded


def test_the_committed_file_gives_the_golden_logits_as_it_is(artifacts: Path, name: str) -> None:
    """Without optimization; the int8 model itself then computes in float and gives others."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with np.load(artifacts / name / GOLDEN_FILE) as golden:
        images, expected = golden["images"], golden[INT8_FILE]

    def logits(file: str, inputs: dict[str, NDArray[np.uint8]]) -> NDArray[np.float32]:
        session = onnxruntime.InferenceSession(artifacts / name / file, options)
        return np.asarray(session.run(None, inputs)[0])

    assert logits(OPTIMIZED_FILE, {"windows": unfolded(images)}).tobytes() == expected.tobytes()
    assert logits(INT8_FILE, {"image": images[:, None]}).tobytes() != expected.tobytes()


def test_it_has_few_operators_and_no_trace_of_this_machine(artifacts: Path, name: str) -> None:
    model = onnx.load(artifacts / name / OPTIMIZED_FILE)
    operators = {(node.domain, node.op_type) for node in model.graph.node}
    fused = {("com.microsoft", operator) for operator in ("QLinearConv", "NhwcMaxPool", "QGemm")}
    assert operators == {("", "Reshape"), *fused}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20), ("com.microsoft", 1)]
    content = (artifacts / name / OPTIMIZED_FILE).read_bytes()
    assert not [word for word in (b"/tmp", b"/home", b"optimized.onnx", b"transpose optimizer") if word in content]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["mnist_edge.input"] == "windows: uint8 [N, 14, 7, 32] of an image with zeros around it"
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


def test_a_graph_without_the_layout_is_left_alone(artifacts: Path, name: str) -> None:
    windows = onnx.load(artifacts / name / OPTIMIZED_FILE).graph
    other = onnx.load(artifacts / name / INT8_FILE).graph
    for graph in (windows, other):
        before = graph.SerializeToString()
        read_windows(graph)
        assert graph.SerializeToString() == before
    assert input_metadata(other) == {}


def test_an_optimized_graph_may_also_read_the_image(
    int8_onnx: ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier exports did, and networks whose first block has another layout do."""
    monkeypatch.setattr("export.optimize.read_windows", lambda _: None)
    path = tmp_path / OPTIMIZED_FILE
    onnx.save(optimize(int8_onnx), path)
    assert [value.name for value in onnx.load(path).graph.input] == ["image"]
    images = draw_digits(70).images
    for batch in (images, images[:1]):
        assert Predictor(path).logits(batch).tobytes() == session_logits(int8_onnx, batch).tobytes()
