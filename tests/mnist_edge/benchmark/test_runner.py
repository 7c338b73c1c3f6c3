"""A whole benchmark works on a device: base packages, packaged model files, no data set."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_edge.benchmark import measure
from mnist_edge.benchmark.runner import benchmark_models
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from runtime.contract import INT8_FILE

BASE_MODULES = ("runner", "contenders", "measure", "process", "results", "engines", "worker", "pictures")
TRAINING_PACKAGES = {"onnx", "torch", "msgspec", "matplotlib"}


def modules_loaded_by(module: str, root: Path) -> set[str]:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_benchmark_modules_load_no_training_packages(root: Path) -> None:
    imports = ", ".join(f"mnist_edge.benchmark.{module}" for module in BASE_MODULES)
    loaded = modules_loaded_by(imports, root)
    assert {"mnist_edge", "numpy", "onnxruntime"} <= loaded
    assert not loaded & TRAINING_PACKAGES


def test_the_check_of_loaded_packages_can_fail(root: Path) -> None:
    loaded = modules_loaded_by("mnist_edge.benchmark.exported, mnist_edge.benchmark.plot", root)
    assert loaded >= TRAINING_PACKAGES


@pytest.mark.parametrize(
    ("test", "data_set", "images"), [(None, "drawn digits", 500), (draw_digits(300, seed=2), "MNIST test", 300)]
)
def test_a_packaged_model_is_measured_without_a_data_set(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: Split | None, data_set: str, images: int
) -> None:
    monkeypatch.setattr(measure, "COLD_STARTS", 1)
    monkeypatch.setattr(measure, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(measure, "PACE_SECONDS", 0.1)
    int8_file = Path(shutil.copy(artifacts / "v2" / INT8_FILE, tmp_path))
    steps: list[str] = []
    totals: list[tuple[str, int]] = []

    @contextmanager
    def progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
        totals.append((title, total))
        yield steps.append

    benchmark = benchmark_models({"v2": tmp_path}, None, test, 1, progress)
    assert (benchmark.data_set, benchmark.images) == (data_set, images)
    assert totals == [("v2", len(steps))]
    (result,) = benchmark.models["v2"]
    assert result.name == "mnist-edge, int8"
    assert result.accuracy > 0.95
    assert result.bytes == int8_file.stat().st_size
    assert {result.timing(threads, 1).speedup for threads in benchmark.threads} == {1}  # it is its own baseline
    assert len(benchmark.missing) == 8
    assert benchmark.failed == {}
    assert set(benchmark.versions) == {"mnist-edge", "onnxruntime"}
