"""Temperature and plausibility on labels drawn with known probabilities, checked with PyTorch and SciPy."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from export.confidence import REJECTED_SHARE, Confidence, fit_confidence
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


def plausible(confidence: Confidence, logits: np.ndarray) -> np.ndarray:
    """Return the plausibilities of logits, by PyTorch and SciPy."""
    values = torch.from_numpy(logits).double()
    spreads = (values.logsumexp(1) - values.mean(1)).numpy()
    return np.asarray(expit(confidence.plausibility_slope * (spreads - confidence.plausibility_midpoint)))


def test_the_intended_share_is_below_0_5_and_half_below_0_99() -> None:
    logits, labels = sampled(6_000, 1.0)
    scores = plausible(fit_confidence(logits, labels, ""), logits)
    assert REJECTED_SHARE == 0.005
    assert (scores < 0.5).sum() == 30
    assert np.median(scores) == pytest.approx(0.99, abs=1e-4)


@pytest.mark.parametrize("logits", [np.zeros((40, 10)), np.tile(np.eye(10), (4, 1)) / 7, np.eye(10) * 1e-9])
def test_an_untrained_network_finds_all_images_plausible(logits: np.ndarray) -> None:
    """Its spreads are all equal, so that none is below the midpoint."""
    logits = logits.astype(np.float32)
    confidence = fit_confidence(logits, np.zeros(len(logits), np.uint8), "")
    assert 0 < confidence.plausibility_slope < np.inf
    assert (plausible(confidence, logits) >= 0.5).all()
