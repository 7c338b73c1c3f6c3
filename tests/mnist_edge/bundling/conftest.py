"""Bundles of both models, and environments that have what a bundle needs and nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from mnist_edge.bundling.bundle import Bundle, make_bundle

Install = Callable[..., Path]


@pytest.fixture(scope="session")
def bundles(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    """Return a bundle of each packaged model, with its archive: `reader_v1` and `reader_v2`."""
    out = tmp_path_factory.mktemp("bundles")
    return {name: make_bundle(artifacts / name, f"reader_{name}", "1.0", out, with_zip=True) for name in ("v1", "v2")}


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Return a function that installs wheels into a new environment beside some packages, and returns its Python."""

    def install_wheels(*wheels: Path, packages: tuple[str, ...] = ("numpy", "onnxruntime")) -> Path:
        environment, visible = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("packages")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        for package in packages:
            spec = find_spec(package)
            assert spec is not None
            assert spec.origin is not None
            (visible / package).symlink_to(Path(spec.origin).parent)
        python = environment / "bin" / "python"
        (site,) = environment.glob("lib/python*/site-packages")
        (site / "packages.pth").write_text(f"{visible}\n")
        pip: list[str | Path]
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-index", "--no-deps", *wheels], check=True, env=device_environment())
        return python

    return install_wheels


def device_environment() -> dict[str, str]:
    """Return the environment variables of a device that has never heard of this project."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MNIST_EDGE_DATA")}


def run_python(python: Path, *arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run an environment's Python with warnings as errors."""
    return subprocess.run(
        [python, "-W", "error", *map(str, arguments)],
        cwd=cwd,
        env=device_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
