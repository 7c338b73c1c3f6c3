"""The examples and their runtimes give the golden answers. Run by `make test-reach`."""

import numpy as np
import pytest

from runtime.contract import (
    CONFIDENCE,
    DIGIT,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_PICTURES_FILE,
    INT8_FILE,
    LOGIT_TOLERANCE,
    MODELS,
    OPTIMIZED_FILE,
    PLAUSIBILITY,
    PLAUSIBILITY_TOLERANCE,
    PREPARED,
    PREPARED_TOLERANCE,
    REJECTION,
)
from tests.devices.measure import golden
from tests.reach.measure import answers, largest_difference, logit_difference, logits, other_answers, outputs
from tests.reach.programs import PROGRAMS, Answer

SCORE_TOLERANCE = PLAUSIBILITY_TOLERANCE
"""Measured: 1.2e-7 on ARM and without AVX, 0 elsewhere."""
PRINTED_TOLERANCE = 0.0005 + SCORE_TOLERANCE
"""Programs print 0.1%."""

pytestmark = pytest.mark.reach


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("program", PROGRAMS)
class TestExample:
    def test_digits_and_rejections_are_the_same(self, program: str, model: str) -> None:
        assert other_answers(answers(program, model), model) == []

    def test_confidence_is_close(self, program: str, model: str) -> None:
        expected = golden(model, GOLDEN_PICTURES_FILE)[CONFIDENCE]
        for answer, confidence in zip(answers(program, model), expected, strict=True):
            assert answer is None or abs(answer.confidence - confidence) <= PRINTED_TOLERANCE

    def test_every_picture_is_read_that_it_can_be_given(self, program: str, model: str) -> None:
        missing = answers(program, model).count(None)
        assert missing == (3 if program == "Python camera loop" else 0)  # frames have no opacity


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("program", PROGRAMS)
class TestRuntime:
    def test_digits_and_rejections_are_the_same(self, program: str, model: str) -> None:
        for name in (DIGIT, REJECTION):
            assert largest_difference(outputs(program, model), model, name) == 0

    def test_prepared_pixels_are_within_a_level(self, program: str, model: str) -> None:
        assert largest_difference(outputs(program, model), model, PREPARED) <= PREPARED_TOLERANCE

    @pytest.mark.parametrize("score", [CONFIDENCE, PLAUSIBILITY])
    def test_scores_are_close(self, program: str, model: str, score: str) -> None:
        assert largest_difference(outputs(program, model), model, score) <= SCORE_TOLERANCE

    @pytest.mark.parametrize("file", [INT8_FILE, OPTIMIZED_FILE])
    def test_int8_logits_are_the_same_to_the_bit(self, program: str, model: str, file: str) -> None:
        given = logits(program, model, file)
        assert given.tobytes() == golden(model, GOLDEN_FILE)[INT8_FILE].tobytes()

    def test_float_logits_are_close(self, program: str, model: str) -> None:
        assert logit_difference(logits(program, model, FLOAT_FILE), model, FLOAT_FILE) <= LOGIT_TOLERANCE


@pytest.mark.parametrize("change", ["digit", "rejection"])
def test_another_answer_is_noticed(change: str) -> None:
    given = list(answers("C++", "v2"))
    answer = given[3]
    assert answer
    given[3] = answer._replace(**{change: getattr(answer, change) + 1})
    assert other_answers(given, "v2") == [3]


def test_a_picture_that_was_not_read_is_no_other_answer() -> None:
    given: list[Answer | None] = [None, *answers("C++", "v2")[1:]]
    assert other_answers(given, "v2") == []


@pytest.mark.parametrize(
    ("name", "by"), [(DIGIT, 1), (REJECTION, 1), (CONFIDENCE, 0.25), (PREPARED, 2), (PLAUSIBILITY, 0.25)]
)
def test_another_output_is_noticed(name: str, by: float) -> None:
    given = outputs("Node", "v1").copy()
    given[name].flat[-1] += np.asarray(by, given[name].dtype)
    assert largest_difference(given, "v1", name) > by / 2


def test_a_changed_logit_is_noticed() -> None:
    given = logits("Node", "v1", INT8_FILE).copy()
    given[3, 4] = np.nextafter(given[3, 4], np.float32(np.inf))
    assert logit_difference(given, "v1", INT8_FILE) > 0
