"""The data set is found, verified and downloaded; shown with small files under the four names."""

import gzip
import hashlib
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data import mnist as data
from mnist_edge.data.mnist import (
    IdxFile,
    available_data,
    download,
    ensure_data,
    load_split,
    locate,
    missing_files,
    read_idx,
)
from mnist_edge.errors import DataError

IMAGES = struct.pack(">IIII", 2051, 3, 2, 2) + bytes(range(12))
LABELS = struct.pack(">II", 2049, 3) + bytes([7, 0, 9])
IMAGE_FILE = IdxFile("images-idx3-ubyte", (3, 2, 2), hashlib.sha256(IMAGES).hexdigest())
LABEL_FILE = IdxFile("labels-idx1-ubyte", (3,), hashlib.sha256(LABELS).hexdigest())


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Replace the four files by small ones; returns the gzipped content of each by name."""
    contents = {}
    for key, file in list(data.FILES.items()):
        content, shape = (IMAGES, (3, 2, 2)) if key[1] == "images" else (LABELS, (3,))
        monkeypatch.setitem(data.FILES, key, IdxFile(file.name, shape, hashlib.sha256(content).hexdigest()))
        contents[f"{file.name}.gz"] = gzip.compress(content, mtime=0)
    return contents


@pytest.mark.parametrize("packed", [False, True])
def test_values_are_read_from_plain_and_gzipped_files(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("images-idx3-ubyte.gz" if packed else "images-idx3-ubyte")
    path.write_bytes(gzip.compress(IMAGES, mtime=0) if packed else IMAGES)
    assert read_idx(path, IMAGE_FILE).tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]]


def test_labels_are_read(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(LABELS)
    assert read_idx(tmp_path / "labels", LABEL_FILE).tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("name", "content", "file", "problem"),
    [
        ("a", b"", IMAGE_FILE, "only 0 bytes instead of 28"),
        ("a", IMAGES[:10], IMAGE_FILE, "only 10 bytes instead of 28"),
        ("a", IMAGES[:-1], IMAGE_FILE, "only 27 bytes instead of 28"),
        ("a", IMAGES + b"x", IMAGE_FILE, "at least 29 bytes instead of 28"),
        ("a", LABELS + bytes(20), IMAGE_FILE, "magic number 2049 (labels) instead of 2051 (images)"),
        ("a", IMAGES, LABEL_FILE, "magic number 2051 (images) instead of 2049 (labels)"),
        ("a", b"\x89PNG" + bytes(40), IMAGE_FILE, "magic number 2303741511 (not MNIST) instead of 2051"),
        ("a", struct.pack(">IIII", 2051, 4, 2, 2) + bytes(12), IMAGE_FILE, "dimensions (4, 2, 2) instead of (3, 2, 2)"),
        ("a", LABELS[:-1] + b"\x0a", LABEL_FILE, "label 10 at position 2"),
        ("a", IMAGES[:-1] + b"\x00", IMAGE_FILE, f"MNIST's file is {IMAGE_FILE.sha256[:16]}"),
        ("a.gz", IMAGES, IMAGE_FILE, "is named .gz but is no gzip file"),
        ("a.gz", gzip.compress(IMAGES, mtime=0)[:-9], IMAGE_FILE, "damaged gzip file"),
        ("a.gz", gzip.compress(IMAGES, mtime=0)[:20] + bytes(20), IMAGE_FILE, "damaged gzip file"),
    ],
)
def test_a_damaged_file_is_reported_with_its_problem(
    tmp_path: Path, name: str, content: bytes, file: IdxFile, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path, file)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)


def test_a_gzip_bomb_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(IMAGES + bytes(100_000_000), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="at least 29 bytes instead of 28"):
            read_idx(path, IMAGE_FILE)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("place", ["{}.gz", "{}", "MNIST/raw/{}", "MNIST/raw/{}.gz"])
def test_files_are_found_also_where_torchvision_puts_them(tmp_path: Path, place: str) -> None:
    path = tmp_path / place.format(LABEL_FILE.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert locate(tmp_path, LABEL_FILE) == path


def test_dotted_names_are_found(tmp_path: Path) -> None:
    (tmp_path / "labels.idx1-ubyte").touch()
    assert locate(tmp_path, LABEL_FILE) == tmp_path / "labels.idx1-ubyte"


def test_the_option_precedes_the_variable_and_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "variable"))
    assert data.data_directory(tmp_path / "option") == (tmp_path / "option", "--data")
    assert data.data_directory() == (tmp_path / "variable", "MNIST_EDGE_DATA")
    monkeypatch.delenv(data.DATA_VARIABLE)
    cached, named_by = data.data_directory()
    assert named_by == "the user's cache"
    if sys.platform == "linux":
        assert cached == tmp_path / "cache" / "mnist-edge" / "mnist"


def test_a_named_folder_lacking_files_is_an_error_listing_them(tmp_path: Path) -> None:
    (tmp_path / "train-labels-idx1-ubyte.gz").touch()
    with pytest.raises(DataError) as caught:
        ensure_data(tmp_path)
    message = str(caught.value)
    assert "named by --data" in message
    assert "train-images-idx3-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz" in message
    assert "train-labels" not in message


def test_a_split_lacking_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"):
        load_split(tmp_path, "test")


def test_available_data_never_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [])  # a download would raise DataError
    monkeypatch.delenv(data.DATA_VARIABLE, raising=False)
    assert available_data(None, "test") is None
    assert not (tmp_path / "cache").exists()
    for (split, _), file in data.FILES.items():
        if split == "test":
            (tmp_path / f"{file.name}.gz").touch()
    assert available_data(tmp_path, "test") == tmp_path
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    assert available_data(None, "test") == tmp_path
    with pytest.raises(DataError, match=r"named by MNIST_EDGE_DATA.* lacks 2 of the four MNIST files.*train-images"):
        available_data(None, "train")
    with pytest.raises(DataError, match="named by --data"):
        available_data(tmp_path / "other", "test")


DEVICE = """
import sys
sys.modules.update(dict.fromkeys(["platformdirs", "torch", "torchvision"]))  # None: importing them fails
from pathlib import Path
from mnist_edge.data.mnist import IdxFile, available_data, read_idx
labels = Path(sys.argv[1], "labels")
print(available_data(None, "test"), available_data(labels.parent, "test") == labels.parent)
print(read_idx(labels, IdxFile("labels", (3,), sys.argv[2])))
"""


def test_a_device_reads_a_folder_with_the_base_packages_alone(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(data.DATA_VARIABLE, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(root))
    (tmp_path / "labels").write_bytes(LABELS)
    for kind in ("images", "labels"):
        (tmp_path / data.FILES["test", kind].name).touch()
    command = [sys.executable, "-c", DEVICE, str(tmp_path), LABEL_FILE.sha256]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["None True", "[7 0 9]"]


def test_a_download_fills_a_folder(
    tmp_path: Path, mirror: tuple[str, dict[str, bytes]], small_mnist: dict[str, bytes]
) -> None:
    address, files = mirror
    files.update(small_mnist)
    reports: list[tuple[str, int, int]] = []
    download(tmp_path / "new", lambda *report: reports.append(report), [address])
    assert missing_files(tmp_path / "new") == []
    assert load_split(tmp_path / "new", "train").labels.tolist() == [7, 0, 9]
    assert {name for name, _, _ in reports} == set(small_mnist)
    assert all(received == total > 0 for _, received, total in reports)


def test_the_users_cache_is_filled_when_first_needed(
    tmp_path: Path, small_mnist: dict[str, bytes], mirror: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, files = mirror
    files.update(small_mnist)
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [address])
    monkeypatch.delenv("MNIST_EDGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = ensure_data(None)
    assert folder.is_relative_to(tmp_path)
    assert load_split(folder, "train").labels.tolist() == [7, 0, 9]


def test_a_download_fetches_only_what_is_missing(
    tmp_path: Path, mirror: tuple[str, dict[str, bytes]], small_mnist: dict[str, bytes]
) -> None:
    address, files = mirror
    absent = "t10k-labels-idx1-ubyte.gz"
    for name, content in small_mnist.items():
        if name != absent:
            (tmp_path / name).write_bytes(content)
    files[absent] = small_mnist[absent]  # the mirror has no other file
    download(tmp_path, mirrors=[address])
    assert missing_files(tmp_path) == []


def test_the_next_mirror_is_tried(
    tmp_path: Path, mirror: tuple[str, dict[str, bytes]], small_mnist: dict[str, bytes]
) -> None:
    address, files = mirror
    files.update(small_mnist)
    download(tmp_path, mirrors=["http://127.0.0.1:9/", f"{address}nothing/", address])
    assert missing_files(tmp_path) == []


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda _: b"<html>Log in to the network</html>", "magic number"),
        (lambda content: content[:-4], "damaged gzip file"),
        (lambda _: gzip.compress(LABELS, mtime=0), r"2049 \(labels\) instead of 2051 \(images\)"),
        (lambda _: bytes(100_000), "more than"),
    ],
)
def test_a_broken_download_leaves_nothing_behind(
    tmp_path: Path, mirror: tuple[str, dict[str, bytes]], small_mnist: dict[str, bytes], spoil: Any, problem: str
) -> None:
    address, files = mirror
    files.update({name: spoil(content) for name, content in small_mnist.items()})
    with pytest.raises(DataError, match=problem) as caught:
        download(tmp_path, mirrors=["http://127.0.0.1:9/", address])
    assert list(tmp_path.iterdir()) == []
    assert "http://127.0.0.1:9/: <urlopen error" in str(caught.value)
    assert f"{address}: {tmp_path}" in str(caught.value)
    assert "train-labels-idx1-ubyte.gz" in str(caught.value)


def test_the_real_data_set_has_the_published_digit_counts(mnist_directory: Path) -> None:
    test = load_split(mnist_directory, "test")
    assert test.images.shape == (10_000, 28, 28)
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
