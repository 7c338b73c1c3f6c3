"""The page's own files, and what `make page` says and writes; without a browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from runtime import Reason

BROWSER = Path("examples", "browser")
MAX_LINES = 400
MAX_SCREENSHOT_BYTES = 150_000


def own_files(root: Path) -> list[Path]:
    return [path for path in (root / BROWSER).iterdir() if path.suffix in (".html", ".css", ".js")]


def test_the_page_is_short(root: Path) -> None:
    lines = [line for path in own_files(root) for line in path.read_text("utf-8").splitlines()]
    assert 100 < len(lines) < MAX_LINES
    assert max(map(len, lines)) <= 120


def test_page_and_lock_file_name_no_address(root: Path) -> None:
    for path in own_files(root):
        assert not re.search(r"https?:|//\w", path.read_text("utf-8")), path
    assert "resolved" not in (root / BROWSER / "package-lock.json").read_text("utf-8")


def test_every_reason_has_a_sentence(root: Path) -> None:
    page = (root / BROWSER / "page.js").read_text("utf-8")
    sentences = re.findall(r'^  (\w+): "[A-Z].*\.",$', page, re.MULTILINE)
    assert sentences == [reason.label for reason in Reason]


def test_versions_and_bytes_of_packages_are_pinned(root: Path) -> None:
    package = (root / BROWSER / "package.json").read_text("utf-8")
    versions = re.findall(r'^    "[\w@/-]+": "(.*)"', package, re.MULTILINE)
    assert len(versions) == 3
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    lock = (root / BROWSER / "package-lock.json").read_text("utf-8")
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def test_make_page_says_how_to_get_npm(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copytree(root / BROWSER, tmp_path / BROWSER)
    done = subprocess.run(
        ["make", "--no-print-directory", "page", "NPM=no-npm"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stdout
        == "error: no-npm is missing; it comes with Node.js: apt install npm, brew install node, or nodejs.org\n"
    )
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("npm", ["true", "false"])
def test_make_page_writes_a_folder_or_says_what_failed(root: Path, tmp_path: Path, npm: str) -> None:
    """With packages that are there already, and an npm that succeeds or fails."""
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copy(root / "LICENSE", tmp_path)
    shutil.copytree(root / BROWSER, tmp_path / BROWSER)
    shutil.copytree(root / "artifacts", tmp_path / "artifacts")
    packages = tmp_path / ".devices" / "page" / "node_modules"
    for file in (
        "onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
        "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
        "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
        "@fontsource-variable/inter/LICENSE",
    ):
        (packages / file).parent.mkdir(parents=True, exist_ok=True)
        (packages / file).write_bytes(b"package")
    command = ["make", "--no-print-directory", "page", f"NPM={npm}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if npm == "false":
        assert done.returncode == 2
        assert "error: false cannot install the page's packages; the first time it needs a registry" in done.stdout
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 2
        return
    assert done.returncode == 0, done.stderr
    page = tmp_path / "dist" / "page"
    for model in ("v1", "v2"):
        copied = page / model / "picture_to_digit.onnx"
        assert copied.read_bytes() == (root / "artifacts" / model / "picture_to_digit.onnx").read_bytes()
    named = re.findall(r'(?:href|src)="([\w.]+)"|"\./([\w.]+)"|"([\w-]+\.wasm)"|url\("([\w.]+)"\)', all_text(root))
    assert {name for names in named for name in names if name} <= {path.name for path in page.iterdir()}


def all_text(root: Path) -> str:
    return "".join(path.read_text("utf-8") for path in own_files(root))


def test_the_readme_opens_with_the_screenshot(root: Path) -> None:
    readme = (root / "README.md").read_text("utf-8")
    path = root / "docs" / "page.png"
    assert "(docs/page.png)" in readme.partition("##")[0]
    assert path.stat().st_size < MAX_SCREENSHOT_BYTES
    with Image.open(path) as picture:
        assert picture.size == (2240, 1400)
