"""What a model's probabilities are worth: the temperature that makes them honest, and which to trust.

Temperature scaling is C. Guo et al.'s, "On Calibration of Modern Neural Networks", 2017: logits are
divided by one number before the softmax, the one under which held-out digits are most likely.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REJECTED_SHARE = 0.008
"""Of held-out digits, the share whose confidence is below the threshold."""

_TEMPERATURES = np.geomspace(0.1, 10, 2_000)


@dataclass(frozen=True)
class Confidence:
    """A temperature, the confidence below which a prediction is rejected, and the images that both were fitted on."""

    temperature: float
    reject_below: float
    images: int
    fitted_on: str


UNKNOWN = Confidence(1.0, 0.0, 0, "nothing")


def fit_confidence(logits: NDArray[np.float32], labels: NDArray[np.uint8], fitted_on: str) -> Confidence:
    """Fit a temperature and a threshold.

    Args:
        logits: `[N, 10]`.
        labels: `[N]`, the true digits.
        fitted_on: the name of these images.
    """
    temperature = float(min(_TEMPERATURES, key=lambda value: _negative_log_likelihood(logits / value, labels)))
    confidences = _probabilities(logits / temperature).max(axis=1)
    reject_below = float(np.quantile(confidences, REJECTED_SHARE))
    return Confidence(round(temperature, 4), round(reject_below, 4), len(labels), fitted_on)


def _probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    of_truth = _probabilities(logits)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_truth, 1e-300)).mean())
