"""`python -m runtime`, and of a copy of the package that holds its own models."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run


@pytest.fixture
def reader(root: Path, artifacts: Path, tmp_path: Path) -> Path:
    """A copy of the package under another name, with V1 in it."""
    package = tmp_path / "reader"
    shutil.copytree(root / "runtime", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(artifacts / "v1", package / "artifacts" / "v1")
    for name in ("prepare.onnx", "manifest.json"):
        shutil.copy(artifacts / name, package / "artifacts")
    return package


def run_package(package: Path, *arguments: object, without: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a package as `python -m` does; the module `without` cannot be imported."""
    code = (
        "import runpy, sys\n"
        f"sys.modules.update({dict.fromkeys(without.split())})\n"
        f"runpy.run_module({package.name!r}, run_name='__main__', alter_sys=True)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def default_model(package: Path) -> Path:
    code = f"from {package.name} import Predictor; print(Predictor().path)"
    done = subprocess.run([sys.executable, "-c", code], cwd=package.parent, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_the_package_predicts_as_the_command_line_does(root: Path, samples: Path, run: Run, tmp_path: Path) -> None:
    blank = tmp_path / "blank.pgm"
    blank.write_bytes(b"P5 28 28 255\n" + bytes(28 * 28))
    images = [*sorted(samples.glob("*.png")), blank]
    done = run_package(root / "runtime", *images)
    expected = run("predict", *images)
    assert (done.returncode, done.stdout, done.stderr) == (4, expected.stdout, "")
    assert expected.returncode == 4
    assert run_package(root / "runtime", images[0]).returncode == 0


def test_an_unreadable_image_is_reported_and_skipped(root: Path, samples: Path) -> None:
    done = run_package(root / "runtime", "nothing.png", samples / "seven-28x28.png")
    assert (done.returncode, done.stderr) == (1, "error: there is no image file nothing.png\n")
    assert "seven-28x28.png: 7 (" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["--model", "v1", "x.png"]])
def test_wrong_arguments_exit_with_2_and_show_usage(root: Path, arguments: list[str]) -> None:
    done = run_package(root / "runtime", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m runtime")


def test_without_pillow_the_package_says_how_to_install_it(root: Path, samples: Path) -> None:
    done = run_package(root / "runtime", samples / "seven-28x28.png", without="PIL")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: opening image files needs Pillow; install it with: pip install pillow\n"


def test_another_missing_module_is_not_taken_for_pillow(root: Path, samples: Path) -> None:
    done = run_package(root / "runtime", samples / "seven-28x28.png", without="PIL.Image")
    assert done.returncode == 1
    assert "install pillow" not in done.stderr


def test_a_copy_opens_the_model_inside_it_by_default(reader: Path) -> None:
    done = run_package(reader, "selftest")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "passed; 10 golden images and 16 golden pictures are read as at export\n"
    assert default_model(reader) == reader / "artifacts" / "v1" / "model.int8.optimized.onnx"


def test_a_copy_with_both_models_opens_v2_by_default(reader: Path, artifacts: Path) -> None:
    shutil.copytree(artifacts / "v2", reader / "artifacts" / "v2")
    assert default_model(reader) == reader / "artifacts" / "v2" / "model.int8.optimized.onnx"


def test_an_export_beside_the_models_is_not_the_default(reader: Path) -> None:
    shutil.copytree(reader / "artifacts" / "v1", reader / "artifacts" / "v9-tried")
    assert default_model(reader) == reader / "artifacts" / "v1" / "model.int8.optimized.onnx"


def test_a_bundles_model_may_have_any_name(reader: Path) -> None:
    (reader / "artifacts" / "v1").rename(reader / "artifacts" / "mine")
    assert default_model(reader) == reader / "artifacts" / "mine" / "model.int8.optimized.onnx"


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_a_name_that_cannot_be_printed_is_escaped(root: Path, samples: Path, tmp_path: Path) -> None:
    image = os.fsdecode(bytes(tmp_path) + b"/\xff.png")
    shutil.copy(samples / "seven-28x28.png", image)
    done = run_package(root / "runtime", image, samples / "seven-28x28.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path}/\\udcff.png: 7 (")
    assert done.stdout.count(": 7 (") == 2


def test_a_reader_that_stops_early_causes_no_traceback(root: Path, samples: Path) -> None:
    command = [sys.executable, "-m", "runtime", *[str(samples / "seven-28x28.png")] * 50]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_failed_selftest_exits_with_3_and_damage_with_1(reader: Path) -> None:
    folder = reader / "artifacts" / "v1"
    (folder / "manifest.json").unlink()
    assert run_package(reader, "selftest").returncode == 3
    (folder / "model.int8.onnx").write_bytes(np.zeros(9, np.uint8).tobytes())
    done = run_package(reader, "selftest")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {folder / 'model.int8.onnx'}")
    assert "Traceback" not in done.stderr
