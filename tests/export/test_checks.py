"""The checks before an export: budgets just under, at and over the limit, and the sums of all pairs of weights."""

import itertools

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from export.checks import LARGEST_SUM, check_bytes, check_parameters, check_saturation, largest_pair_sum
from mnist_edge.errors import CheckFailedError
from mnist_edge.training.layers import layers_of
from mnist_edge.training.models import build_model


@pytest.mark.parametrize(("max_parameters", "passes"), [(24_713, False), (24_714, False), (24_715, True)])
def test_parameters_must_be_fewer_than_the_limit(max_parameters: int, passes: bool) -> None:
    layers = layers_of(build_model("v1"))
    if passes:
        assert check_parameters(layers, max_parameters) == 24_714
        return
    with pytest.raises(
        CheckFailedError, match=f"24,714 parameters exceed the budget, which is fewer than {max_parameters:,}"
    ) as caught:
        check_parameters(layers, max_parameters)
    assert "head.1 19,096" in str(caught.value)


@pytest.mark.parametrize(("size_bytes", "passes"), [(999, True), (1_000, True), (1_001, False)])
def test_bytes_may_reach_the_limit(size_bytes: int, passes: bool) -> None:
    if passes:
        check_bytes("model.int8.onnx", size_bytes, 1_000)
        return
    with pytest.raises(
        CheckFailedError, match=r"model\.int8\.onnx has 1,001 bytes, over the budget of 1,000"
    ) as caught:
        check_bytes("model.int8.onnx", size_bytes, 1_000)
    assert str(caught.value).endswith(" Raise it with --max-bytes.")


def test_the_largest_pair_sum_is_that_of_all_pairs() -> None:
    weights = np.random.default_rng(0).integers(-128, 128, (4, 3, 2, 2)).astype(np.int8)
    for axis in range(4):
        channels = np.moveaxis(weights, axis, 0).astype(int)
        expected = max(
            255 * max(abs(a) + abs(b) for a, b in itertools.combinations(channel.ravel().tolist(), 2))
            for channel in channels
        )
        assert largest_pair_sum(weights, axis) == expected
    assert largest_pair_sum(np.array([[-128, 0], [0, 127]], np.int8), None) == 255 * 255


def test_the_committed_models_cannot_saturate(name: str, int8_onnx: ModelProto) -> None:
    certificate = check_saturation(int8_onnx)
    assert len(certificate.pair_sums) == {"v1": 5, "v2": 4}[name]
    assert all(0 < pair_sum <= LARGEST_SUM for pair_sum in certificate.pair_sums.values())


def test_a_single_pair_over_16_bits_is_refused(int8_onnx: ModelProto) -> None:
    damaged = ModelProto()
    damaged.CopyFrom(int8_onnx)
    name = next(iter(check_saturation(int8_onnx).pair_sums))
    tensor = next(tensor for tensor in damaged.graph.initializer if tensor.name == name)
    weights = numpy_helper.to_array(tensor).copy()
    weights.reshape(len(weights), -1)[0, :2] = (65, -64)
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    with pytest.raises(CheckFailedError, match=r"can add up to 32,895, but 16 bits hold at most 32,767"):
        check_saturation(damaged)


def test_a_model_without_int8_weights_is_refused(float_onnx: ModelProto) -> None:
    with pytest.raises(CheckFailedError, match="no int8 weights"):
        check_saturation(float_onnx)
