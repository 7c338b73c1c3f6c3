"""The page can be used with a keyboard, a screen reader and a phone. Run by `make test-page`."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import PAGE, draw_with_mouse
from tests.browser.test_page import BLANK, PHONE, assert_answers, assert_rejects
from tests.browser.visits import Open, visiting

_FOCUSED = """
() => {
  const focused = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(focused.closest("label") ?? focused);
  return [focused.id || focused.value || focused.tagName, outlineStyle, outlineWidth];
}
"""

pytestmark = pytest.mark.page


def violations(page: Page, root: Path) -> list[str]:
    """Return what axe-core, a checker of accessibility, finds wrong, by its rules' names."""
    axe = root / ".devices" / "page" / "node_modules" / "axe-core" / "axe.min.js"
    page.evaluate(axe.read_text("utf-8"))
    results: dict[str, Any] = page.evaluate(
        "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
    )
    return [rule["id"] for rule in results["violations"]]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_no_rule_of_accessibility_is_broken(
    open_page: Open, root: Path, device: dict[str, Any], color_scheme: str
) -> None:
    page = open_page(color_scheme=color_scheme, **device).page
    assert_rejects(page, BLANK)
    assert violations(page, root) == []
    draw_with_mouse(page, 8)
    assert_answers(page, 8)
    assert violations(page, root) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("file.removeAttribute('type'), file.closest('label').replaceWith(file)", "label"),
        ("document.documentElement.style.setProperty('--quiet', '#bbb')", "color-contrast"),
        ("pad.removeAttribute('aria-label')", "role-img-alt"),
    ],
)
def test_a_broken_rule_is_noticed(open_page: Open, root: Path, change: str, rule: str) -> None:
    page = open_page().page
    assert_rejects(page, BLANK)
    page.evaluate(change)
    assert rule in violations(page, root)


def test_everything_can_be_reached_by_keyboard(open_page: Open, samples: Path) -> None:
    page = open_page().page
    page.on("filechooser", lambda _chooser: None)  # intercepted from now on: Playwright does not wait for that below
    assert_rejects(page, BLANK)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(_FOCUSED)
        assert (style, width) == ("solid", "3px"), name
        reached.append(name)
    assert reached == ["v2", "clear", "file", "shutter"]
    page.keyboard.press("Shift+Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(samples / "seven-28x28.png")
    assert_answers(page, 7)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert_rejects(page, BLANK)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("V1")).to_be_checked()


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_screen(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800}).page
    assert_rejects(page, BLANK)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_phone_shows_picture_and_answer_together(open_page: Open) -> None:
    page = open_page(**PHONE).page
    draw_with_mouse(page, 3)
    assert_answers(page, 3)
    for part in ("#pad", "#digit", "#verdict", "#prepared"):
        box = page.locator(part).bounding_box()
        assert box
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 844, part


def test_a_page_opened_as_a_file_says_what_to_do(browser: Browser) -> None:
    with visiting(browser, f"{PAGE.as_uri()}/index.html") as visit:
        hint = visit.page.get_by_text("Serve its folder: python3 -m http.server")
        expect(hint).to_have_css("opacity", "1", timeout=15_000)
