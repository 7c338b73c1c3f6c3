"""Temperature and threshold, against PyTorch and by hand."""

import numpy as np
import pytest
import torch

from export.confidence import REJECTED_SHARE, fit_confidence
from mnist_edge.evaluation.metrics import expected_calibration_error


def sampled(count: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the probabilities that the logits give at temperature 1 / `sharpness`."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (count, 10))
    powers = np.exp(logits)
    labels = np.array([generator.choice(10, p=row / row.sum()) for row in powers], np.uint8)
    return (logits * sharpness).astype(np.float32), labels


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 2.5])
def test_the_temperature_is_the_one_that_the_labels_were_drawn_with(sharpness: float) -> None:
    found = fit_confidence(*sampled(8_000, sharpness), "drawn labels")
    assert found.temperature == pytest.approx(sharpness, rel=0.06)
    assert (found.images, found.fitted_on) == (8_000, "drawn labels")


def test_it_makes_confidences_honest() -> None:
    logits, labels = sampled(8_000, 2.5)

    def error(temperature: float) -> float:
        probabilities = torch.softmax(torch.from_numpy(logits) / temperature, 1).numpy()
        return expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == labels)

    assert error(1.0) > 0.1
    assert error(fit_confidence(logits, labels, "").temperature) < 0.015


def test_the_threshold_rejects_its_share() -> None:
    logits, labels = sampled(5_000, 1.0)
    found = fit_confidence(logits, labels, "")
    confidences = torch.softmax(torch.from_numpy(logits) / found.temperature, 1).amax(1)
    assert (confidences < found.reject_below).float().mean().item() == pytest.approx(REJECTED_SHARE, abs=0.001)
