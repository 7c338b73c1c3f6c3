"""The report: a self-contained page that a browser renders without loading anything else."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.benchmark.plot import encode
from mnist_edge.data.drawing import draw_digits
from mnist_edge.files import load_results
from mnist_edge.report.history import train_with_history
from mnist_edge.report.page import write_report
from mnist_edge.report.pictures import accuracy_against_parameters
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
    training, test = draw_digits(400), draw_digits(100, seed=1)
    histories = [train_with_history(name, training, test) for name in ("v1", "v2")]
    out = tmp_path_factory.mktemp("report")
    return write_report(out, histories, test, "onepass", 0, load_results(COMPARISON, Comparison))


class _ElementReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_page_embeds_its_pictures_and_loads_nothing_else(page: Path) -> None:
    reader = _ElementReader()
    reader.feed(page.read_text("utf-8"))
    images = [attributes for tag, attributes in reader.elements if tag == "img"]
    assert len(images) == 2 * 7 + 1
    for attributes in images:
        assert str(attributes["src"]).startswith("data:image/png;base64,")
        assert len(str(attributes["alt"])) > 20
    assert not [tag for tag, _ in reader.elements if tag in ("script", "iframe", "object")]
    assert [attributes["href"] for tag, attributes in reader.elements if tag == "link"] == ["data:,"]


def test_each_picture_is_also_written_as_png_and_svg(page: Path) -> None:
    names = {path.stem for path in (page.parent / "pictures").iterdir()}
    assert len(names) == 15
    for name in names:
        png, svg = (page.parent / "pictures" / f"{name}.{kind}" for kind in ("png", "svg"))
        assert png.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in svg.read_text("utf-8")


def test_png_bytes_of_a_figure_are_reproducible() -> None:
    comparison = load_results(COMPARISON, Comparison)
    first, second = (encode(accuracy_against_parameters(comparison), "png") for _ in range(2))
    assert first == second


def _title_in_browser(page: Path) -> str:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs a browser; on Debian and Ubuntu: apt install chromium")
    profile = page.parent / "browser"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--user-data-dir={profile}")
    command = [browser, *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return str(re.search(r"<title>(.*?)</title>", done.stdout)[1])  # type: ignore[index]


@pytest.mark.parametrize(
    ("damage_a_picture", "expected"), [(False, "images 15 missing 0 requests 0 errors 0"), (True, "missing 1")]
)
def test_browser_renders_all_pictures_without_any_request(
    page: Path, tmp_path: Path, damage_a_picture: bool, expected: str
) -> None:
    text = page.read_text("utf-8")
    text = text.replace("<head>", "<head><script>let errors = 0; onerror = () => { errors += 1 };</script>")
    text = text.replace("</body>", f"{_CHECK}</body>")
    if damage_a_picture:
        text = re.sub(r"base64,[^\"]{100}", "base64,AAAA", text, count=1)
    instrumented = tmp_path / "index.html"
    instrumented.write_text(text, "utf-8")
    assert expected in _title_in_browser(instrumented)


def test_history_records_each_step_and_validation_accuracy() -> None:
    history = train_with_history("v1", draw_digits(640), draw_digits(50, seed=1))
    validated = [step for step in history.steps if step.validation_accuracy is not None]
    trained_images = 640 - 64  # a tenth is held out
    assert len(history.steps) == -(-trained_images // find_recipe("v1", "onepass").batch_size)
    assert history.steps[-1] in validated
    assert history.probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(history.probabilities.argmax(axis=1), history.digits)
    assert history.evaluation.images == 50
