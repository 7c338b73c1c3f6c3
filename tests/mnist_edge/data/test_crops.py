"""Crops of pictures that come with scikit-image: where they are from, how large they are."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from mnist_edge.data.crops import draw_crop


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of pictures of a package that stands in for scikit-image."""
    monkeypatch.setattr(skimage, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_crops_are_squares_of_a_fifth_of_the_side_and_more(package: Path) -> None:
    """Of a picture twice as wide as high, whose levels tell the column, 0 to 254, and the row, 0 to 127."""
    y, x = np.mgrid[0:128, 0:255].astype(np.uint8)
    Image.fromarray(np.stack([x, y, 0 * x], axis=2)).save(package / "ramps.png")
    crops = [draw_crop("ramps.png", np.random.default_rng(seed)) for seed in range(300)]
    assert all(crop.shape == (len(crop), len(crop), 3) for crop in crops)
    sides = [len(crop) for crop in crops]
    assert 28 <= min(sides) < 32 < 156 < max(sides) <= 160
    columns, rows, _ = np.transpose([np.ptp(crop, axis=(0, 1)) for crop in crops])
    assert np.abs(columns - rows.astype(int)).max() <= 3  # interpolation
    assert 0.17 * 128 < rows.min() < 0.25 * 128 < 0.95 * 128 < rows.max()
    assert min(crop[..., 0].min() for crop in crops) < 8
    assert max(crop[..., 0].max() for crop in crops) > 246


def test_a_picture_without_colors_gives_grey_crops(package: Path) -> None:
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(package / "grey.png")
    assert draw_crop("grey.png", np.random.default_rng(0)).ndim == 2


@pytest.mark.usefixtures("package")
def test_a_picture_that_does_not_come_with_the_package_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"rocket\.png"):
        draw_crop("rocket.png", np.random.default_rng(0))
