"""Fit how a model's confidence is read: the temperature of its softmax and the threshold for rejection.

Temperature scaling divides logits by the number that maximizes the likelihood of held-out labels (C. Guo et al.,
"On Calibration of Modern Neural Networks", 2017).
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from runtime.predictor import softmax

REJECTED_SHARE = 0.008
"""Share of the held-out digits with a confidence below the threshold."""

_TEMPERATURES = np.geomspace(0.1, 10, 2_000)

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True)
class Confidence:
    """A temperature, the confidence below which a prediction is rejected, and the images that both were fitted on."""

    temperature: Annotated[float, Meta(gt=0, le=sys.float_info.max)]
    reject_below: Share
    images: Count
    fitted_on: str


UNKNOWN = Confidence(1.0, 0.0, 0, "nothing")


def fit_confidence(logits: NDArray[np.float32], labels: NDArray[np.uint8], fitted_on: str) -> Confidence:
    """Fit a temperature and a threshold to logits `[N, 10]` and labels `[N]` of the images named `fitted_on`."""
    temperature = float(min(_TEMPERATURES, key=lambda value: _negative_log_likelihood(logits / value, labels)))
    confidences = softmax((logits / temperature).astype(np.float64)).max(axis=1)
    reject_below = float(np.quantile(confidences, REJECTED_SHARE))
    return Confidence(round(temperature, 4), round(reject_below, 4), len(labels), fitted_on)


def _negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    probabilities = softmax(logits.astype(np.float64))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(probabilities, 1e-300)).mean())
