"""Take the README's picture of the page: `python -m tests.browser.screenshot FILE`."""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import ViewportSize, expect

from tests.browser.driver import draw_with_mouse, open_browser, serve

DIGIT = 2
SIZE: ViewportSize = {"width": 1120, "height": 700}
COLORS = 128  # which keep the file small


def write_screenshot(path: Path) -> None:
    """Write a PNG file of the page with a drawn digit and its answer."""
    with serve() as address, open_browser() as browser:
        page = browser.new_page(viewport=SIZE, device_scale_factor=2)
        page.goto(address)
        draw_with_mouse(page, DIGIT)
        expect(page.locator("#spoken")).to_have_text(f"Digit {DIGIT}")
        page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(path, "PNG", optimize=True)


if __name__ == "__main__":  # `make page-screenshot`
    write_screenshot(Path(sys.argv[1]))
