"""The result of predicting the digit in a picture, and the reasons for rejecting the picture, in words."""

from dataclasses import dataclass
from typing import Final

from .contract import Reason

DETAILS: Final = {
    Reason.BLANK: "the picture is blank: nothing stands out from the background",
    Reason.NOISE: "the picture shows noise, or marks too faint to tell from it",
    Reason.SEVERAL_MARKS: "the picture shows several marks, not a single digit",
    Reason.EDGE: "the only mark is a strip along an edge of the picture",
    Reason.UNCLEAR: "light or dark could be the ink, or part of the ink may be lost",
    Reason.LOW_CONFIDENCE: "the confidence, {confidence:.1%}, is below {threshold:.1%}",
}
"""The `detail` of a rejection for each reason; only that of a low confidence has figures."""


@dataclass(frozen=True)
class Rejection:
    """Why a picture seems to show no digit: a code for programs and an English sentence for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Prediction:
    """The most probable digit, its probability, the probabilities of 0 to 9, and why they are rejected, or None."""

    digit: int
    confidence: float
    probabilities: tuple[float, ...]
    rejection: Rejection | None = None

    def top(self, count: int) -> list[tuple[int, float]]:
        """Return the `count` most probable digits with their probabilities, best first."""
        return sorted(enumerate(self.probabilities), key=lambda entry: (-entry[1], entry[0]))[:count]
