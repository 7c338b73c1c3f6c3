"""The examples are short, and what they need is pinned."""

import json
import re

import pytest

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("program", ["cpp/digit.cpp", "node/digit.mjs", "python_camera/camera.py"])
def test_a_program_has_fewer_than_80_lines(program: str) -> None:
    lines = (EXAMPLES / program).read_text("utf-8").splitlines()
    assert len(lines) < 80
    assert max(map(len, lines)) <= 120


def test_the_packages_of_the_node_example_are_pinned() -> None:
    package = json.loads((EXAMPLES / "node" / "package.json").read_text("utf-8"))
    assert set(package["dependencies"]) == {"onnxruntime-node", "sharp"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
