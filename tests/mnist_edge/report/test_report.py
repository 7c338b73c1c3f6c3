"""The report: a page that a browser shows whole, with no other file and no other host."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.files import load_results
from mnist_edge.report.history import watch
from mnist_edge.report.page import write_report
from mnist_edge.training.recipes import find_recipe
from tools.challenge_page import COMPARISON

_CHECK = """
<script>
addEventListener("load", () => {
  const images = [...document.images];
  const missing = images.filter(image => !image.complete || image.naturalWidth < 50);
  const requests = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:"));
  document.title = `images ${images.length} missing ${missing.length} requests ${requests.length} errors ${errors}`;
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawn = draw_digits(400)
    test = draw_digits(100, seed=1)
    networks = [watch(name, drawn, test) for name in ("v1", "v2")]
    out = tmp_path_factory.mktemp("report")
    return write_report(
        out, networks, Split(test.images, test.labels), "onepass", 0, load_results(COMPARISON, Comparison)
    )


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_holds_its_pictures_and_refers_to_nothing_else(page: Path) -> None:
    reader = _Elements()
    reader.feed(page.read_text("utf-8"))
    images = [attributes for tag, attributes in reader.found if tag == "img"]
    assert len(images) == 2 * 7 + 1
    for attributes in images:
        assert str(attributes["src"]).startswith("data:image/png;base64,")
        assert len(str(attributes["alt"])) > 20
    assert not [tag for tag, _ in reader.found if tag in ("script", "iframe", "object")]
    assert [attributes["href"] for tag, attributes in reader.found if tag == "link"] == ["data:,"]


def test_each_picture_is_a_file_too(page: Path) -> None:
    names = {path.stem for path in (page.parent / "pictures").iterdir()}
    assert len(names) == 15
    for name in names:
        png, svg = (page.parent / "pictures" / f"{name}.{kind}" for kind in ("png", "svg"))
        assert png.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in svg.read_text("utf-8")


def _title_in_browser(page: Path) -> str:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs a browser; on Debian and Ubuntu: apt install chromium")
    profile = page.parent / "browser"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--user-data-dir={profile}")
    done = subprocess.run(
        [browser, *flags, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return str(re.search(r"<title>(.*?)</title>", done.stdout)[1])  # type: ignore[index]


@pytest.mark.parametrize(
    ("spoil", "expected"), [(False, "images 15 missing 0 requests 0 errors 0"), (True, "missing 1")]
)
def test_a_browser_shows_all_of_it(page: Path, tmp_path: Path, spoil: bool, expected: str) -> None:
    text = page.read_text("utf-8")
    watched = text.replace("<head>", "<head><script>let errors = 0; onerror = () => { errors += 1 };</script>")
    watched = watched.replace("</body>", f"{_CHECK}</body>")
    if spoil:
        watched = re.sub(r"base64,[^\"]{100}", "base64,AAAA", watched, count=1)
    copied = tmp_path / "index.html"
    copied.write_text(watched, "utf-8")
    assert expected in _title_in_browser(copied)


def test_a_watched_training_measures_what_is_held_out(page: Path) -> None:
    del page
    found = watch("v1", draw_digits(640), draw_digits(50, seed=1))
    measured = [step for step in found.steps if step.validation_accuracy is not None]
    images = 640 - 64  # a tenth is held out
    assert len(found.steps) == -(-images // find_recipe("v1", "onepass").batch_size)
    assert found.steps[-1] in measured
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.evaluation.images == 50
