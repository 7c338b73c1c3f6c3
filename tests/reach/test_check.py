"""`make test-reach` names the programs that are missing and says how to get them."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).with_name("check.sh")
PROGRAMS = {
    "cmake": "apt install cmake\n",
    "c++": "apt install g++\n",
    "aarch64-linux-gnu-g++": "apt install g++-aarch64-linux-gnu\n",
    "qemu-aarch64": "apt install qemu-user\n",
    "npm": "Node.js 20.9 or newer, with npm, is missing",
    "node": "Node.js 20.9 or newer, with npm, is missing",
}


def check(folder: Path, node_version: int = 20) -> "subprocess.CompletedProcess[str]":
    """Run the check where only the programs in a folder can be started, and `node` is of a version."""
    node = folder / "node"
    if node.exists():
        node.write_text(f"#!/bin/sh\nexit $(({node_version} < 20))\n", "utf-8")
    shell = shutil.which("sh")
    assert shell
    return subprocess.run([shell, CHECK], env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with all programs."""
    for name in PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_nothing_is_said_if_all_are_there(folder: Path) -> None:
    done = check(folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "message"), PROGRAMS.items())
def test_a_missing_program_is_named(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()
    done = check(folder)
    assert done.returncode == 1
    assert message in done.stderr


def test_all_missing_programs_are_named_at_once(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 1
    assert "apt install cmake g++ g++-aarch64-linux-gnu qemu-user\n" in done.stderr
    assert "Node.js" in done.stderr


def test_an_old_node_is_refused(folder: Path) -> None:
    done = check(folder, node_version=18)
    assert done.returncode == 1
    assert "Node.js 20.9 or newer" in done.stderr
