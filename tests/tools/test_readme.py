"""The documents say what is so."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.cli.app import app
from tests.conftest import Run
from tools.readme import accuracy_table, speed_table, training_table, with_tables

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/challenge.md"]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text("utf-8")


def test_the_tables_are_those_of_the_result_files(readme: str, artifacts: Path, root: Path) -> None:
    for table in (accuracy_table(artifacts), speed_table(), training_table()):
        assert table in readme
    for page in ("README.md", "docs/challenge.md"):
        text = (root / page).read_text("utf-8")
        assert with_tables(text, artifacts) == text, "write them anew with: make readme"


def test_the_comparison_can_fail(readme: str, artifacts: Path) -> None:
    assert with_tables(readme.replace("24,714 |", "24,713 |"), artifacts) == readme
    assert accuracy_table(artifacts) not in readme.replace("24,714 |", "24,713 |")


def test_the_first_console_block_works_as_it_stands(readme: str, root: Path, run: Run) -> None:
    lines = code_blocks(readme, "console")[0].splitlines()
    command = next(line for line in lines if "predict" in line).removeprefix("$ .venv/bin/mnist-edge ")
    done = run(*command.split(), cwd=root)
    assert done.stdout.splitlines() == [lines[-1]]


def test_the_python_block_works_as_it_stands(readme: str, root: Path) -> None:
    (code,) = code_blocks(readme, "python")
    assert len([line for line in code.splitlines() if line]) <= 5
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("7 ")


@pytest.mark.parametrize(
    ("target", "module", "arguments"),
    [
        ("readme", "tools.readme", ["README.md", "docs/challenge.md"]),
        ("readme", "tools.challenge_page", ["docs/challenge.png"]),
        ("samples", "mnist_edge.data.drawing", ["artifacts/samples"]),
    ],
)
def test_what_is_committed_is_made_again(
    root: Path, tmp_path: Path, target: str, module: str, arguments: list[str]
) -> None:
    """By the commands of the Makefile, on copies."""
    assert f"\t$(BIN)/python -m {module} {' '.join(arguments)}\n" in (root / "Makefile").read_text("utf-8")
    for folder in ("docs", "artifacts/samples"):
        shutil.copytree(root / folder, tmp_path / folder)
    shutil.copy(root / "README.md", tmp_path)
    command = [sys.executable, "-m", module, *(str(tmp_path / argument) for argument in arguments)]
    subprocess.run(command, cwd=root, check=True)
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes(), f"make {target}"


def test_every_command_is_in_the_readme_and_no_other(readme: str) -> None:
    callbacks = [command.callback.__name__ for command in app.registered_commands if command.callback]
    names = [command.name or name for command, name in zip(app.registered_commands, callbacks, strict=True)]
    table = readme[readme.index("| command |") : readme.index("`--json` works")]
    assert sorted(re.findall(r"^\| `mnist-edge (\w+)", table, re.MULTILINE)) == sorted(names)


def test_exit_codes_are_the_same_in_the_help(readme: str, run: Run) -> None:
    shown = " ".join(run("--help", COLUMNS="300").stdout.split())
    stated = " ".join(re.search(r"Exit codes: .*?interrupted", readme, re.DOTALL)[0].split())  # type: ignore[index]
    assert stated in shown


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(root: Path, document: str) -> None:
    text = (root / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or ((root / document).parent / target).exists(), target


def test_every_make_target_in_the_documents_exists(root: Path) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    for document in DOCUMENTS:
        for target in re.findall(r"[`$] ?make ([a-z-]+)", (root / document).read_text("utf-8")):
            assert f"\n{target}:" in makefile, (document, target)


def test_bare_make_prints_the_targets(root: Path) -> None:
    shown = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True).stdout
    for target in ("export", "test", "train", "evaluate"):
        assert re.search(rf"^  make {target} ", shown, re.MULTILINE)
