"""Counting what is right, against counts by hand."""

import math

import numpy as np

from mnist_edge.evaluation.metrics import Evaluation

LABELS = np.array([0, 0, 0, 1, 1, 2, 9], np.uint8)
PREDICTED = np.array([0, 0, 1, 1, 0, 3, 9], np.int64)


def test_counts_are_those_by_hand() -> None:
    found = Evaluation.of(PREDICTED, LABELS)
    assert (found.images, found.correct, found.accuracy) == (7, 4, 4 / 7)
    assert found.confusion[0][:3] == (2, 1, 0)
    assert found.recall(0) == 2 / 3
    assert found.precision(0) == 2 / 3
    assert found.recall(2) == 0
    assert found.recall(5) is None
    assert found.precision(5) is None


def test_the_worst_pairs_come_first() -> None:
    predicted, labels = np.array([9, 9, 7, 1]), np.array([4, 4, 2, 1])
    assert Evaluation.of(predicted, labels).worst_pairs(5) == [(4, 9, 2), (2, 7, 1)]
    assert Evaluation.of(predicted, labels).worst_pairs(1) == [(4, 9, 2)]


def test_no_images_have_no_accuracy() -> None:
    empty = np.array([], np.int64)
    assert math.isnan(Evaluation.of(empty, empty).accuracy)
