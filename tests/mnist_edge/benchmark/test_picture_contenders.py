"""The contenders of the benchmark of pictures: all that are installed; the others are named with what adds them."""

import importlib.util
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from mnist_edge.benchmark.picture_contenders import contender_versions, own_contender, picture_contenders
from runtime.contract import INT8_FILE

OWN = ["mnist-edge, V2", "mnist-edge, V1"]
PILLOW = "Pillow, resized to 28×28"


def hide_modules(monkeypatch: pytest.MonkeyPatch, hidden: Collection[str]) -> None:
    find_spec = importlib.util.find_spec

    def find_unless_hidden(name: str) -> ModuleSpec | None:
        return None if name in hidden else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_unless_hidden)


def test_what_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hide_modules(monkeypatch, {"cv2", "rapidocr"})
    monkeypatch.setenv("PATH", str(tmp_path))
    built, missing = picture_contenders(["v2", "v1"])
    assert [contender.name for contender in built] == [*OWN, PILLOW]
    assert missing == {
        "OpenCV, all ink": "pip install opencv-python-headless",
        "OpenCV, largest contour": "pip install opencv-python-headless",
        "Tesseract": "pip install opencv-python-headless, and apt install tesseract-ocr",
        "RapidOCR": "pip install rapidocr",
    }


def test_a_program_alone_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs pip install opencv-python-headless")
    monkeypatch.setenv("PATH", str(tmp_path))
    _, missing = picture_contenders(["v1"])
    assert missing["Tesseract"] == "apt install tesseract-ocr"
    assert "OpenCV, all ink" not in missing


def test_recipes_count_their_packages_and_our_network(artifacts: Path) -> None:
    built = {contender.name: contender for contender in picture_contenders(["v2"])[0]}
    assert artifacts / "v2" / INT8_FILE in built[PILLOW].paths
    ours, pillow = built["mnist-edge, V2"].installed_bytes(), built[PILLOW].installed_bytes()
    assert ours is not None
    assert ours == pillow
    assert 30e6 < ours < 1e9


def test_versions_name_every_package_and_program() -> None:
    built, missing = picture_contenders(["v2"])
    versions = contender_versions(built)
    assert {"mnist-edge", "numpy", "onnxruntime", "pillow"} <= versions.keys()
    assert ("tesseract" in versions) == ("Tesseract" not in missing)
    assert "tesseract" not in contender_versions([own_contender("v2")])
