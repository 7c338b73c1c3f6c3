"""Packages import in one direction only, and `runtime` and the quick commands load no heavy packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# All that `import runtime` may load besides the standard library and their own dependencies.
ALLOWED = {"runtime", "numpy", "onnxruntime"}


def loaded_by(statement: str, path: Path) -> set[str]:
    """Return the top-level modules outside the standard library that a statement loads into a new interpreter."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("runtime/predictor.py", "import mnist_edge.errors"),
        ("runtime/predictor.py", "def predict(): import export.checks"),
        ("mnist_edge/training/loop.py", "def train(): from export import checks"),
        ("mnist_edge/data/mnist.py", "import mnist_edge.training.models"),
        ("export/parity.py", "from mnist_edge.benchmark import measure"),
        ("export/parity.py", "from mnist_edge.bundling import names"),
        ("mnist_edge/bundling/names.py", "from mnist_edge.benchmark import measure"),
        ("mnist_edge/report/page.py", "from mnist_edge.cli import tables"),
    ],
)
def test_imports_against_the_direction_are_refused(root: Path, tmp_path: Path, module: str, statement: str) -> None:
    shutil.copy(root / "pyproject.toml", tmp_path)
    for package in ("tools", "mnist_edge", "export", "runtime"):
        shutil.copytree(root / package, tmp_path / package)
    assert lint_imports(tmp_path).returncode == 0
    with (tmp_path / module).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{statement}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "is not allowed to import" in done.stdout


def test_runtime_loads_only_numpy_and_onnxruntime(root: Path) -> None:
    loaded = loaded_by("import runtime", root)
    assert loaded >= ALLOWED
    assert loaded - ALLOWED <= loaded_by("import numpy, onnxruntime", root)


def test_an_additional_import_in_runtime_is_detected(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "runtime", tmp_path / "runtime")
    with (tmp_path / "runtime" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write("\nimport PIL\n")
    loaded = loaded_by("import runtime", tmp_path)
    assert "PIL" in loaded - ALLOWED - loaded_by("import numpy, onnxruntime", root)


def test_runtime_can_be_vendored_under_another_name(root: Path, artifacts: Path, samples: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "runtime", tmp_path / "device" / "digits")
    (tmp_path / "device" / "__init__.py").touch()
    code = f"""
import sys
from device.digits import Predictor
print(Predictor({str(artifacts / "v2")!r}).predict({str(samples / "seven-28x28.png")!r}).digit)
assert "runtime" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("7\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "artifacts/samples/seven-28x28.png"], ["version"]])
def test_help_predict_and_version_load_no_heavy_packages(root: Path, arguments: list[str]) -> None:
    statement = (
        "from mnist_edge.cli.app import main\n"
        "import contextlib, io, sys\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    loaded = loaded_by(statement, root)
    assert "typer" in loaded
    assert not loaded & {"torch", "torchvision", "onnx", "safetensors", "pydantic"}
    assert "rich" not in loaded or arguments == ["--help"]


def test_a_command_imports_no_other_commands_module(root: Path, samples: Path) -> None:
    code = (
        "import contextlib, sys\n"
        "from mnist_edge.cli.app import main\n"
        f"sys.argv[1:] = ['predict', {str(samples / 'seven-28x28.png')!r}]\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(*sorted(name.removeprefix('mnist_edge.cli.') for name in sys.modules if 'mnist_edge.cli.' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "app exit_codes options output predict"


def test_benchmark_worker_loads_no_engine_in_advance(root: Path) -> None:
    assert loaded_by("import mnist_edge.benchmark.worker", root) <= {"mnist_edge"} | loaded_by("import numpy", root)


def test_importing_every_module_does_not_load_torchvision(root: Path) -> None:
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for package in ("mnist_edge", "export")
        for path in (root / package).rglob("*.py")
        if not path.stem.startswith("__")
    ]
    loaded = loaded_by("import " + ", ".join(modules), root)
    assert "torch" in loaded
    assert "torchvision" not in loaded


def test_public_names_of_runtime_are_pinned() -> None:
    import runtime

    assert sorted(runtime.__all__) == [
        "Classification",
        "ImageError",
        "ModelError",
        "Prediction",
        "Predictor",
        "PredictorError",
        "Prepared",
        "Reason",
        "Rejection",
        "SelftestReport",
        "predict_stream",
    ]
