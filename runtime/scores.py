"""What a network's logits say of an image: the probability of each digit, and how plausible it is that it shows one."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", bound=np.floating)

# For a single image numpy's calls take longer than the arithmetic; those without an axis, and Python's own, are faster.


def softmax(logits: NDArray[_Float]) -> NDArray[_Float]:
    """Return the probabilities of logits `[N, C]`, of the same dtype: exp(logit) divided by the sum of its row."""
    is_single = len(logits) == 1
    highest = logits[0, logits.argmax()] if is_single else logits.max(axis=1, keepdims=True)
    powers: NDArray[_Float] = np.exp(logits - highest)
    powers /= np.add.reduce(powers, axis=None) if is_single else powers.sum(axis=1, keepdims=True)
    return powers


def logit_spreads(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how uneven each row of logits `[N, C]` is, its log-sum-exp minus its mean: float64 `[N]`, at least log C.

    It is the cross-entropy of equal probabilities with the softmax, which training lowers for images without a digit.
    """
    highest = logits.max(axis=1, keepdims=True)
    below = logits.astype(np.float64) - highest
    spreads: NDArray[np.float64] = np.log(np.exp(below).sum(axis=1)) - below.mean(axis=1)
    return spreads


def plausibilities(logits: NDArray[_Float], midpoint: float, slope: float) -> NDArray[_Float]:
    """Return how much images look like a digit at all, 0 to 1, `[N]` of the dtype of their logits `[N, C]`.

    It is 1 / (1 + exp(-slope · (spread - midpoint))), written with tanh, which does not overflow.
    """
    if len(logits) == 1:
        (row,) = logits.tolist()
        highest = max(row)
        spread = highest + math.log(sum(math.exp(logit - highest) for logit in row)) - sum(row) / len(row)
        return np.array([0.5 + 0.5 * math.tanh(slope / 2 * (spread - midpoint))], logits.dtype)
    return (0.5 + 0.5 * np.tanh(slope / 2 * (logit_spreads(logits) - midpoint))).astype(logits.dtype)
