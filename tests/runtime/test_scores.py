"""Scores of logits: probabilities as PyTorch computes them, plausibilities by SciPy and by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp

from runtime.scores import logit_spreads, plausibilities, softmax


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
class TestSoftmax:
    logits = np.random.default_rng(0).normal(0, 30, (50, 10))

    def test_it_agrees_with_pytorch(self, dtype: Any) -> None:
        tolerance = 10 * np.finfo(dtype).eps
        logits = self.logits.astype(dtype)
        expected = torch.from_numpy(logits).softmax(1).numpy()
        assert softmax(logits).dtype == dtype
        assert np.abs(softmax(logits) - expected).max() < tolerance
        assert np.abs(softmax(logits[:, :3]) - torch.from_numpy(logits[:, :3]).softmax(1).numpy()).max() < tolerance

    def test_a_row_alone_has_the_same_probabilities(self, dtype: Any) -> None:
        logits = self.logits.astype(dtype)
        rows = [softmax(logits[row : row + 1]) for row in range(50)]
        assert np.array_equal(np.concatenate(rows), softmax(logits))

    def test_large_logits_do_not_overflow(self, dtype: Any) -> None:
        assert softmax(np.array([[10_000, 0]], dtype)).tolist() == [[1, 0]]


def test_a_spread_is_the_log_sum_exp_minus_the_mean() -> None:
    even, powers = [2, 2, 2], [math.log(2), math.log(2), math.log(4)]
    assert logit_spreads(np.array([even, powers])) == pytest.approx([math.log(3), math.log(8) - math.log(16) / 3])
    logits = np.random.default_rng(0).normal(0, 30, (50, 10)).astype(np.float32)
    uniform = torch.full((50, 10), 0.1, dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits).double(), uniform, reduction="none")
    assert logit_spreads(logits) == pytest.approx(expected.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
class TestPlausibilities:
    logits = np.random.default_rng(0).normal(0, 3, (50, 10))

    def test_they_are_the_logistic_function_of_the_spread(self, dtype: Any) -> None:
        logits = self.logits.astype(dtype)
        expected = expit([1.5 * (logsumexp(row) - math.fsum(row) / 10 - 4) for row in logits.tolist()])
        actual = plausibilities(logits, 4, 1.5)
        assert (actual.dtype, actual.shape) == (dtype, (50,))
        assert actual == pytest.approx(expected, abs=4 * float(np.finfo(dtype).eps))
        assert 0.01 < expected.min() < 0.5 < expected.max() < 0.999

    def test_by_hand(self, dtype: Any) -> None:
        logits = np.array([[0, 0, 0], [60, 0, 0], [120, 0, 0]], dtype)  # spreads of log 3, 40 and 80
        odds = plausibilities(logits, 40, math.log(3) / 40)
        assert odds == pytest.approx([(1 + 3 ** (1 - math.log(3) / 40)) ** -1, 1 / 2, 3 / 4])
        assert odds[1] == 0.5  # not below the threshold

    def test_a_row_alone_has_the_same_plausibility(self, dtype: Any) -> None:
        logits = self.logits.astype(dtype)
        rows = [plausibilities(logits[row : row + 1], 4, 1.5) for row in range(50)]
        assert {(row.dtype, row.shape) for row in rows} == {(np.dtype(dtype), (1,))}
        assert np.concatenate(rows) == pytest.approx(plausibilities(logits, 4, 1.5), abs=4 * float(np.finfo(dtype).eps))

    @pytest.mark.parametrize("rows", [1, 2])
    def test_extremes_do_not_overflow(self, dtype: Any, rows: int) -> None:
        wide = np.array([[10_000, 0]] * rows, dtype)
        assert plausibilities(wide, 100, 1e3).tolist() == [1.0] * rows
        assert plausibilities(wide, 10_000, 1e3).tolist() == [0.0] * rows
        assert plausibilities(0 * wide, -math.inf, 1).tolist() == [1.0] * rows
