"""`mnist-edge bundle`."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


def test_a_bundle_is_described_as_text_and_as_json(run: Run, tmp_path: Path) -> None:
    arguments = ["bundle", "--name", "digit_reader", "--version", "1.0", "--out", tmp_path / "dist"]
    done = run(*arguments)
    wheel = tmp_path / "dist" / "digit_reader-1.0-py3-none-any.whl"
    assert (done.returncode, done.stderr) == (0, "")
    assert "Bundled v2 as digit_reader 1.0; it passes its self-test." in done.stdout
    assert f"Written: {wheel} ({wheel.stat().st_size:,} bytes)" in done.stdout
    assert done.stdout.endswith(f"Install it with: pip install '{wheel}[images]'\n")
    done = run(*arguments, "--zip", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert_documented("bundle", document)
    assert (document["wheel"], document["zip"]) == (str(wheel), str(tmp_path / "dist" / "digit_reader-1.0.zip"))
    assert sorted(map(str, (tmp_path / "dist").iterdir())) == sorted([document["wheel"], document["zip"]])


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--name", "Digits"], 2, "use lower-case letters"),
        (["--name", "numpy"], 2, "'numpy' is taken"),
        (["--version", "1.x"], 2, "is not a version"),
        (["nothing"], 1, "cannot be read as a manifest"),
        (["v1", "--max-parameters", "24714"], 3, "24,714 parameters exceed the budget"),
        (["v1", "--max-bytes", "1000"], 3, "over the budget of 1,000"),
    ],
)
def test_a_refused_bundle_writes_nothing(run: Run, tmp_path: Path, options: list[str], code: int, problem: str) -> None:
    done = run("bundle", "--name", "reader", "--version", "1.0", "--out", tmp_path / "dist", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.slow
def test_train_calibrate_export_bundle(run: Run, mnist_directory: Path, tmp_path: Path) -> None:
    """The whole way from the data set to a wheel."""
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    for arguments in (
        ["train", "v1", "--out", tmp_path / "run", "--data", mnist_directory],
        ["calibrate", checkpoint, "--data", mnist_directory],
        ["export", "--checkpoint", checkpoint, "--out", tmp_path / "mine"],
        ["bundle", tmp_path / "mine" / "v1", "--name", "my_reader", "--version", "1", "--out", tmp_path / "dist"],
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["my_reader-1-py3-none-any.whl"]
