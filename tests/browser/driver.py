"""Open the page that `make page` writes in Chromium, and draw on it."""

import http.server
import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from mnist_edge.data.drawing import DIGIT_STROKES, Point
from runtime.contract import ARTIFACTS

PAGE = ARTIFACTS.parent / "dist" / "page"
"""The folder that `make page` writes."""

_FLAGS = (
    "--no-sandbox",  # which root cannot use
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera without a device, which needs no permission.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
_INK_HEIGHT = 0.72  # of a drawn digit, as a fraction of the drawing area's side
_STEP = 0.1  # between two moves of a pointer, at most; a fraction of that side


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@contextmanager
def serve(folder: Path = PAGE) -> Iterator[str]:
    """Serve a folder on loopback, as any static host does, and yield its address.

    Raises:
        FileNotFoundError: there is no page in the folder.
    """
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(f"there is no page in {folder}; write it first: make page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def open_browser(*flags: str) -> Iterator[Browser]:
    """Start a headless Chromium, and stop it at the end.

    Raises:
        FileNotFoundError: there is none.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise FileNotFoundError("there is no Chromium; on Debian and Ubuntu: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def pointer_path(digit: int) -> list[list[Point]]:
    """Return a digit's strokes as points that a pointer passes, as fractions of the drawing area's side."""
    strokes = []
    for stroke in DIGIT_STROKES[digit]:
        corners = [(0.5 + x * _INK_HEIGHT / 2, 0.5 + y * _INK_HEIGHT / 2) for x, y in stroke]
        points = corners[:1]
        for start, stop in pairwise(corners):
            steps = math.ceil(math.dist(start, stop) / _STEP)
            points += [
                (start[0] + (stop[0] - start[0]) * step / steps, start[1] + (stop[1] - start[1]) * step / steps)
                for step in range(1, steps + 1)
            ]
        strokes.append(points)
    return strokes


def pad_points(page: Page, digit: int) -> list[list[Point]]:
    """Return `pointer_path` in the page's pixels."""
    box = page.locator("#pad").bounding_box()
    if box is None:
        raise ValueError("the page has no drawing area")
    return [
        [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        for stroke in pointer_path(digit)
    ]


def draw_with_mouse(page: Page, digit: int) -> None:
    """Draw a digit with the mouse."""
    for start, *others in pad_points(page, digit):
        page.mouse.move(*start)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point)
        page.mouse.up()
