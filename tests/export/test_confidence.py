"""Temperature and threshold on labels drawn with known probabilities, checked with PyTorch."""

import numpy as np
import pytest
import torch

from export.confidence import REJECTED_SHARE, fit_confidence
from mnist_edge.evaluation.metrics import expected_calibration_error


def sampled(count: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and labels drawn from their softmax at the temperature `sharpness`."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (count, 10))
    powers = np.exp(logits)
    labels = np.array([generator.choice(10, p=row / row.sum()) for row in powers], np.uint8)
    return (logits * sharpness).astype(np.float32), labels


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 2.5])
def test_the_temperature_of_drawn_labels_is_recovered(sharpness: float) -> None:
    confidence = fit_confidence(*sampled(8_000, sharpness), "drawn labels")
    assert confidence.temperature == pytest.approx(sharpness, rel=0.06)
    assert (confidence.images, confidence.fitted_on) == (8_000, "drawn labels")


def test_the_temperature_lowers_the_calibration_error() -> None:
    logits, labels = sampled(8_000, 2.5)

    def error(temperature: float) -> float:
        probabilities = torch.softmax(torch.from_numpy(logits) / temperature, 1).numpy()
        return expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == labels)

    assert error(1.0) > 0.1
    assert error(fit_confidence(logits, labels, "").temperature) < 0.015


def test_the_threshold_rejects_the_intended_share() -> None:
    logits, labels = sampled(5_000, 1.0)
    confidence = fit_confidence(logits, labels, "")
    confidences = torch.softmax(torch.from_numpy(logits) / confidence.temperature, 1).amax(1)
    assert (confidences < confidence.reject_below).float().mean().item() == pytest.approx(REJECTED_SHARE, abs=0.001)
