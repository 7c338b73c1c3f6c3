"""Fit how a model's logits are read: the temperature of its softmax, and the scale of plausibilities.

Temperature scaling divides logits by the number that maximizes the likelihood of held-out labels (C. Guo et al.,
"On Calibration of Modern Neural Networks", 2017).
"""

import math
import sys
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from runtime.scores import logit_spreads, softmax

REJECTED_SHARE = 0.005
"""Share of the held-out digits below the midpoint, which `contract.REJECT_BELOW` rejects: chosen, not fitted. Of digits
that are written or scanned in other ways it rejects several times as many; ARCHITECTURE.md has the alternatives."""
MEDIAN_PLAUSIBILITY = 0.99
"""The plausibility of the median of the held-out digits."""
_LEAST_DISTANCE = 1.0
"""Of the median from the midpoint, in spreads. Those of hardly trained networks lie closer together, and a steeper
slope would show the rounding of the graph's float32."""

_TEMPERATURES = np.geomspace(0.1, 10, 2_000)

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
_Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]


@dataclass(frozen=True)
class Confidence:
    """A temperature, midpoint and slope of `runtime.scores.plausibilities`, and the images that they were fitted on."""

    temperature: _Positive
    plausibility_midpoint: _Finite
    plausibility_slope: _Positive
    images: Count
    fitted_on: str


UNKNOWN = Confidence(1.0, 0.0, 1.0, 0, "nothing")


def fit_confidence(logits: NDArray[np.float32], labels: NDArray[np.uint8], fitted_on: str) -> Confidence:
    """Fit temperature and plausibility to logits `[N, 10]` and labels `[N]` of the images named `fitted_on`."""
    temperature = float(min(_TEMPERATURES, key=lambda value: _negative_log_likelihood(logits / value, labels)))
    lowest, median = np.quantile(logit_spreads(logits), (REJECTED_SHARE, 0.5))
    midpoint = math.floor(lowest * 10_000) / 10_000  # down: where all spreads are equal, none is below it
    slope = math.log(MEDIAN_PLAUSIBILITY / (1 - MEDIAN_PLAUSIBILITY)) / max(float(median) - midpoint, _LEAST_DISTANCE)
    return Confidence(round(temperature, 4), midpoint, float(f"{slope:.4g}"), len(labels), fitted_on)


def _negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    probabilities = softmax(logits.astype(np.float64))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(probabilities, 1e-300)).mean())
