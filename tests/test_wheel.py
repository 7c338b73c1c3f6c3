"""The wheel, installed into a fresh environment with the base dependencies only."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Sealed


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(out), str(root)], check=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a fresh environment and return its `bin` folder."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", str(root / "constraints.txt"), str(wheel)], check=True)
    return environment / "bin"


def _run(command: list[str | Path], cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MNIST_EDGE_DATA")}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_wheel_contains_exactly_the_files_a_device_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entries = {entry.filename: entry.file_size for entry in archive.infolist()}
    for name in ("v1", "v2"):
        files = {path.rpartition("/")[2] for path in entries if path.startswith(f"artifacts/{name}/")}
        golden, models = {"golden.npz", "golden_pictures.npz"}, {"model.int8.onnx", "model.int8.optimized.onnx"}
        assert files == {"README.md", "manifest.json", "picture_to_digit.onnx", *models, *golden}
    assert {"artifacts/prepare.onnx", "artifacts/manifest.json"} <= entries.keys()
    assert not [path for path in entries if path.startswith("tests/") or "samples" in path or "__pycache__" in path]
    assert sum(entries.values()) <= 1_500_000


def test_predict_works_with_the_base_dependencies_only(installed: Path, samples: Path, tmp_path: Path) -> None:
    done = _run([installed / "mnist-edge", "predict", samples / "three-on-paper.png"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert ": 3 (" in done.stdout
    packages = _run([installed / "pip", "list", "--format=freeze"], tmp_path).stdout.lower()
    assert "onnxruntime" in packages
    assert not [name for name in ("torch", "onnx==", "safetensors", "platformdirs") if f"\n{name}" in packages]


def test_predict_works_without_network_or_writable_disk(
    sealed: Sealed, installed: Path, samples: Path, tmp_path: Path
) -> None:
    program: list[str | Path]
    program = [installed / "python", "-W", "error", installed / "mnist-edge", "predict", samples / "three-on-paper.png"]
    done = subprocess.run([*sealed(tmp_path), *program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ": 3 (" in done.stdout
    assert not list(tmp_path.iterdir())


def test_selftest_passes_for_both_models(installed: Path, tmp_path: Path) -> None:
    done = _run([installed / "mnist-edge", "selftest"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("passed") == 2


@pytest.mark.parametrize("command", ["train v1", "export", "calibrate v1", "inspect v1", "data", "evaluate --record"])
def test_command_without_its_packages_says_what_to_install(installed: Path, tmp_path: Path, command: str) -> None:
    done = _run([installed / "mnist-edge", *command.split()], tmp_path)
    assert done.returncode == 1
    assert "pip install 'mnist-edge[train]'" in done.stderr


@pytest.mark.parametrize("command", ["evaluate --suite rejection", "benchmark --pictures"])
def test_non_digits_need_an_extra_before_the_measurement(installed: Path, tmp_path: Path, command: str) -> None:
    done = _run([installed / "mnist-edge", *command.split()], tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: this command needs the package 'skimage'. Install it with: pip install 'mnist-edge[suites]'\n"
    )


def test_evaluate_works_without_pytorch(installed: Path, mnist_directory: Path, tmp_path: Path) -> None:
    done = _run([installed / "mnist-edge", "evaluate", "v2", "--data", mnist_directory.resolve()], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "calibration error" in done.stdout


@pytest.mark.slow
def test_benchmark_needs_no_data_set_and_no_other_package(installed: Path, tmp_path: Path) -> None:
    done = _run([installed / "mnist-edge", "benchmark", "v2", "--rounds", "1", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    benchmark = json.loads(done.stdout)
    assert (benchmark["data_set"], benchmark["images"]) == ("drawn digits", 500)
    (contender,) = benchmark["models"]["v2"]
    assert contender["name"] == "mnist-edge, int8"
    assert contender["accuracy"] > 0.95
    assert contender["timings"][0]["microseconds"]["median"] > 0
    assert benchmark["missing"]["LiteRT, plain int8"].startswith("pip install ai-edge-litert")
