"""`mnist-edge compare`, `ablate` and `report`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import installed_versions, this_machine
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented
from tools.challenge_page import ABLATIONS, COMPARISON


def measured_here(results: Path, path: Path) -> Comparison:
    """Write committed results as if this machine had measured them, so that nothing is trained again."""
    finished = replace(
        load_results(results, Comparison),
        machine=this_machine(),
        versions=installed_versions("torch", "torchvision"),
        processes=1,
        threads=this_machine().cores,
    )
    save_results(path, finished)
    for network in finished.networks:
        path.with_name(f"{network.name}.safetensors").touch()
    return finished


@pytest.mark.parametrize(
    ("command", "committed"),
    [
        ("compare", COMPARISON),
        pytest.param("compare --full", COMPARISON, marks=pytest.mark.slow),
        pytest.param("ablate", ABLATIONS, marks=pytest.mark.slow),
    ],
)
def test_finished_trainings_are_shown_and_not_repeated(
    run: Run, mnist_directory: Path, tmp_path: Path, command: str, committed: Path
) -> None:
    results = tmp_path / "results.json"
    done = measured_here(committed, results)
    before = results.read_bytes()
    options = ["--processes", 1, "--results", results, "--data", mnist_directory, "--out", tmp_path]
    shown = run(*command.split(), *options)
    assert (shown.returncode, shown.stderr) == (0, "")
    for network in done.networks:
        assert f"{network.name} " in shown.stdout
        assert f"{network.mean:.2%}" in shown.stdout
    document = json.loads(run(*command.split(), *options, "--json").stdout)
    assert_documented(command.split()[0], document)
    assert results.read_bytes() == before
    assert document == json.loads(before)


@pytest.mark.slow
def test_a_missing_int8_file_is_made_and_measured(
    run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
) -> None:
    results, name = tmp_path / "compare.json", "v1 onepass"
    done = measured_here(COMPARISON, results)
    without = tuple(replace(one, int8=None) if one.name == name else one for one in done.networks)
    save_results(results, replace(done, networks=without))
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    shutil.copy(artifacts / "v1" / "checkpoint.safetensors", tmp_path / f"{name}.safetensors")
    shown = run("compare", "--processes", 1, "--results", results, "--data", mnist_directory, "--out", tmp_path)
    assert (shown.returncode, shown.stderr) == (0, f"int8  step 1/1  {name}\n")
    int8 = load_results(results, Comparison).network(name).int8
    assert int8 is not None
    assert int8.bytes == (artifacts / "v1" / "model.int8.onnx").stat().st_size
    assert f"{int8.accuracy:.2%}" in shown.stdout


@pytest.mark.slow
def test_report_trains_and_draws_a_page(run: Run, root: Path, mnist_directory: Path, tmp_path: Path) -> None:
    compared = root / "docs" / "compare.json"
    done = run(
        "report",
        "--out",
        tmp_path / "out",
        "--model",
        "v1",
        "--compared",
        compared,
        "--data",
        mnist_directory,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_documented("report", document)
    assert document["page"] == str(tmp_path / "out" / "index.html")
    assert "Comparison with other networks" in (tmp_path / "out" / "index.html").read_text()
