"""What a bundle contains, that the same input gives the same bytes, and what is refused."""

import base64
import csv
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from mnist_edge.bundling.bundle import Bundle, make_bundle
from mnist_edge.bundling.wheel import build_wheel
from mnist_edge.errors import ArtifactError, CheckFailedError
from tests.conftest import ROOT

Change = Callable[[Path], object]
DIST_INFO = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}


def read_archive(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def unrecorded(files: dict[str, bytes]) -> list[str]:
    """Return the files of a wheel whose size or SHA-256 is not the one in its RECORD."""
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    rows = {path: (digest, size) for path, digest, size in csv.reader(files[record].decode().splitlines())}
    wrong = rows.keys() ^ files.keys()
    for path in (rows.keys() & files.keys()) - {record}:
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[path]).digest()).decode().rstrip("=")
        if rows[path] != (f"sha256={digest}", str(len(files[path]))):
            wrong.add(path)
    return sorted(wrong)


@pytest.fixture
def model(artifacts: Path, tmp_path: Path) -> Path:
    """A folder of V2 that a test may change, beside its preparation."""
    for name in ("prepare.onnx", "manifest.json"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        shutil.copy(artifacts / name, tmp_path / "mine")
    return Path(shutil.copytree(artifacts / "v2", tmp_path / "mine" / "v2"))


def test_a_wheel_has_predictor_model_and_license_only(bundles: dict[str, Bundle], root: Path, name: str) -> None:
    package = f"reader_{name}"
    files = read_archive(bundles[name].wheel)
    modules = {path.name for path in (root / "runtime").glob("*.py")}
    model = {"manifest.json", "model.int8.optimized.onnx", "golden.npz", "golden_pictures.npz"}
    assert {"predictor.py", "__main__.py"} <= modules
    assert files.keys() == {
        *(f"{package}/{module}" for module in modules),
        *(f"{package}/artifacts/{file}" for file in ("prepare.onnx", "manifest.json")),
        *(f"{package}/artifacts/{name}/{file}" for file in model),
        *(f"{package}-1.0.dist-info/{file}" for file in DIST_INFO | {f"sboms/{package}.cdx.json"}),
    }
    assert files[f"{package}-1.0.dist-info/licenses/LICENSE"] == (root / "LICENSE").read_bytes()
    for file in model - {"manifest.json"}:
        assert files[f"{package}/artifacts/{name}/{file}"] == (root / "artifacts" / name / file).read_bytes()
    manifest = json.loads((root / "artifacts" / name / "manifest.json").read_text("utf-8"))
    assert manifest["accuracy"]  # which no device needs
    described = {file: entry for file, entry in manifest["files"].items() if file in model}
    expected = {**manifest, "accuracy": {}, "files": described}
    assert json.loads(files[f"{package}/artifacts/{name}/manifest.json"]) == expected
    assert len(described) == 3


def test_a_bundle_installs_at_most_250_kilobytes(bundles: dict[str, Bundle], name: str) -> None:
    sizes = [len(content) for content in read_archive(bundles[name].wheel).values()]
    assert bundles[name].installed_bytes == sum(sizes) <= 250_000


def test_a_wheel_names_its_dependencies_and_needs_no_other(bundles: dict[str, Bundle]) -> None:
    text = read_archive(bundles["v2"].wheel)["reader_v2-1.0.dist-info/METADATA"].decode()
    fields = [line for line in text.partition("\n\n")[0].splitlines() if not line.startswith("Summary")]
    assert fields == [
        "Metadata-Version: 2.4",
        "Name: reader_v2",
        "Version: 1.0",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Requires-Python: >=3.11",
        "Requires-Dist: numpy>=1.26",
        "Requires-Dist: onnxruntime>=1.20",
        "Provides-Extra: images",
        "Requires-Dist: pillow>=11.1; extra == 'images'",
        "Description-Content-Type: text/markdown",
    ]
    assert "reader_v2.Predictor().predict(frame)" in text


def test_a_record_has_the_digest_of_every_file(bundles: dict[str, Bundle], name: str) -> None:
    files = read_archive(bundles[name].wheel)
    assert unrecorded(files) == []
    damaged = f"reader_{name}/artifacts/prepare.onnx"
    assert unrecorded({**files, damaged: files[damaged][:-1] + b"x", "more.py": b""}) == ["more.py", damaged]


def test_the_bill_of_materials_has_the_digests_of_the_graphs(bundles: dict[str, Bundle], name: str) -> None:
    files, package = read_archive(bundles[name].wheel), f"reader_{name}"
    document = json.loads(files[f"{package}-1.0.dist-info/sboms/{package}.cdx.json"])
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    subject = document["metadata"]["component"]
    assert (subject["name"], subject["purl"]) == (package, f"pkg:pypi/reader-{name}@1.0")
    components = {component["name"]: component for component in document["components"]}
    graphs = {path.removeprefix(f"{package}/") for path in files if path.endswith(".onnx")}
    assert components.keys() == {"mnist-edge", *graphs}
    for path in graphs:
        (entry,) = components[path]["hashes"]
        assert entry == {"alg": "SHA-256", "content": hashlib.sha256(files[f"{package}/{path}"]).hexdigest()}
    assert (
        components[f"artifacts/{name}/model.int8.optimized.onnx"]["hashes"][0]["content"] == bundles[name].model_sha256
    )


def test_an_archive_is_the_folder_of_the_wheel_and_the_license(bundles: dict[str, Bundle], root: Path) -> None:
    bundle = bundles["v2"]
    assert bundle.zip is not None
    wheel = read_archive(bundle.wheel)
    expected = {path: content for path, content in wheel.items() if path.startswith("reader_v2/")}
    assert read_archive(bundle.zip) == {**expected, "reader_v2/LICENSE": (root / "LICENSE").read_bytes()}


def test_all_times_and_modes_in_both_archives_are_fixed(bundles: dict[str, Bundle]) -> None:
    bundle = bundles["v1"]
    assert bundle.zip is not None
    for path in (bundle.wheel, bundle.zip):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {stat.S_IMODE(entry.external_attr >> 16) for entry in entries} == {0o644}
        assert len(entries) == len({entry.filename for entry in entries})


def test_another_place_time_and_umask_give_the_same_bytes(bundles: dict[str, Bundle], model: Path) -> None:
    """Also from a copy of the model with other times and modes, below a folder that git ignores."""
    folder = model.parent.parent
    for path in model.rglob("*"):
        os.utime(path, (2**30, 2**30))
        path.chmod(0o700)
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("*\n")
    (folder / "temporary").mkdir()
    arguments = ["mine/v2", "--name", "reader_v2", "--version", "1.0", "--out", "out", "--zip"]
    code = f"import os, sys; os.umask(0o077); sys.argv[1:] = {arguments!r}; sys.argv.insert(1, 'bundle')\n"
    code += "from mnist_edge.cli.app import main; main()"
    changes = {"SOURCE_DATE_EPOCH": "1700000000", "TMPDIR": str(folder / "temporary"), "TZ": "Asia/Tokyo"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", **changes}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True)
    assert bundles["v2"].zip is not None
    for path in (bundles["v2"].wheel, bundles["v2"].zip):
        assert (folder / "out" / path.name).read_bytes() == path.read_bytes()
    assert list((folder / "temporary").iterdir()) == []


def test_another_version_or_model_gives_other_bytes(
    bundles: dict[str, Bundle], artifacts: Path, tmp_path: Path
) -> None:
    former = bundles["v1"].wheel.read_bytes()
    assert make_bundle(artifacts / "v1", "reader_v1", "1.1", tmp_path).wheel.read_bytes() != former
    assert make_bundle(artifacts / "v2", "reader_v1", "1.0", tmp_path).wheel.read_bytes() != former


def test_an_existing_file_stays_unless_it_is_the_same(bundles: dict[str, Bundle], artifacts: Path) -> None:
    former = bundles["v1"]
    assert former.zip is not None
    files = (former.wheel, former.zip)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    assert make_bundle(artifacts / "v1", "reader_v1", "1.0", former.wheel.parent, with_zip=True) == former
    with pytest.raises(ArtifactError, match=r"reader_v1-1\.0-py3-none-any\.whl exists with other content"):
        make_bundle(artifacts / "v2", "reader_v1", "1.0", former.wheel.parent, with_zip=True)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before


def test_no_wheel_is_written_beside_another_archive(artifacts: Path, tmp_path: Path) -> None:
    (tmp_path / "reader-1.0.zip").write_bytes(b"former")
    with pytest.raises(ArtifactError, match=r"reader-1\.0\.zip exists with other content"):
        make_bundle(artifacts / "v1", "reader", "1.0", tmp_path, with_zip=True)
    assert [path.name for path in tmp_path.iterdir()] == ["reader-1.0.zip"]


def test_a_model_over_budget_is_refused(artifacts: Path, tmp_path: Path, name: str) -> None:
    manifest = json.loads((artifacts / name / "manifest.json").read_text("utf-8"))
    parameters, size = manifest["parameters"], manifest["files"]["model.int8.optimized.onnx"]["bytes"]
    for budget in ({"max_parameters": parameters}, {"max_bytes": size - 1}):
        with pytest.raises(CheckFailedError, match="budget"):
            make_bundle(artifacts / name, "reader", "1.0", tmp_path / "out", **budget)
    assert not (tmp_path / "out").exists()
    make_bundle(artifacts / name, "reader", "1.0", tmp_path / "out", max_parameters=parameters + 1, max_bytes=size)


def _rename_in_manifest(model: Path) -> None:
    path = model / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"name": "v2"', '"name": "../v2"'))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda model: (model / "golden_pictures.npz").unlink(), "golden_pictures.npz is missing"),
        (lambda model: (model / "manifest.json").unlink(), "cannot be read as a manifest"),
        (_rename_in_manifest, "names the model '../v2'; export the model again"),
        (lambda model: (model.parent / "manifest.json").unlink(), "manifest.json is missing"),
    ],
)
def test_an_incomplete_folder_is_refused(model: Path, tmp_path: Path, change: Change, problem: str) -> None:
    change(model)
    with pytest.raises(ArtifactError) as caught:
        make_bundle(model, "reader", "1.0", tmp_path / "out")
    assert problem in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "damaged", ["v2/model.int8.optimized.onnx", "v2/golden.npz", "v2/golden_pictures.npz", "prepare.onnx"]
)
def test_a_damaged_file_fails_the_self_test(model: Path, tmp_path: Path, damaged: str) -> None:
    path = model.parent / damaged
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckFailedError, match="the package fails its self-test, so nothing was written") as caught:
        make_bundle(model, "reader", "1.0", tmp_path / "out")
    assert f": reader/artifacts/{damaged} is damaged or was replaced" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_copied_alone_gets_the_preparation(
    bundles: dict[str, Bundle], model: Path, tmp_path: Path
) -> None:
    alone = shutil.move(model, tmp_path / "alone")
    bundle = make_bundle(Path(alone), "reader_v2", "1.0", tmp_path / "out")
    assert bundle.wheel.read_bytes() == bundles["v2"].wheel.read_bytes()


def test_a_project_that_cannot_be_built_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "reader"\n')
    with pytest.raises(ArtifactError, match="hatchling cannot build the wheel: "):
        build_wheel(tmp_path)


def test_without_its_license_nothing_is_bundled(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", fail)
    with pytest.raises(ArtifactError, match="mnist-edge is not installed, only unpacked"):
        make_bundle(artifacts / "v1", "reader", "1.0", tmp_path)
