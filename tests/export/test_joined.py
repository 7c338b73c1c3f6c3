"""The graph from picture to digit: the contract, the same answers as its parts, and standard operators only."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from scipy.special import expit

import export.joined
from export.calibration import CalibrationTable
from export.confidence import Confidence
from export.joined import check_portable, join, portable_preparation
from mnist_edge.data.drawing import Pixels
from mnist_edge.errors import CheckFailedError
from runtime import Predictor, Prepared, Reason

ANSWERS = ["digit", "confidence", "probabilities", "rejection", "prepared", "plausibility"]


def run(model: ModelProto, picture: Pixels, *outputs: str) -> list[NDArray[Any]]:
    """Return a model's outputs, by default all, in ONNX Runtime with its default settings."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    arrays: list[NDArray[Any]] = session.run(list(outputs) or None, {"picture": picture})
    return arrays


def rejecting(reason: int) -> ModelProto:
    """A preparation that finds the same pixels in any picture, and a reason to reject it."""
    pixels = ", ".join(str(value % 256) for value in range(784))
    model = onnx.parser.parse_model(f"""
        <ir_version: 10, opset_import: ["": 20]>
        prepare (uint8[H, W, C] picture) => (uint8[1, 1, 28, 28] prepared, int64[1] rejection, float[1] step)
            <uint8[1, 1, 28, 28] pixels = {{{pixels}}}, int64[1] reason = {{{reason}}}, float[1] one = {{1}}>
        {{ prepared = Identity (pixels) rejection = Identity (reason) step = Identity (one) }}
    """)
    model.graph.node[2].output[0] = model.graph.output[2].name = "step.one"  # the parser takes no dots
    return model


def test_the_file_keeps_the_contract(artifacts: Path, name: str) -> None:
    model = onnx.load(artifacts / name / "picture_to_digit.onnx")
    values = {
        value.name: (
            TensorProto.DataType.Name(value.type.tensor_type.elem_type),
            [dimension.dim_value or dimension.dim_param for dimension in value.type.tensor_type.shape.dim],
        )
        for value in (*model.graph.input, *model.graph.output)
    }
    assert values == {
        "picture": ("UINT8", ["H", "W", "C"]),
        "digit": ("INT64", [1]),
        "confidence": ("FLOAT", [1]),
        "probabilities": ("FLOAT", [10]),
        "rejection": ("INT64", [1]),
        "prepared": ("UINT8", [28, 28]),
        "plausibility": ("FLOAT", [1]),
    }
    assert [output.name for output in model.graph.output] == ANSWERS
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["mnist_edge.rejections"])["3"] == "several_marks"
    assert metadata["mnist_edge.input"].startswith("picture: uint8")
    int8 = {entry.key: entry.value for entry in onnx.load(artifacts / name / "model.int8.onnx").metadata_props}
    same = {"architecture", "parameters", "multiply_adds", "temperature", "checkpoint_sha256", "recipe"}
    same |= {"plausibility_midpoint", "plausibility_slope"}
    assert {f"mnist_edge.{key}" for key in same} == {key for key, value in int8.items() if metadata[key] == value}


def test_only_the_preparation_outputs_its_steps(prepare_onnx: ModelProto, joined_onnx: ModelProto) -> None:
    outputs = [output.name for output in prepare_onnx.graph.output]
    assert outputs[:2] == ["prepared", "rejection"]
    assert outputs[2:]
    assert all(output.startswith("step.") for output in outputs[2:])
    assert [output.name for output in joined_onnx.graph.output] == ANSWERS
    read = {name for node in joined_onnx.graph.node for name in node.input} | set(ANSWERS)
    assert all(read & set(node.output) for node in joined_onnx.graph.node)


def test_only_standard_operators_and_no_notes(root: Path, prepare_onnx: ModelProto, joined_onnx: ModelProto) -> None:
    for model in (prepare_onnx, joined_onnx):
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
        assert {node.domain for node in model.graph.node} == {""}
        assert not {node.op_type for node in model.graph.node} & {"If", "Loop", "Scan", "SequenceMap"}
        graph = model.graph
        for item in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
            assert (item.doc_string, list(item.metadata_props)) == ("", [])
            assert "/" not in item.name
        assert not graph.value_info
        assert str(root).encode() not in model.SerializeToString()


def test_joining_again_gives_the_same_bytes(
    prepare_onnx: ModelProto, int8_onnx: ModelProto, joined_onnx: ModelProto, table: CalibrationTable
) -> None:
    assert portable_preparation().SerializeToString() == prepare_onnx.SerializeToString()
    again = join(prepare_onnx, int8_onnx, table.confidence)
    assert again.SerializeToString(deterministic=True) == joined_onnx.SerializeToString(deterministic=True)


def test_logits_are_the_predictors_bit_for_bit(
    name: str, artifacts: Path, joined_onnx: ModelProto, pictures: dict[str, Pixels]
) -> None:
    model = ModelProto()
    model.CopyFrom(joined_onnx)
    model.graph.output.append(helper.make_tensor_value_info("network.logits", TensorProto.FLOAT, [None, 10]))
    predictor = Predictor(artifacts / name)
    for picture in pictures.values():
        logits, prepared = run(model, picture, "network.logits", "prepared")
        assert logits.tobytes() == predictor.logits(prepared[None]).tobytes()


def test_answers_are_those_of_classify(
    name: str, artifacts: Path, joined_onnx: ModelProto, pictures: dict[str, Pixels]
) -> None:
    predictor = Predictor(artifacts / name)
    for picture in pictures.values():
        digit, confidence, probabilities, _, prepared, plausibility = run(joined_onnx, picture)
        digits, expected, plausibilities = predictor.classify(prepared[None])
        assert digit.tolist() == digits.tolist()
        assert probabilities == pytest.approx(expected[0], abs=1e-6)
        assert confidence.tolist() == [probabilities.max()]
        assert plausibility == pytest.approx(plausibilities, abs=1e-6)


def test_prepared_pixels_are_those_of_the_preparation(
    prepare_onnx: ModelProto, joined_onnx: ModelProto, pictures: dict[str, Pixels]
) -> None:
    for picture in pictures.values():
        (alone,), (joined,) = (run(model, picture, "prepared") for model in (prepare_onnx, joined_onnx))
        assert np.array_equal(alone[0, 0], joined)


class GatherElements(OpRun):
    """NumPy's, since the evaluator's own fails for more than 64 elements (onnx 1.23)."""

    op_domain = ""

    def _run(self, values: NDArray[Any], indices: NDArray[Any], axis: int = 0) -> tuple[NDArray[Any]]:
        return (np.take_along_axis(values, indices, axis),)


@pytest.mark.parametrize("picture", ["blue_pen", "white_on_transparent", "black_on_white", "a_row_of_grey"])
def test_onnx_reference_evaluator_gives_the_same_answers(
    joined_onnx: ModelProto, pictures: dict[str, Pixels], picture: str
) -> None:
    reference = ReferenceEvaluator(joined_onnx, new_ops=[GatherElements]).run(None, {"picture": pictures[picture]})
    expected = dict(zip(ANSWERS, reference, strict=True))
    answers = dict(zip(ANSWERS, run(joined_onnx, pictures[picture]), strict=True))
    for name in ANSWERS:
        assert (answers[name].dtype, answers[name].shape) == (expected[name].dtype, expected[name].shape)
    assert np.abs(answers["prepared"].astype(int) - expected["prepared"]).max() <= 1
    assert answers["rejection"] == expected["rejection"]
    assert answers["digit"] == expected["digit"]
    # The evaluator multiplies floats where ONNX Runtime multiplies integers.
    for score in ("confidence", "plausibility"):
        assert answers[score] == pytest.approx(expected[score], abs=0.02)


@pytest.mark.parametrize("rise", [0.0, 1.5, 2.0, 5.0, 30.0])
def test_the_graph_the_predictor_and_onnx_agree_on_plausibility(tmp_path: Path, rise: float) -> None:
    logits = np.full((1, 10), -3, np.float32)
    logits[0, 4] += rise
    spread = np.log(9 + np.exp(rise)) - rise / 10  # 2.30, 2.45, 2.60, …
    network = onnx.parser.parse_model(f"""
        <ir_version: 10, opset_import: ["": 20]> network (uint8[N, 1, 28, 28] image) => (float[N, 10] logits)
            <float[1, 10] row = {{{", ".join(map(str, logits[0].tolist()))}}}, int64[1] classes = {{10}}>
        {{ rows = Shape <end = 1> (image) shape = Concat <axis = 0> (rows, classes) logits = Expand (row, shape) }}
    """)
    model = join(rejecting(0), network, Confidence(0.5, 2.5, 1.5, 0, "nothing"))
    onnx.helper.set_model_props(
        network, {"mnist_edge.plausibility_midpoint": "2.5", "mnist_edge.plausibility_slope": "1.5"}
    )
    onnx.save(network, tmp_path / "model.onnx")
    picture = np.zeros((3, 4, 1), np.uint8)
    (prediction,) = Predictor(tmp_path / "model.onnx").predict_batch([Prepared(np.zeros((28, 28), np.uint8), None)])
    outputs = ["plausibility", "rejection"]
    answers = [
        run(model, picture, *outputs),
        ReferenceEvaluator(model).run(outputs, {"picture": picture}),
        [prediction.plausibility, prediction.rejection.reason if prediction.rejection else 0],
    ]
    for plausibility, rejection in answers:
        assert plausibility == pytest.approx(expit(1.5 * (spread - 2.5)), abs=1e-6)
        assert rejection == (Reason.IMPLAUSIBLE if spread < 2.5 else 0)


@pytest.mark.parametrize(("midpoint", "rejected"), [(0.0, False), (1e3, True)])
def test_the_midpoint_decides_a_rejection(
    prepare_onnx: ModelProto,
    int8_onnx: ModelProto,
    table: CalibrationTable,
    pictures: dict[str, Pixels],
    midpoint: float,
    rejected: bool,
) -> None:
    model = join(prepare_onnx, int8_onnx, replace(table.confidence, plausibility_midpoint=midpoint))
    plausibility, rejection = run(model, pictures["blue_pen"], "plausibility", "rejection")
    assert (plausibility < 0.5) == rejected
    assert rejection.tolist() == [Reason.IMPLAUSIBLE if rejected else 0]


def test_the_temperature_divides_the_logits(
    prepare_onnx: ModelProto, int8_onnx: ModelProto, table: CalibrationTable, pictures: dict[str, Pixels]
) -> None:
    plain, halved = (
        run(join(prepare_onnx, int8_onnx, replace(table.confidence, temperature=temperature)), pictures["blue_pen"])
        for temperature in (1.0, 2.0)
    )
    assert plain[0] == halved[0]
    expected = torch.softmax(torch.log(torch.from_numpy(plain[2])) / 2, dim=0)
    assert halved[2] == pytest.approx(expected.numpy(), abs=1e-5)
    assert plain[5] == halved[5]  # the plausibility


@pytest.mark.parametrize("reason", [Reason.BLANK, Reason.SEVERAL_MARKS])
def test_a_reason_of_the_preparation_comes_before_implausibility(int8_onnx: ModelProto, reason: Reason) -> None:
    never_plausible = Confidence(1.0, 1e3, 1.0, 0, "nothing")
    picture = np.zeros((3, 4, 1), np.uint8)
    assert run(join(rejecting(reason), int8_onnx, never_plausible), picture, "rejection")[0].tolist() == [reason]
    assert run(join(rejecting(0), int8_onnx, never_plausible), picture, "rejection")[0].tolist() == [6]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda graph: graph.output.pop(), None),
        (lambda graph: graph.output.pop(1), "turn picture uint8"),
        (lambda graph: setattr(graph.input[0], "name", "image"), "is not a graph|turn picture uint8"),
        (lambda graph: setattr(graph.output[1].type.tensor_type, "elem_type", TensorProto.INT32), "turn picture"),
        (lambda graph: setattr(graph.output[2].type.tensor_type, "elem_type", TensorProto.UINT8), "turn picture"),
        (lambda graph: graph.output[0].type.tensor_type.shape.dim.pop(), "turn picture"),
        (lambda graph: setattr(graph.node[0], "domain", "com.example"), "is not a graph that every device can run"),
        (lambda graph: setattr(graph.node[0], "op_type", "Nothing"), "is not a graph that every device can run"),
    ],
)
def test_a_preparation_against_the_contract_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: Any, problem: str | None
) -> None:
    model = rejecting(0)
    change(model.graph)
    monkeypatch.setattr(export.joined, "preparation", lambda: model)
    if problem is None:  # steps may come and go
        portable_preparation()
        return
    with pytest.raises(CheckFailedError, match=problem):
        portable_preparation()


def test_a_graph_with_a_branch_is_not_portable() -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["picture"], ["same"])],
        "branch",
        [],
        [helper.make_tensor_value_info("same", TensorProto.UINT8, ["H", "W", "C"])],
    )
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 20]> g (uint8[H, W, C] picture, bool yes) => (uint8[H, W, C] same) {}'
    )
    check_portable("a graph", rejecting(0))
    model.graph.node.append(
        helper.make_node("If", ["yes"], ["same"], name="if", then_branch=branch, else_branch=branch)
    )
    with pytest.raises(CheckFailedError, match=r"a graph is not .*: a graph contains a subgraph"):
        check_portable("a graph", model)


def test_the_model_cards_example_runs(
    name: str, artifacts: Path, pictures: dict[str, Pixels], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (artifacts / name / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(artifacts / name)
    exec(code, {"picture": pictures["blue_pen"]})  # noqa: S102
    digit, confidence, plausibility, rejection = capsys.readouterr().out.split()
    assert (digit, rejection) == ("5", "0")
    assert float(confidence) > 0.9
    assert float(plausibility) > 0.5
