"""What all commands share: help, exit codes and encodings."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.cli.app import COMMANDS
from mnist_edge.cli.exit_codes import EXIT_CODES
from tests.conftest import Run
from tests.mnist_edge.cli.page import PAGE, has_shape, sections
from tests.mnist_edge.cli.terminal import run_on_terminal


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(COMMANDS) == 15
    for command in COMMANDS:
        assert command in done.stdout
    shown = " ".join(done.stdout.split())
    assert "Exit codes: 0 done, 1 failed" in shown
    assert all(f"{code} {meaning}" in shown for code, meaning in EXIT_CODES.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_and_json(run: Run, command: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Example: mnist-edge {command}" in done.stdout
    assert "--json" in done.stdout


def test_every_command_has_a_section_in_the_page_and_no_other() -> None:
    assert sorted(sections()) == sorted(COMMANDS)
    assert all(f"mnist-edge {command}" in section for command, section in sections().items())


def test_the_page_lists_the_exit_codes() -> None:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    assert "\n".join(rows) in PAGE


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"a": [{"b": 1}, {"b": 2.5}], "c": {"anything": 1}, "d": "text"}, True),
        ({"a": [{"b": 1}, {"b": 2.5, "x": 1}], "c": {}, "d": "text"}, False),
        ({"a": [{"b": "1"}], "c": {}, "d": "text"}, False),
        ({"a": [], "c": {}}, False),
    ],
)
def test_a_document_of_another_shape_is_noticed(document: object, expected: bool) -> None:
    assert has_shape(document, {"a": [{"b": 1}], "c": {}, "d": None}) is expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["juggle"],
        ["predict"],
        ["predict", "--top", "11", "x.png"],
        ["predict", "--json", "--csv", "x.png"],
        ["evaluate", "--suite", "moon"],
        ["evaluate", "x.safetensors", "--suite", "robustness"],
        ["train", "v3"],
        ["train", "v1", "--recipe", "magic"],
        ["train", "v1", "--out", "README.md"],
        ["train", "v1", "--seed", str(2**64)],
        ["evaluate", "x.safetensors", "--record"],
        ["bundle", "v2", "--version", "1.0"],
        ["bundle", "v2", "--name", "Digits", "--version", "1.0"],
        ["benchmark", "--training", "--plot", "x.png"],
        ["benchmark", "v9"],
        ["benchmark", "--results", "tests"],
        ["inspect", "v1", "--json", "--mermaid"],
        ["report", "my-report"],
        ["score", "photos"],
        ["score", "photos", "digits", "--block", "0"],
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_bug_shows_a_traceback_only_with_debug(root: Path) -> None:
    code = (
        "import sys, mnist_edge.cli.app as cli, mnist_edge.cli.inspect as inspect\n"
        "inspect.Output = None\n"
        "sys.argv = ['mnist-edge', *sys.argv[1:]]\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run([*command, "version"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("This is a bug; rerun with `--debug` for a traceback.\n")
    for arguments in (["--debug", "version"], ["version", "--debug"]):
        done = subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True)
        assert done.returncode == 1
        assert "Traceback" in done.stderr


def test_a_missing_package_is_named_with_its_extra(root: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "sys.argv = ['mnist-edge', 'inspect', 'v1']\n"
        "from mnist_edge.cli.app import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("the package 'torch'. Install it with: pip install 'mnist-edge[train]'\n")


def test_a_narrow_encoding_is_no_failure(run: Run, samples: Path, tmp_path: Path) -> None:
    shutil.copy(samples / "seven-28x28.png", tmp_path / "sieben-ü.png")
    done = run("predict", tmp_path / "sieben-ü.png", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"sieben-\xfc.png: 7" in done.stdout


def test_a_terminal_gets_tables(root: Path) -> None:
    code, shown = run_on_terminal("inspect", "v1", cwd=root)
    assert code == 0
    assert "┃" in shown
    assert "24,714" in shown
