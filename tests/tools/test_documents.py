"""What the documents say is so."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.cli.app import COMMANDS
from mnist_edge.data.drawing import draw_digit
from tests.conftest import Run
from tools.markdown import fill
from tools.readme import TABLES, accuracy_table
from tools.speed_page import speed_table, summary_table, training_table

PAGES = ("README.md", "docs/results.md", "docs/challenge.md", "docs/devices.md", "docs/scoring.md")
DOCUMENTS = [
    *PAGES,
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/devices.md",
    "docs/command-line.md",
    "examples/cpp/README.md",
    "examples/node/README.md",
    "examples/python_camera/README.md",
]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text("utf-8")


def test_the_tables_are_those_of_the_result_files(readme: str, root: Path) -> None:
    assert summary_table() in readme
    results = (root / "docs" / "results.md").read_text("utf-8")
    for table in (accuracy_table(), speed_table(), training_table()):
        assert table in results
    for page in PAGES:
        text = (root / page).read_text("utf-8")
        assert fill(text, TABLES) == text, "regenerate them with: make readme"


def test_every_generated_table_stands_in_a_page(root: Path) -> None:
    text = "".join((root / page).read_text("utf-8") for page in PAGES)
    assert sorted(re.findall(r"<!-- ([\w-]+) -->", text)) == sorted(TABLES)


def test_a_changed_table_is_noticed(readme: str) -> None:
    changed = readme.replace("| 99.53% |", "| 99.54% |")
    assert changed != readme
    assert fill(changed, TABLES) == readme
    assert summary_table() not in changed


def test_the_readme_is_short(readme: str) -> None:
    assert len(readme.splitlines()) <= 120


def test_the_first_console_block_works_as_it_stands(readme: str, root: Path, run: Run) -> None:
    lines = code_blocks(readme, "console")[0].splitlines()
    command = next(line for line in lines if "predict" in line).removeprefix("$ mnist-edge ")
    done = run(*command.split(), cwd=root)
    assert done.stdout.splitlines() == [lines[-1]]


def test_the_predictor_example_works_as_it_stands(readme: str, root: Path) -> None:
    code, _ = code_blocks(readme, "python")
    assert len([line for line in code.splitlines() if line]) <= 3
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"7 [01]\.\d{3} None\n", done.stdout)


def test_the_bundle_takes_four_lines(readme: str, root: Path, run: Run, samples: Path, tmp_path: Path) -> None:
    """The second and the fourth as they stand; the packages of the other two are installed here."""
    (block,) = (block for block in code_blocks(readme, "console") if "bundle" in block)
    _, bundle, install, read = (line.partition("#")[0].removeprefix("$ ").split() for line in block.splitlines())
    assert run(*bundle[1:], cwd=tmp_path, PYTHONPATH=str(root)).returncode == 0
    wheel, extra, _ = re.split(r"[][]", install[-1].strip("'"))
    assert extra == "images"
    shutil.unpack_archive(tmp_path / wheel, tmp_path, "zip")
    shutil.copy(samples / "three-on-paper.png", tmp_path / read[-1])
    done = subprocess.run([sys.executable, *read[1:]], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{read[-1]}: 3 (100.0%)\n"


@pytest.mark.parametrize(("file", "answer"), [("three-on-paper.png", "3 0"), ("five-transparent.png", "5 0")])
def test_the_device_example_needs_onnxruntime_alone(
    readme: str, root: Path, tmp_path: Path, file: str, answer: str
) -> None:
    """Outside the repository, with nothing of this project that could be imported."""
    _, code = code_blocks(readme, "python")
    assert len([line for line in code.splitlines() if line]) <= 6
    for path in ("artifacts/v2/picture_to_digit.onnx", "artifacts/samples/three-on-paper.png"):
        assert path in code
        code = code.replace(path, str(root / path))
    code = code.replace("three-on-paper.png", file)
    script = tmp_path / "read.py"
    script.write_text(
        f"import sys\nsys.modules['runtime'] = None\n{code}print(digit[0], rejection[0], prepared.shape)\n", "utf-8"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{answer} (28, 28)\n"


def test_the_camera_loop_reads_a_steady_digit_once(root: Path, tmp_path: Path) -> None:
    """OpenCV's camera is replaced by one that shows four frames of noise, then ten frames of a drawn 3."""
    digit = draw_digit(3, np.random.default_rng(0), size=120)
    noise = np.random.default_rng(0).integers(0, 256, (4, 120, 120, 1))
    frames = np.concatenate([noise, np.repeat(255 - digit[None, :, :, None], 10, axis=0)]).repeat(3, axis=3)
    np.save(tmp_path / "frames.npy", frames.astype(np.uint8))
    (tmp_path / "cv2.py").write_text(
        "import numpy\n"
        "class VideoCapture:\n"
        f"    def __init__(self, index): self.frames = iter(numpy.load({str(tmp_path / 'frames.npy')!r}))\n"
        "    def read(self):\n"
        "        frame = next(self.frames, None)\n"
        "        return frame is not None, frame\n",
        "utf-8",
    )
    (code,) = (
        block for block in code_blocks((root / "docs" / "devices.md").read_text("utf-8"), "python") if "cv2" in block
    )
    (tmp_path / "camera.py").write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "camera.py"],
        env={"PYTHONPATH": f"{tmp_path}:{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.fullmatch(r"3 [01]\.\d{3}\n", done.stdout), done.stderr
    assert (done.returncode, done.stderr) == (1, "the camera gives no more frames\n")


@pytest.mark.parametrize(
    ("target", "module", "arguments"),
    [
        ("readme", "tools.readme", list(PAGES)),
        ("readme", "tools.challenge_page", ["docs/challenge.png"]),
        ("readme", "tools.pictures_page", ["docs/pictures.png"]),
        ("readme", "tools.examples", ["docs/examples.png"]),
        ("samples", "mnist_edge.data.drawing", ["artifacts/samples"]),
    ],
)
def test_the_make_targets_give_what_is_committed(
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
    assert sorted(re.findall(r"^\| `mnist-edge (\w+)", readme, re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(root: Path, document: str) -> None:
    text = (root / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or ((root / document).parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_named_in_the_documents_exist(root: Path, document: str) -> None:
    text = (root / document).read_text("utf-8")
    for path in re.findall(r"`((?:runtime|export|mnist_edge|tools|tests|docs|artifacts)/[\w./-]*)`", text):
        assert (root / path).exists(), (document, path)


def test_every_make_target_in_the_documents_exists(root: Path) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    for document in DOCUMENTS:
        for target in re.findall(r"[`$] ?make ([a-z-]+)", (root / document).read_text("utf-8")):
            assert f"\n{target}:" in makefile, (document, target)


def test_bare_make_prints_the_targets(root: Path) -> None:
    shown = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True).stdout
    for target in ("export", "test", "train", "evaluate"):
        assert re.search(rf"^  make {target} ", shown, re.MULTILINE)
