"""The built page in Chromium, and what it says and requests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from mnist_edge.data.drawing import draw_digit
from tests.browser.driver import open_browser, serve

CAMERA_DIGIT = 4
_CAMERA_SIZE = (640, 480)


@dataclass
class Visit:
    """A page that is open: its problems, which are errors and warnings, and the addresses that it requested."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """The requested addresses that are not in the page's own folder."""
        return [url for url in self.requests if not url.startswith(self.address)]


Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    camera = tmp_path_factory.mktemp("camera") / "camera.y4m"
    _film(camera)
    with open_browser(f"--use-file-for-fake-video-capture={camera}") as browser:
        yield browser


def _film(path: Path) -> None:
    """Write frames of a drawn digit on paper, for Chromium to show as a camera: YUV4MPEG2, without color."""
    width, height = _CAMERA_SIZE
    frame = np.full((height, width), 225, np.uint8)
    ink = draw_digit(CAMERA_DIGIT, np.random.default_rng(0), 300)
    frame[90:390, 170:470] = 225 - np.uint8(0.75 * ink)
    color = np.full(width * height // 2, 128, np.uint8)
    picture = b"FRAME\n" + frame.tobytes() + color.tobytes()
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420\n".encode() + 30 * picture)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with serve() as address:
        yield address


@contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """Open a page in a browser context of its own; `options` are the context's."""
    context = browser.new_context(**{"viewport": {"width": 1120, "height": 700}, **options})
    visit = Visit(context.new_page(), address)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.problems.append(message.text)

    visit.page.on("console", note)
    visit.page.on("pageerror", lambda error: visit.problems.append(str(error)))
    context.on("request", lambda request: visit.requests.append(request.url))
    try:
        visit.page.goto(address)
        yield visit
    finally:
        context.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Return a function that opens the page; at the end nothing may be amiss, whatever a test did with it."""
    visits = []
    with ExitStack() as stack:

        def open_visit(**options: Any) -> Visit:
            visits.append(stack.enter_context(visiting(browser, address, **options)))
            return visits[-1]

        yield open_visit
        for visit in visits:
            assert visit.problems == []
            assert visit.outside == []
