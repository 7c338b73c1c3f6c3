"""The chart of rejections shows the recorded curves."""

import numpy as np
import pytest

from mnist_edge.evaluation.non_digits import NON_DIGIT_GROUPS
from mnist_edge.evaluation.rejection import RejectionPoint, RejectionResult
from runtime.contract import ARTIFACTS, MODELS
from tools.rejection_page import recorded_suites, rejection_figure


def point(digits: float, non_digits: float) -> RejectionPoint:
    return RejectionPoint(0.5, digits, dict.fromkeys(NON_DIGIT_GROUPS, non_digits))


def test_each_group_has_a_line_for_each_score() -> None:
    result = RejectionResult(10, {}, point(0.005, 0.8), (point(0.01, 0.9),), (point(0.01, 0.7), point(0.02, 0.75)))
    (panel,) = rejection_figure({"v2": result}).axes
    lines = {line.get_label(): line.get_xydata() for line in panel.get_lines()}
    assert lines["unseen class, by plausibility"] == pytest.approx(np.array([[1, 90]]))
    assert lines["natural, by confidence"] == pytest.approx(np.array([[1, 70], [2, 75]]))
    assert panel.get_title(loc="left") == "V2, int8"


def test_all_shipped_models_are_drawn() -> None:
    assert list(recorded_suites(ARTIFACTS)) == list(MODELS)
