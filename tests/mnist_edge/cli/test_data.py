"""`mnist-edge data`, and how the other commands find MNIST."""

import json
from pathlib import Path

from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented


def test_commands_name_the_missing_mnist_files(run: Run, tmp_path: Path) -> None:
    for arguments in (["train", "v1"], ["evaluate"], ["calibrate", "v1"], ["data", "--no-download"]):
        done = run(*arguments, MNIST_EDGE_DATA=str(tmp_path))
        assert done.returncode == 1, arguments
        assert "t10k-images-idx3-ubyte" in done.stderr + done.stdout or arguments[0] != "evaluate"
        assert "images-idx3-ubyte" in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_a_failed_download_names_the_files_and_the_folder(run: Run, tmp_path: Path) -> None:
    closed = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
    done = run("data", MNIST_EDGE_DATA="", XDG_CACHE_HOME=str(tmp_path), **closed)
    assert done.returncode == 1
    for name in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
        assert f"{name}-idx" in done.stderr
    assert str(tmp_path / "mnist-edge" / "mnist") in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_damaged_file_is_named(run: Run, tmp_path: Path) -> None:
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(b"no gzip")
    done = run("data", "--data", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'train-images-idx3-ubyte.gz'}: is named .gz but is no gzip")


def test_files_that_were_found_are_listed(run: Run, mnist_directory: Path) -> None:
    done = run("data", "--data", mnist_directory, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert_documented("data", document)
    assert document["missing"] == []
    assert document["named_by"] == "--data"
    assert len(document["files"]) == 4
