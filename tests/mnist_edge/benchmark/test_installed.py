"""What a contender takes on disk is counted once: packages with all that they require, and files."""

import os
from pathlib import Path

import pytest

from mnist_edge.benchmark.installed import debian_bytes, path_bytes, python_bytes

DPKG = """#!/bin/sh
printf 'reader\\t10\\tlibread1 (>= 2), libc6, viewer | nothing\\n'
printf 'libread1\\t300\\tlibc6:any, reader\\n'
printf 'viewer\\t5\\t\\n'
printf 'other\\t7000\\treader\\n'
printf 'libstdc++6\\t40\\tlibc6\\n'
printf 'libc6\\t900\\t\\n'
"""


def install(folder: Path, name: str, size: int, *requires: str) -> None:
    """Lay down a package with one module of a size; its own metadata count too."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (folder / f"{name}.py").write_bytes(b"#" * size)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {each}" for each in requires)]
    (metadata / "METADATA").write_text("\n".join(lines))
    (metadata / "RECORD").write_text(f"{name}.py,,\n{name}_gone.py,,\n")


def test_required_packages_count_once_and_extras_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "zz_reader", 1_000, "ZZ.Shared>=1", "zz-absent", "zz_big; extra == 'gpu'")
    install(tmp_path, "zz_other", 200, "zz_shared; python_version >= '3'", "zz_big; python_version < '3'")
    install(tmp_path, "zz_shared", 30, "zz_reader")  # a cycle
    install(tmp_path, "zz_big", 50_000)
    monkeypatch.syspath_prepend(tmp_path)
    assert python_bytes(["zz_shared"]) == 1_030
    assert python_bytes(["zz-reader", "zz_other", "zz_shared"]) == 1_230
    assert python_bytes(["zz_big"]) == 50_000
    assert python_bytes(["zz-absent"]) == 0


def test_an_installed_package_has_the_size_of_its_folder() -> None:
    """numpy requires nothing, and nearly all of it is in its folder and its libraries."""
    import numpy as np

    site = Path(np.__file__).parents[1]
    folders = (site / "numpy", site / "numpy.libs")
    expected = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    assert python_bytes(["numpy"]) == pytest.approx(expected, rel=0.05)


def test_files_count_whole_and_folders_by_their_modules(tmp_path: Path) -> None:
    (tmp_path / "package" / "__pycache__").mkdir(parents=True)
    (tmp_path / "package" / "a.py").write_bytes(b"#" * 20)
    (tmp_path / "package" / "__pycache__" / "a.pyc").write_bytes(b"#" * 500)
    (tmp_path / "model.onnx").write_bytes(b"#" * 3)
    assert path_bytes([tmp_path / "package", tmp_path / "model.onnx"]) == 23


@pytest.fixture
def _dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dpkg-query").write_text(DPKG)
    (tmp_path / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("_dpkg")
def test_debian_packages_count_without_the_c_libraries() -> None:
    assert debian_bytes(["reader"]) == (10 + 300 + 5) * 1024
    assert debian_bytes(["viewer"]) == 5 * 1024


@pytest.mark.usefixtures("_dpkg")
def test_the_size_of_what_debian_did_not_install_is_unknown() -> None:
    assert debian_bytes(["elsewhere"]) is None


def test_debian_sizes_are_unknown_on_other_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert debian_bytes(["reader"]) is None
