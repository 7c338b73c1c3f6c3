"""Make a package of the predictor and one model, under a name of its own, that needs nothing else of this project."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import runtime
from export.checks import check_bytes
from export.exporter import MAX_BYTES
from export.manifest import Manifest, read_manifest
from mnist_edge.bundling.names import check_name, check_version
from mnist_edge.bundling.sbom import TIMESTAMP
from mnist_edge.bundling.wheel import LICENSE_FILE, Project, build_wheel, write_project
from mnist_edge.errors import ArtifactError, CheckFailedError
from mnist_edge.files import atomic_write
from mnist_edge.training.models import MAX_PARAMETERS
from runtime.contract import (
    ARTIFACTS,
    GOLDEN_FILE,
    GOLDEN_PICTURES_FILE,
    MANIFEST_FILE,
    OPTIMIZED_FILE,
    PREPARE_FILE,
)

_UNIX: Final = 3
"""The code of the system whose file modes an entry of a zip archive has."""
_MODE: Final = 0o100644
"""A file that its owner may write and everyone read."""


@dataclass(frozen=True)
class Bundle:
    """A bundle and its files: the wheel, the bytes that it installs and, if one was asked for, the zip archive."""

    name: str
    version: str
    model: str
    model_sha256: str
    wheel: Path
    installed_bytes: int
    zip: Path | None


def make_bundle(
    model: Path,
    name: str,
    version: str,
    out: Path,
    *,
    with_zip: bool = False,
    max_parameters: int = MAX_PARAMETERS,
    max_bytes: int = MAX_BYTES,
) -> Bundle:
    """Write a wheel whose import package is a copy of the predictor with one model, which `Predictor()` opens.

    The same model, name, version and packages give the same bytes. Nothing is written unless the package passes its
    self-test in a process of its own.

    Args:
        model: a folder written by the export.
        name: the name of the package, as an import and as a distribution.
        version: the version of the package.
        out: the folder to write to.
        with_zip: also write the package's folder as a zip archive, to be unpacked into another program.
        max_parameters: the budget, as of the export.
        max_bytes: the budget of the int8 file.

    Raises:
        BundleError: the name or the version cannot be used.
        ArtifactError: the model's folder is incomplete or damaged, or a file of this version has other content.
        CheckFailedError: the model is over budget or fails its self-test.
        OSError: a file cannot be read or written.
    """
    name, version = check_name(name), check_version(version)
    manifest = read_manifest(model)
    if manifest.parameters >= max_parameters:
        raise CheckFailedError(
            f"{model}: {manifest.parameters:,} parameters exceed the budget, which is fewer than {max_parameters:,}. "
            "Raise it with --max-parameters."
        )
    files = _package_files(model, manifest)
    int8 = files[f"artifacts/{manifest.name}/{OPTIMIZED_FILE}"]
    check_bytes(OPTIMIZED_FILE, len(int8), max_bytes)
    project = Project.installed()
    with tempfile.TemporaryDirectory() as temporary:
        write_project(Path(temporary), name, version, manifest.name, project, files)
        _check_selftest(Path(temporary), name)
        wheel_name, wheel = build_wheel(Path(temporary))
    wheel_path = out / wheel_name
    zip_path = out / f"{name}-{version}.zip" if with_zip else None
    contents = {wheel_path: wheel}
    if zip_path:
        contents[zip_path] = _zip(name, {**files, LICENSE_FILE: project.license_text.encode()})
    _write(contents)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        installed_bytes = sum(entry.file_size for entry in archive.infolist())
    digest = hashlib.sha256(int8).hexdigest()
    return Bundle(name, version, manifest.name, digest, wheel_path, installed_bytes, zip_path)


def _package_files(model: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the contents of the package's files by their paths in it.

    The model's manifest leaves out what was measured, and files that are not in the package.
    """
    if not manifest.name.isidentifier():  # it becomes a folder's name
        raise ArtifactError(f"{model / MANIFEST_FILE} names the model {manifest.name!r}; export the model again")
    source = Path(runtime.__file__).parent
    paths = {path.relative_to(source).as_posix(): path for path in source.rglob("*.py")}
    names = (OPTIMIZED_FILE, GOLDEN_FILE, GOLDEN_PICTURES_FILE)
    paths |= {f"artifacts/{manifest.name}/{name}": model / name for name in names}
    # The preparation that the model was exported with, unless its folder was copied alone.
    beside = model.resolve().parent
    preparation = beside if (beside / PREPARE_FILE).is_file() else ARTIFACTS
    paths |= {f"artifacts/{name}": preparation / name for name in (PREPARE_FILE, MANIFEST_FILE)}
    kept = {name: entry for name, entry in manifest.files.items() if name in names}
    described = {f"artifacts/{manifest.name}/{MANIFEST_FILE}": replace(manifest, accuracy={}, files=kept).to_bytes()}
    try:
        return {name: path.read_bytes() for name, path in paths.items()} | described
    except FileNotFoundError as error:
        raise ArtifactError(f"{error.filename} is missing, which a bundle needs; export the model again") from error


def _check_selftest(folder: Path, name: str) -> None:
    """Run the self-test of the package in a folder.

    Raises:
        CheckFailedError: it fails.
    """
    search_path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-B", "-m", name, "selftest"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        problem = done.stderr.strip().removeprefix("error: ").replace(f"{folder.resolve()}{os.sep}", "")
        raise CheckFailedError(f"the package fails its self-test, so nothing was written: {problem}")


def _zip(name: str, files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of a folder of this name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", TIMESTAMP.timetuple()[:6])
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write the files that do not exist yet, all of them or none.

    Raises:
        ArtifactError: one exists with other content.
    """
    missing = {path: content for path, content in contents.items() if not path.exists()}
    for path, content in contents.items():
        if path not in missing and path.read_bytes() != content:
            raise ArtifactError(f"{path} exists with other content. Choose another --version, or remove the file.")
    with ExitStack() as stack:
        for path, content in missing.items():
            stack.enter_context(atomic_write(path)).write_bytes(content)
