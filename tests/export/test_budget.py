"""The budget, just under, at and over."""

import pytest

from export.budget import check_bytes, check_parameters
from mnist_edge.errors import BudgetError, GateError
from mnist_edge.layers import layers_of
from mnist_edge.models import build_model


@pytest.mark.parametrize(("max_parameters", "kept"), [(24_713, False), (24_714, False), (24_715, True)])
def test_parameters_must_be_fewer_than_the_limit(max_parameters: int, kept: bool) -> None:
    layers = layers_of(build_model("v1"))
    if kept:
        assert check_parameters(layers, max_parameters) == 24_714
        return
    with pytest.raises(BudgetError, match=f"24,714, but the budget is fewer than {max_parameters:,}") as caught:
        check_parameters(layers, max_parameters)
    assert "head.1 19,096" in str(caught.value)
    assert isinstance(caught.value, GateError)


@pytest.mark.parametrize(("size_bytes", "kept"), [(999, True), (1_000, True), (1_001, False)])
def test_bytes_may_reach_the_limit(size_bytes: int, kept: bool) -> None:
    if kept:
        check_bytes("model.int8.onnx", size_bytes, 1_000)
        return
    with pytest.raises(
        BudgetError, match=r"bytes of model\.int8\.onnx: 1,001, but the budget is at most 1,000"
    ) as caught:
        check_bytes("model.int8.onnx", size_bytes, 1_000)
    assert str(caught.value).endswith(" Raise it with --max-bytes.")
