"""The page contacts no address outside its folder, and a page that would is noticed. Run by `make test-page`."""

import gzip
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.driver import PAGE, draw_with_mouse, serve
from tests.browser.test_page import assert_answers
from tests.browser.visits import Open, visiting

POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; form-action 'none'"

pytestmark = pytest.mark.page


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(PAGE, tmp_path / "page")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_every_request_is_for_a_file_of_the_folder(open_page: Open) -> None:
    visit = open_page()
    draw_with_mouse(visit.page, 4)
    assert_answers(visit.page, 4)
    visit.page.get_by_label("V1").check()
    assert_answers(visit.page, 4, "V1")
    requested = {url.removeprefix(visit.address) or "index.html" for url in visit.requests}
    licenses = {"LICENSE", "inter.LICENSE"}
    assert requested == {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file()} - licenses


@pytest.mark.parametrize("has_policy", [True, False])
def test_a_request_outside_is_refused_and_noticed(
    browser: Browser, mirror: tuple[str, dict[str, bytes]], copy: Path, has_policy: bool
) -> None:
    elsewhere, _ = mirror
    edit(
        copy / "page.js",
        "\nclear();\n",
        f"\nclear();\nfetch('{elsewhere}pixels', {{ mode: 'no-cors' }}).catch(() => {{}});\n",
    )
    if not has_policy:
        edit(copy / "index.html", POLICY, "")
    with serve(copy) as address, visiting(browser, address) as visit:
        draw_with_mouse(visit.page, 4)
        assert_answers(visit.page, 4)
        assert bool(visit.outside) is not has_policy
        assert any("violates" in problem for problem in visit.problems) is has_policy


def test_a_policy_without_webassembly_is_noticed(browser: Browser, copy: Path) -> None:
    edit(copy / "index.html", " 'wasm-unsafe-eval'", "")
    with serve(copy) as address, visiting(browser, address) as visit:
        expect(visit.page.get_by_role("alert")).to_contain_text("This browser cannot run the network")
        assert visit.problems


def test_a_missing_model_is_named(browser: Browser, copy: Path) -> None:
    (copy / "v1" / "picture_to_digit.onnx").unlink()
    with serve(copy) as address, visiting(browser, address) as visit:
        draw_with_mouse(visit.page, 1)
        assert_answers(visit.page, 1)
        visit.page.get_by_label("V1").check()
        expect(visit.page.get_by_role("alert")).to_contain_text("v1/picture_to_digit.onnx is missing")
        visit.page.get_by_label("V2").check()
        expect(visit.page.get_by_role("alert")).to_be_empty()
        assert visit.problems


def test_the_policy_is_the_documented_one() -> None:
    assert f'content="{POLICY}"' in (PAGE / "index.html").read_text("utf-8")


def test_the_documented_size_is_the_folders(root: Path) -> None:
    size = sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file())
    compressed = len(gzip.compress((PAGE / "ort-wasm-simd-threaded.wasm").read_bytes(), 9))
    text = (root / "docs" / "devices.md").read_text("utf-8")
    assert f"{size / 1e6:.1f} MB" in text
    assert f"({compressed / 1e6:.1f} MB when the host compresses it)" in text
