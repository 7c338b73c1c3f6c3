"""Who may import whom, and that `runtime` is as slim as it says."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Packages of this project that each may import; `mnist_edge.cli` may, inside its functions, import all.
ALLOWED = {"runtime": set[str](), "mnist_edge": {"mnist_edge"}, "export": {"export", "mnist_edge"}}
PROJECT = {"runtime", "mnist_edge", "export", "artifacts", "tests"}

# What `import runtime` may load besides the standard library.
SLIM = {"runtime", "numpy", "onnxruntime"}


def imports_of(source: str) -> list[tuple[str, bool]]:
    """Give the top-level package of each absolute import, and whether it stands inside a function."""
    tree = ast.parse(source)
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((str(node.module).partition(".")[0], id(node) in inside))
    return found


def forbidden_imports(package: str, name: str, source: str) -> set[str]:
    """Give the project's packages that a module imports and must not."""
    allowed_inside = PROJECT if (package, name) == ("mnist_edge", "cli.py") else ALLOWED[package]
    return {
        imported
        for imported, inside in imports_of(source)
        if imported in PROJECT and imported not in (allowed_inside if inside else ALLOWED[package])
    }


def loaded_by(statement: str, path: Path) -> set[str]:
    """Give the top-level modules that a statement loads into a new interpreter, the standard library's left out."""
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


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_they_may(root: Path, package: str) -> None:
    sources = list((root / package).rglob("*.py"))
    assert sources
    for path in sources:
        assert forbidden_imports(package, path.name, path.read_text("utf-8")) == set(), path


@pytest.mark.parametrize(
    ("package", "name", "source", "found"),
    [
        ("runtime", "predictor.py", "import mnist_edge.data", {"mnist_edge"}),
        ("runtime", "predictor.py", "def f():\n    import runtime.errors", {"runtime"}),
        ("mnist_edge", "training.py", "def f():\n    from export import budget", {"export"}),
        ("mnist_edge", "cli.py", "import runtime", {"runtime"}),
        ("mnist_edge", "cli.py", "def f():\n    import runtime", set()),
        ("export", "parity.py", "from runtime import Predictor", {"runtime"}),
    ],
)
def test_the_import_rule_can_fail(package: str, name: str, source: str, found: set[str]) -> None:
    assert forbidden_imports(package, name, source) == found


def test_runtime_loads_numpy_and_onnxruntime_and_nothing_else(root: Path) -> None:
    loaded = loaded_by("import runtime", root)
    assert loaded >= SLIM
    # Their own dependencies come with them.
    assert loaded - SLIM <= loaded_by("import numpy, onnxruntime", root)


def test_the_slimness_check_can_fail(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "runtime", tmp_path / "runtime")
    with (tmp_path / "runtime" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write("\nimport PIL\n")
    loaded = loaded_by("import runtime", tmp_path)
    assert "PIL" in loaded - SLIM - loaded_by("import numpy, onnxruntime", root)


def test_runtime_works_vendored_under_another_name(root: Path, artifacts: Path, samples: Path, tmp_path: Path) -> None:
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
def test_help_and_predict_never_pay_for_pytorch(root: Path, arguments: list[str]) -> None:
    statement = (
        "from mnist_edge.cli import app\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        f"    app({arguments!r}, standalone_mode=False)"
    )
    loaded = loaded_by(statement, root)
    assert "typer" in loaded
    assert not loaded & {"torch", "torchvision", "onnx", "safetensors", "pydantic"}
    assert "rich" not in loaded or arguments == ["--help"]


def test_a_benchmarked_engine_pays_for_no_other(root: Path) -> None:
    assert loaded_by("import mnist_edge.benchmark.worker", root) <= {"mnist_edge"} | loaded_by("import numpy", root)


def test_no_command_but_a_download_pays_for_torchvision(root: Path) -> None:
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for package in ("mnist_edge", "export")
        for path in (root / package).rglob("*.py")
        if not path.stem.startswith("__")
    ]
    loaded = loaded_by("import " + ", ".join(modules), root)
    assert "torch" in loaded
    assert "torchvision" not in loaded


def test_the_packages_tell_their_public_names() -> None:
    import runtime

    assert sorted(runtime.__all__) == [
        "Classification",
        "ImageError",
        "ModelError",
        "Prediction",
        "Predictor",
        "PredictorError",
        "SelftestReport",
        "predict_stream",
    ]
