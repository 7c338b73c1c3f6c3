"""Compare answers in Chromium with the golden ones and with Python's, and time them.

`python -m tests.browser.measure GOLDEN PAGE` writes the two files of results.
"""

import json
import sys
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Browser, Page

from mnist_edge.data.drawing import Pixels, draw_digit
from mnist_edge.files import save_results
from mnist_edge.machine import installed_versions, this_machine
from runtime import Predictor
from runtime.contract import (
    ARTIFACTS,
    CONFIDENCE,
    DIGIT,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_IMAGES,
    GOLDEN_PICTURE_PREFIX,
    GOLDEN_PICTURES_FILE,
    INT8_FILE,
    MODELS,
    OUTPUT,
    PICTURE_FILE,
    PLAUSIBILITY,
    PREPARED,
    REJECTION,
    Reason,
)
from tests.browser.answers import answer_in_browser, answer_in_python, pictures, run_in_browser
from tests.browser.driver import open_browser, serve
from tests.devices.measure import golden
from tools.devices_page import DeviceResult, DeviceResults
from tools.page_results import ModelInPage, PageResults

SIZES = ((28, 28), (480, 640), (560, 560))  # height and width: MNIST's, a camera's frame and the drawing area
READINGS = 50
VISITS = 7
_PACKAGES = ARTIFACTS.parent / "examples" / "browser" / "package.json"
_WAIT_FOR_ANSWER = """
async () => {
  while (!document.getElementById("answer")?.className) await new Promise(requestAnimationFrame);
  return performance.now();
}
"""


def measure_golden(page: Page) -> DeviceResult:
    """Return how far onnxruntime-web's answers are from the golden ones.

    Of a picture that is rejected as blank only the rejection is compared: the preparation of `a_row_of_grey` amplifies
    the rounding of its sums, and WebAssembly adds in another order.
    """
    compared, others, levels, scores, logits = 0, 0, [], [], {INT8_FILE: 0.0, FLOAT_FILE: 0.0}
    for model in MODELS:
        expected = golden(model, GOLDEN_PICTURES_FILE)
        drawn = [array for name, array in expected.items() if name.startswith(GOLDEN_PICTURE_PREFIX)]
        compared += len(drawn)
        for index, picture in enumerate(drawn):
            outputs = run_in_browser(page, f"{model}/{PICTURE_FILE}", picture)
            if expected[REJECTION][index] == Reason.BLANK:
                others += int(outputs[REJECTION][0]) != Reason.BLANK
                continue
            others += any(int(outputs[name][0]) != expected[name][index] for name in (DIGIT, REJECTION))
            levels.append(int(np.abs(outputs[PREPARED] - expected[PREPARED][index].ravel()).max()))
            scores += [float(abs(outputs[name][0] - expected[name][index])) for name in (CONFIDENCE, PLAUSIBILITY)]
        images = golden(model, GOLDEN_FILE)
        for file, largest in logits.items():
            outputs = run_in_browser(page, f"{model}/{file}", images[GOLDEN_IMAGES][:, None])
            difference = np.abs(outputs[OUTPUT] - images[file].astype(np.float64).ravel()).max()
            logits[file] = max(largest, float(difference))
    browser = page.context.browser
    return DeviceResult(
        name="browser, Chromium",
        versions={"onnxruntime-web": _onnxruntime_web(), "Chromium": browser.version if browser else ""},
        pictures=compared,
        other_answers=others,
        prepared_levels=max(levels),
        score=max(scores),
        int8_logit=logits[INT8_FILE],
        float_logit=logits[FLOAT_FILE],
    )


def _onnxruntime_web() -> str:
    return str(json.loads(_PACKAGES.read_text("utf-8"))["dependencies"]["onnxruntime-web"])


def measure_model(page: Page, model: str) -> ModelInPage:
    """Return a model's answers beside Python's, and its times."""
    predictor = Predictor(model)
    pairs = [(answer_in_browser(page, model, picture), answer_in_python(predictor, picture)) for picture in pictures()]
    differences = [int(np.abs(here.prepared.astype(int) - there.prepared).max()) for here, there in pairs]
    return ModelInPage(
        name=model,
        pictures=len(pairs),
        other_answers=sum((here.digit, here.rejection) != (there.digit, there.rejection) for here, there in pairs),
        same_bytes=differences.count(0),
        prepared_levels=max(differences),
        confidence=max(abs(here.confidence - there.confidence) for here, there in pairs),
        milliseconds={f"{width}×{height}": median_milliseconds(page, model, height, width) for height, width in SIZES},
    )


def median_milliseconds(page: Page, model: str, height: int, width: int) -> float:
    """Return the median time in which a drawn digit of a size is read."""
    picture = _digit_on_paper(height, width)
    return median(answer_in_browser(page, model, picture).milliseconds for _ in range(READINGS))


def _digit_on_paper(height: int, width: int) -> Pixels:
    picture = np.full((height, width, 4), 255, np.uint8)
    side = min(height, width)
    picture[:side, :side, :3] -= draw_digit(5, np.random.default_rng(0), side)[..., None]
    return picture


def first_answer_seconds(browser: Browser, address: str) -> float:
    """Return the seconds from opening the page, with nothing in the cache, to its first answer."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address, wait_until="commit")
    milliseconds = page.evaluate(_WAIT_FOR_ANSWER)
    context.close()
    return float(milliseconds) / 1000


def measure_page(browser: Browser, page: Page, address: str) -> PageResults:
    """Measure both models in the page, and its start."""
    return PageResults(
        machine=this_machine(),
        versions={
            "Chromium": browser.version,
            "onnxruntime-web": _onnxruntime_web(),
            **installed_versions("onnxruntime"),
        },
        first_answer_seconds=median(first_answer_seconds(browser, address) for _ in range(VISITS)),
        models=tuple(measure_model(page, model) for model in MODELS),
    )


if __name__ == "__main__":  # `make measure-page`
    with serve() as _address, open_browser() as _browser:
        _page = _browser.new_page()
        _page.goto(_address)
        save_results(Path(sys.argv[1]), DeviceResults(this_machine(), (measure_golden(_page),)))
        save_results(Path(sys.argv[2]), measure_page(_browser, _page, _address))
