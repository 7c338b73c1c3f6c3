"""Drawn digits are reproducible, complete and inside the image."""

from pathlib import Path

import numpy as np
from PIL import Image

from mnist_edge.data.drawing import draw_digits, draw_samples


def test_the_same_seed_draws_the_same_digits() -> None:
    assert np.array_equal(draw_digits(20, 3).images, draw_digits(20, 3).images)
    assert not np.array_equal(draw_digits(20, 3).images, draw_digits(20, 4).images)


def test_digits_are_bright_on_black_inside_the_image() -> None:
    drawn = draw_digits(50)
    assert drawn.images.shape == (50, 28, 28)
    assert drawn.labels.tolist() == list(range(10)) * 5
    assert (drawn.images.max(axis=(1, 2)) == 255).all()
    border = np.concatenate(
        [drawn.images[:, 0], drawn.images[:, -1], drawn.images[:, :, 0], drawn.images[:, :, -1]], axis=1
    )
    assert (border == 0).all()


def test_zero_digits_give_an_empty_split() -> None:
    assert draw_digits(0).images.shape == (0, 28, 28)


def test_the_committed_samples_match_the_drawing_code(samples: Path) -> None:
    drawn = draw_samples()
    assert sorted(path.name for path in samples.iterdir()) == sorted(drawn)
    for name, pixels in drawn.items():
        with Image.open(samples / name) as image:
            assert np.array_equal(np.asarray(image), pixels), f"{name} differs; redraw it with: make samples"
