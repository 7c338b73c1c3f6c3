"""The certificate: every pair of weights, counted by hand, and refused where it can overflow."""

import itertools

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from export.certificate import LARGEST_SUM, certify, largest_pair_sum
from mnist_edge.errors import GateError, SaturationError


def test_the_largest_pair_is_found_among_all_pairs() -> None:
    weights = np.random.default_rng(0).integers(-128, 128, (4, 3, 2, 2)).astype(np.int8)
    for axis in range(4):
        channels = np.moveaxis(weights, axis, 0).astype(int)
        by_hand = max(
            255 * max(abs(a) + abs(b) for a, b in itertools.combinations(channel.ravel().tolist(), 2))
            for channel in channels
        )
        assert largest_pair_sum(weights, axis) == by_hand
    assert largest_pair_sum(np.array([[-128, 0], [0, 127]], np.int8), None) == 255 * 255


def test_the_shipped_models_are_proven(name: str, int8_onnx: ModelProto) -> None:
    certificate = certify(int8_onnx)
    assert len(certificate.pair_sums) == {"v1": 5, "v2": 4}[name]
    assert all(0 < found <= LARGEST_SUM for found in certificate.pair_sums.values())


def test_a_single_weight_of_8_bits_is_refused(int8_onnx: ModelProto) -> None:
    spoilt = ModelProto()
    spoilt.CopyFrom(int8_onnx)
    (tensor,) = [one for one in spoilt.graph.initializer if one.name == next(iter(certify(int8_onnx).pair_sums))]
    weights = numpy_helper.to_array(tensor).copy()
    weights.reshape(len(weights), -1)[0, :2] = (65, -64)
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    with pytest.raises(SaturationError, match=r"can reach 32,895, and 16 bits hold 32,767") as caught:
        certify(spoilt)
    assert isinstance(caught.value, GateError)
    assert isinstance(caught.value, ValueError)


def test_a_model_without_int8_weights_is_refused(float_onnx: ModelProto) -> None:
    with pytest.raises(SaturationError, match="no int8 weights"):
        certify(float_onnx)
