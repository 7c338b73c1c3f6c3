"""The page gives Python's answers to the same pixels. Run by `make test-page`."""

import numpy as np
import pytest

from mnist_edge.data.drawing import Pixels
from runtime import Predictor, Reason
from runtime.contract import (
    GOLDEN_FILE,
    GOLDEN_IMAGES,
    INT8_FILE,
    LOGIT_TOLERANCE,
    MODELS,
    OPTIMIZED_FILE,
    OUTPUT,
    PLAUSIBILITY_TOLERANCE,
    PREPARED_TOLERANCE,
)
from tests.browser.answers import PICTURES, Answer, answer_in_browser, answer_in_python, pictures, run_in_browser
from tests.browser.measure import measure_golden
from tests.browser.visits import Open
from tests.devices.measure import golden
from tests.windows import unfolded

SCORE_TOLERANCE = PLAUSIBILITY_TOLERANCE
"""Measured: 2e-7."""
NEIGHBOR_TOLERANCE = 0.03
"""Where a pixel of the prepared picture is a level brighter or darker; measured: 0.012."""

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def drawn() -> list[Pixels]:
    return pictures()


@pytest.fixture(scope="module")
def expected(drawn: list[Pixels]) -> dict[str, list[Answer]]:
    predictors = {model: Predictor(model) for model in MODELS}
    return {model: [answer_in_python(predictors[model], picture) for picture in drawn] for model in MODELS}


def assert_same(answer: Answer, expected: Answer) -> None:
    assert (answer.digit, answer.rejection) == (expected.digit, expected.rejection)
    levels = np.abs(answer.prepared.astype(int) - expected.prepared).max()
    assert levels <= PREPARED_TOLERANCE
    tolerance = NEIGHBOR_TOLERANCE if levels else SCORE_TOLERANCE
    assert answer.confidence == pytest.approx(expected.confidence, abs=tolerance)
    assert answer.plausibility == pytest.approx(expected.plausibility, abs=tolerance)


@pytest.mark.parametrize("model", MODELS)
def test_the_page_gives_pythons_answers(
    open_page: Open, drawn: list[Pixels], expected: dict[str, list[Answer]], model: str
) -> None:
    page = open_page().page
    assert len(drawn) == PICTURES
    for picture, answer in zip(drawn, expected[model], strict=True):
        assert_same(answer_in_browser(page, model, picture), answer)


def test_the_pictures_have_every_digit_and_reason(expected: dict[str, list[Answer]]) -> None:
    for answers in expected.values():
        assert {answer.digit for answer in answers if not answer.rejection} == set(range(10))
        assert {answer.rejection for answer in answers} == {None, *(reason.label for reason in Reason)}


def test_another_picture_gets_another_answer(
    open_page: Open, drawn: list[Pixels], expected: dict[str, list[Answer]]
) -> None:
    page = open_page().page
    shifted = [*drawn[1:], drawn[0]]
    for index in (4, 7, 20):
        with pytest.raises(AssertionError):
            assert_same(answer_in_browser(page, "v2", shifted[index]), expected["v2"][index])


def test_golden_answers_are_the_same_in_the_browser(open_page: Open) -> None:
    result = measure_golden(open_page().page)
    assert (result.pictures, result.other_answers) == (32, 0)
    assert result.prepared_levels <= PREPARED_TOLERANCE
    assert result.score <= SCORE_TOLERANCE
    assert result.int8_logit == 0.0
    assert result.float_logit <= LOGIT_TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_the_optimized_graph_gives_the_same_bits(open_page: Open, model: str) -> None:
    expected = golden(model, GOLDEN_FILE)
    windows = unfolded(expected[GOLDEN_IMAGES])
    outputs = run_in_browser(open_page().page, f"{model}/{OPTIMIZED_FILE}", windows)
    assert outputs[OUTPUT].astype(np.float32).tobytes() == expected[INT8_FILE].tobytes()
