"""What a visitor does with the page and what it answers. Run by `make test-page`.

The fixture `open_page` also checks that nothing is reported on the console and no request leaves the page's folder.
"""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from mnist_edge.data.drawing import Pixels, draw_digit, draw_samples
from runtime import Predictor
from runtime.contract import PREPARED_TOLERANCE
from tests.browser.driver import draw_with_mouse, pad_points
from tests.browser.visits import CAMERA_DIGIT, Open

BLANK = "Nothing stands out from the background."
SLOW = 30_000
"""Milliseconds to wait for an answer: a browser compiles 14 MB first, on a machine that may be busy."""
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
}
_DROP = """
([type, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true, dataTransfer: files, clipboardData: files };
  document.getElementById("stage").dispatchEvent(new (type === "paste" ? ClipboardEvent : DragEvent)(type, options));
}
"""
_PREPARED = """
() => [...document.getElementById("prepared").getContext("2d").getImageData(0, 0, 28, 28).data]
"""

pytestmark = pytest.mark.page


def assert_answers(page: Page, digit: int, model: str = "V2") -> None:
    """Wait until the page has told a digit, and check that all of its parts agree."""
    expect(page.locator("#spoken")).to_have_text(f"Digit {digit}", timeout=SLOW)
    expect(page.locator("#digit")).to_have_text(str(digit))
    expect(page.locator("#verdict")).to_have_text(re.compile(r"^\d+\.\d% confident$"))
    expect(page.locator("#time")).to_have_text(re.compile(rf"^{model} answered in \d+\.\d ms$"), timeout=SLOW)
    expect(page.locator("#bars .best b")).to_have_text(str(digit))
    shares = [float(text.rstrip("%")) for text in page.locator("#bars span").all_text_contents()]
    assert shares.index(max(shares)) == digit
    assert sum(shares) == pytest.approx(100, abs=5)  # ten rounded shares


def assert_rejects(page: Page, sentence: str) -> None:
    """Wait until the page has told that there is no digit, and why."""
    expect(page.locator("#spoken")).to_have_text(f"No digit. {sentence}", timeout=SLOW)
    expect(page.locator("#verdict")).to_have_text("No digit")
    expect(page.locator("#digit")).to_have_text("\N{EN DASH}")


def png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_read_by_both_networks(open_page: Open, digit: int) -> None:
    page = open_page().page
    draw_with_mouse(page, digit)
    assert_answers(page, digit)
    page.get_by_label("V1").check()
    assert_answers(page, digit, "V1")


@pytest.mark.parametrize("pointer", ["touch", "pen"])
def test_a_finger_and_a_pen_draw_too(open_page: Open, pointer: str) -> None:
    page = open_page(**PHONE).page
    page.evaluate("addEventListener('pointerdown', ({ pointerType }) => { document.title = pointerType })")
    devtools = page.context.new_cdp_session(page)
    for stroke in pad_points(page, 5):
        for phase, (x, y) in [("Start", stroke[0]), *(("Move", point) for point in stroke), ("End", stroke[-1])]:
            if pointer == "touch":
                touches = [] if phase == "End" else [{"x": x, "y": y}]
                devtools.send("Input.dispatchTouchEvent", {"type": f"touch{phase}", "touchPoints": touches})
            else:
                kind = {"Start": "mousePressed", "Move": "mouseMoved", "End": "mouseReleased"}[phase]
                event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
                devtools.send("Input.dispatchMouseEvent", {**event, "pointerType": "pen"})
    assert_answers(page, 5)
    assert page.title() == pointer
    assert page.evaluate("scrollY") == 0


def test_an_empty_canvas_is_no_digit(open_page: Open) -> None:
    page = open_page().page
    assert_rejects(page, BLANK)
    draw_with_mouse(page, 2)
    assert_answers(page, 2)
    page.get_by_role("button", name="Clear").click()
    assert_rejects(page, BLANK)


def test_two_digits_side_by_side_are_not_one(open_page: Open) -> None:
    page = open_page().page
    number = np.hstack([draw_digit(digit, np.random.default_rng(0), 64) for digit in (3, 8)])
    page.set_input_files("#file", {"name": "38.png", "mimeType": "image/png", "buffer": png(255 - number)})
    assert_rejects(page, "There are several marks, not a single digit.")


def test_a_new_stroke_replaces_a_picture(open_page: Open, samples: Path) -> None:
    page = open_page().page
    page.set_input_files("#file", samples / "three-on-paper.png")
    assert_answers(page, 3)
    draw_with_mouse(page, 7)
    assert_answers(page, 7)


@pytest.mark.parametrize("file", sorted(draw_samples()))
def test_an_uploaded_picture_is_prepared_as_in_python(open_page: Open, samples: Path, file: str) -> None:
    page = open_page().page
    page.set_input_files("#file", samples / file)
    predictor = Predictor()
    assert_answers(page, predictor.predict(samples / file).digit)
    shown = np.array(page.evaluate(_PREPARED), np.uint8).reshape(28, 28, 4)
    expected = predictor.prepare(samples / file).digit.astype(int)
    assert np.abs(shown[..., 0] - expected).max() <= PREPARED_TOLERANCE
    assert (shown[..., 3] == 255).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photograph_is_turned_upright_and_shrunk(open_page: Open, tmp_path: Path, orientation: int) -> None:
    """4,000 × 3,000 pixels, with the EXIF orientation of a camera that was held another way."""
    upright = np.full((3000, 4000), 230, np.uint8)
    upright[700:2300:, 1200:2800] -= draw_digit(7, np.random.default_rng(0), 400).repeat(4, 0).repeat(4, 1) // 4 * 3
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]  # quarter turns, counterclockwise
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.rot90(upright, turns)).save(tmp_path / "photograph.jpg", exif=exif)
    page = open_page().page
    page.set_input_files("#file", tmp_path / "photograph.jpg")
    assert_answers(page, 7)
    assert page.evaluate("[pad.width, pad.height]") == [1024, 768]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_read(open_page: Open, samples: Path, way: str) -> None:
    page = open_page().page
    data = base64.b64encode((samples / "five-transparent.png").read_bytes()).decode()
    page.evaluate(_DROP, [way, "five.png", data])
    assert_answers(page, 5)


def test_a_damaged_picture_is_named(open_page: Open) -> None:
    page = open_page().page
    page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"seven"})
    expect(page.get_by_role("alert")).to_have_text("notes.txt is not a picture that this browser can open.")
    draw_with_mouse(page, 6)
    assert_answers(page, 6)


def test_the_camera_is_read_until_a_picture_is_taken(open_page: Open) -> None:
    page = open_page().page
    page.get_by_role("button", name="Use camera").click()
    assert_answers(page, CAMERA_DIGIT)
    page.get_by_role("button", name="Take picture").click()
    expect(page.get_by_role("button", name="Use camera")).to_be_visible()
    assert_answers(page, CAMERA_DIGIT)
    page.get_by_role("button", name="Clear").click()
    assert_rejects(page, BLANK)


def test_a_refused_camera_is_explained(open_page: Open) -> None:
    page = open_page().page
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error()) }")
    page.get_by_role("button", name="Use camera").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no camera, or this page may not use it")
    expect(page.get_by_role("button", name="Use camera")).to_be_visible()
