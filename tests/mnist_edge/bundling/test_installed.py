"""Bundles as devices use them: installed without this project, a network, a home or a writable disk."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.exporter import calibrate, export_checkpoints
from mnist_edge.bundling.bundle import Bundle, make_bundle
from mnist_edge.data.drawing import draw_digits
from mnist_edge.files import CHECKPOINT_FILE
from mnist_edge.training.checkpoint import save_checkpoint
from mnist_edge.training.loop import train
from mnist_edge.training.recipes import find_recipe
from runtime import Predictor
from tests.conftest import Sealed
from tests.mnist_edge.bundling.conftest import Install, run_python

ANSWERS = """
import json, sys
import numpy as np
from {package} import Predictor
predictor = Predictor()
with np.load(sys.argv[1]) as golden:
    pictures = [golden[key] for key in golden if key.startswith("picture.")]
answers = [predictor.predict(picture) for picture in pictures]
print(json.dumps([[a.digit, a.confidence, a.rejection and a.rejection.reason] for a in answers]))
"""


def answers_of(model: Path | str, pictures: Path) -> list[list[object]]:
    """Return what this project's predictor answers to golden pictures."""
    with np.load(pictures) as golden:
        predictions = [Predictor(model).predict(golden[key]) for key in golden if key.startswith("picture.")]
    return [[each.digit, each.confidence, each.rejection and each.rejection.reason] for each in predictions]


@pytest.fixture(scope="module")
def python(bundles: dict[str, Bundle], install: Install) -> Path:
    """The Python of an environment with both bundles, numpy and onnxruntime, and nothing else."""
    return install(*(bundle.wheel for bundle in bundles.values()))


@pytest.fixture(scope="module")
def python_with_pillow(bundles: dict[str, Bundle], install: Install) -> Path:
    return install(bundles["v2"].wheel, packages=("numpy", "onnxruntime", "PIL"))


def test_a_bundle_answers_as_the_predictor_does(python: Path, artifacts: Path, tmp_path: Path, name: str) -> None:
    pictures = artifacts / name / "golden_pictures.npz"
    done = run_python(python, "-c", ANSWERS.format(package=f"reader_{name}"), pictures, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(done.stdout)
    assert len(answers) == 16
    assert answers == answers_of(name, pictures)
    assert answers != answers_of("v1" if name == "v2" else "v2", pictures)


def test_a_bundle_needs_neither_this_project_nor_pillow(python: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy, reader_v2\n"
        "print(reader_v2.Predictor().predict(numpy.zeros((99, 80, 3), numpy.uint8)).rejection.reason.label)\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(names & {'PIL', 'runtime', 'mnist_edge', 'export', 'packaging', 'typer', 'reader_v2'}))"
    )
    done = run_python(python, "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("blank\nreader_v2\n", "")
    for absent in ("PIL", "runtime", "mnist_edge", "typer"):
        assert "ModuleNotFoundError" in run_python(python, "-c", f"import {absent}", cwd=tmp_path).stderr


def test_the_example_of_the_page_about_devices_works(python: Path, root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "devices.md").read_text("utf-8")
    (example,) = (block for block in page.split("```python\n") if block.startswith("import digit_reader"))
    code = example.partition("```")[0].replace("digit_reader", "reader_v2")
    setup = "import numpy\nframe = numpy.zeros((50, 50, 3), numpy.uint8)\nframe[10:40, 24:27] = 255\n"
    done = run_python(python, "-c", f"{setup}{code}print(prediction.digit)", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_bundle_opens_image_files_if_pillow_is_there(
    python: Path, python_with_pillow: Path, samples: Path, tmp_path: Path
) -> None:
    image = samples / "three-on-paper.png"
    done = run_python(python_with_pillow, "-m", "reader_v2", image, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{image}: 3 (100.0%)\n", "")
    done = run_python(python, "-m", "reader_v2", image, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    problem = "opening image files needs Pillow; install it with: pip install 'reader_v2[images]'"
    assert done.stderr == f"error: {problem}\n"
    code = f"import reader_v2; reader_v2.Predictor().predict({str(image)!r})"
    done = run_python(python, "-c", code, cwd=tmp_path)
    assert done.stderr.endswith(f"\nModuleNotFoundError: {problem}\n")


@pytest.mark.parametrize("arguments", [["selftest"], ["seven-28x28.png"]])
def test_a_bundle_works_without_network_or_writable_disk(
    sealed: Sealed, python_with_pillow: Path, samples: Path, tmp_path: Path, arguments: list[str]
) -> None:
    command = [*sealed(tmp_path), python_with_pillow, "-W", "error", "-m", "reader_v2", *arguments]
    done = subprocess.run(command, cwd=samples, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("passed; " if arguments == ["selftest"] else "seven-28x28.png: 7 (")
    assert not list(tmp_path.iterdir())


def test_a_damaged_installation_fails_its_self_test(bundles: dict[str, Bundle], install: Install) -> None:
    python = install(bundles["v1"].wheel)
    site = python.parents[1]
    assert run_python(python, "-m", "reader_v1", "selftest", cwd=site).returncode == 0
    (golden,) = site.rglob("golden.npz")
    golden.write_bytes(golden.read_bytes()[:-1] + b"x")
    done = run_python(python, "-m", "reader_v1", "selftest", cwd=site)
    assert done.returncode == 1
    assert "golden.npz is damaged or was replaced" in done.stderr


def test_two_bundles_live_in_the_same_process(python: Path, tmp_path: Path) -> None:
    code = (
        "import numpy, reader_v1, reader_v2\n"
        "first, second = reader_v1.Predictor(), reader_v2.Predictor()\n"
        "frame = numpy.zeros((50, 50), numpy.uint8)\n"
        "frame[10:40, 24:27] = 255\n"
        "print(first.sha256, second.sha256, first.predict(frame).confidence, second.predict(frame).confidence)\n"
        "first.selftest(), second.selftest()"
    )
    done = run_python(python, "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    frame = np.zeros((50, 50), np.uint8)
    frame[10:40, 24:27] = 255
    models = [Predictor("v1"), Predictor("v2")]
    expected = [*(model.sha256 for model in models), *(str(model.predict(frame).confidence) for model in models)]
    assert done.stdout.split() == expected


def test_an_archive_can_be_unpacked_into_a_program(python: Path, bundles: dict[str, Bundle], tmp_path: Path) -> None:
    archive = bundles["v1"].zip
    assert archive is not None
    shutil.unpack_archive(archive, tmp_path / "program" / "vendored")
    (tmp_path / "program" / "__init__.py").touch()
    code = "from program.vendored.reader_v1 import Predictor\nprint(Predictor().path, Predictor().selftest().pictures)"
    done = run_python(python, "-c", code, cwd=tmp_path)
    model = tmp_path / "program" / "vendored" / "reader_v1" / "artifacts" / "v1" / "model.int8.optimized.onnx"
    assert (done.stdout, done.stderr) == (f"{model} 16\n", "")


def test_a_model_of_ones_own_can_be_bundled(install: Install, tmp_path: Path) -> None:
    """Train, calibrate, export, bundle, install: as the commands do, with drawn digits instead of MNIST."""
    drawn, checkpoint = draw_digits(240), tmp_path / "run" / CHECKPOINT_FILE
    result = train(replace(find_recipe("v1", "reference"), validation_images=40), drawn)
    save_checkpoint(checkpoint, "v1", result.model, result.facts)
    calibrate(checkpoint, drawn)
    export_checkpoints([checkpoint], tmp_path / "mine")
    bundle = make_bundle(tmp_path / "mine" / "v1", "my_reader", "0.1", tmp_path / "dist")
    assert bundle.model_sha256 == Predictor(tmp_path / "mine" / "v1").sha256 != Predictor("v1").sha256
    python, pictures = install(bundle.wheel), tmp_path / "mine" / "v1" / "golden_pictures.npz"
    done = run_python(python, "-c", ANSWERS.format(package="my_reader"), pictures, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == answers_of(tmp_path / "mine" / "v1", pictures)
    assert run_python(python, "-m", "my_reader", "selftest", cwd=tmp_path).returncode == 0
