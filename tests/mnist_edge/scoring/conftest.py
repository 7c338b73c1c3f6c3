"""Pictures to score."""

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from pyarrow.fs import FSSpecHandler, PyFileSystem

from mnist_edge.data.drawing import draw_digits


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 2,000 PNG files in two folders, one of them unreadable."""
    folder = tmp_path_factory.mktemp("pictures")
    for index, image in enumerate(draw_digits(2_000, seed=7).images):
        path = folder / f"device-{index % 2}" / f"{index:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / "device-1" / "0333.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def store() -> PyFileSystem:
    """Return an empty file system in memory, which pyarrow knows as little as a store's."""
    filesystem = MemoryFileSystem(skip_instance_cache=True)
    filesystem.store = {}
    filesystem.pseudo_dirs = [""]
    return PyFileSystem(FSSpecHandler(filesystem))
