"""Accuracy, precision, recall and calibration error, against numbers computed by hand."""

import math

import numpy as np
import pytest

from mnist_edge.evaluation.metrics import Evaluation, expected_calibration_error

LABELS = np.array([0, 0, 0, 1, 1, 2, 9], np.uint8)
PREDICTED = np.array([0, 0, 1, 1, 0, 3, 9], np.int64)


def test_metrics_match_counts_by_hand() -> None:
    evaluation = Evaluation.of(PREDICTED, LABELS)
    assert (evaluation.images, evaluation.correct, evaluation.accuracy) == (7, 4, 4 / 7)
    assert evaluation.confusion[0][:3] == (2, 1, 0)
    assert evaluation.recall(0) == 2 / 3
    assert evaluation.precision(0) == 2 / 3
    assert evaluation.recall(2) == 0
    assert evaluation.recall(5) is None
    assert evaluation.precision(5) is None


def test_worst_pairs_are_sorted_by_frequency() -> None:
    predicted, labels = np.array([9, 9, 7, 1]), np.array([4, 4, 2, 1])
    assert Evaluation.of(predicted, labels).worst_pairs(5) == [(4, 9, 2), (2, 7, 1)]
    assert Evaluation.of(predicted, labels).worst_pairs(1) == [(4, 9, 2)]


def test_accuracy_without_images_is_nan() -> None:
    empty = np.array([], np.int64)
    assert math.isnan(Evaluation.of(empty, empty).accuracy)


def test_calibration_error_is_weighted_by_images_per_bin() -> None:
    """Three images at 0.9, two of them correct: off by 0.9 - 2/3. One at 1.0, correct: off by 0."""
    confidences, correct = np.array([0.9, 0.9, 0.9, 1.0]), np.array([True, True, False, True])
    assert expected_calibration_error(confidences, correct) == pytest.approx(3 / 4 * (0.9 - 2 / 3))
