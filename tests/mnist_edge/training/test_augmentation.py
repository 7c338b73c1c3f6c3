"""Augmentation and outliers are reproducible, stay in range and change what their settings say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from mnist_edge.data.drawing import Pixels, draw_digits
from mnist_edge.data.handwriting import write_skeleton
from mnist_edge.data.outliers.letters import LETTERS
from mnist_edge.training.augmentation import augment, move
from mnist_edge.training.changes import stretch
from mnist_edge.training.drawn import prepared_digits, prepared_outliers
from mnist_edge.training.outliers import make_outliers
from mnist_edge.training.recipes import find_recipe
from runtime import Predictor

SETTINGS = find_recipe("v1", "deploy").augmentation or pytest.fail("the recipe deploy has no augmentation")
STILL = replace(
    SETTINGS,
    moved_only_share=1.0,
    rotation_degrees=0,
    log_scale=0,
    shear=0,
    shift_pixels=0,
    bend_pixels=0,
    changed_move=1,
)
SHARES = [name for name in vars(SETTINGS) if name.endswith("_share") and name != "moved_only_share"]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return torch.from_numpy(draw_digits(64).images).unsqueeze(1).float() / 255


@pytest.fixture(scope="module")
def drawn() -> Tensor:
    return torch.from_numpy(prepared_outliers(26, 0)).unsqueeze(1)


def test_the_same_generator_state_gives_the_same_images(digits: Tensor, drawn: Tensor) -> None:
    labels = torch.arange(64) % 10
    first, second = (
        (augment(digits, SETTINGS, generator), make_outliers(digits, labels, drawn, 20, SETTINGS, generator))
        for generator in (seeded(), seeded())
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(augment(digits, SETTINGS, seeded(1)), first[0])


def test_zero_settings_change_nothing(digits: Tensor) -> None:
    before = digits.clone()
    assert torch.allclose(move(digits, STILL, seeded()), digits, atol=1e-4)
    assert torch.allclose(augment(digits, STILL, seeded()), digits, atol=1e-4)
    augment(digits, SETTINGS, seeded())
    assert torch.equal(digits, before)


def test_the_shift_is_measured_in_pixels(digits: Tensor) -> None:
    moved = move(digits, replace(STILL, shift_pixels=2.0), seeded())
    places = torch.arange(28.0)
    middles = [(images.sum((1, 2)) @ places) / images.sum((1, 2, 3)) for images in (digits, moved)]
    assert (middles[0] - middles[1]).std().item() == pytest.approx(2.0, rel=0.35)


@pytest.mark.parametrize("share", SHARES)
def test_each_change_affects_its_share_and_stays_in_range(digits: Tensor, share: str) -> None:
    none = replace(STILL, moved_only_share=0.0, **dict.fromkeys(SHARES, 0.0))
    assert torch.allclose(augment(digits, none, seeded()), digits, atol=1e-4)
    changed = augment(digits, replace(none, **{share: 0.5}), seeded(3))
    differs = (changed - digits).abs().amax((1, 2, 3)) > 0.01
    assert 10 <= int(differs.sum()) <= 50
    assert 0 <= changed.min() <= changed.max() <= 1


def test_outliers_are_of_many_kinds(digits: Tensor, drawn: Tensor) -> None:
    images = make_outliers(digits, torch.arange(64) % 10, drawn, 200, SETTINGS, seeded())
    assert images.shape == (200, 1, 28, 28)
    assert 0 <= images.min() <= images.max() <= 1
    ink = images.mean((1, 2, 3))
    assert ink.min() < 0.1 < 0.4 < ink.max()


def test_a_quarter_of_the_outliers_is_made_of_the_batch(digits: Tensor) -> None:
    black = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    still = replace(STILL, moved_only_share=1.0)
    images = make_outliers(digits, torch.arange(64) % 10, black, 200, still, seeded())
    assert int((images.amax((1, 2, 3)) > 0).sum()) == 50


def test_stretching_widens_towards_a_square_box() -> None:
    upright = torch.zeros(400, 1, 28, 28)
    upright[:, :, 4:24, 11:17] = 1  # 6 of 20 pixels wide
    stretched = stretch(upright, seeded())
    widths, heights = (((stretched > 0.5).any(axis).sum(2)).flatten().tolist() for axis in (2, 3))
    assert min(widths) == pytest.approx(6 * 0.6, abs=1)
    assert max(widths) == pytest.approx(6 * 2.2, abs=1)
    assert set(heights) == {20}
    assert 80 < sum(width < 6 for width in widths) < 240


def test_drawn_digits_are_reproducible_and_legible() -> None:
    first, again = prepared_digits(100, 3), prepared_digits(100, 3)
    assert np.array_equal(first.images, again.images)
    assert first.labels.tolist() == [index % 10 for index in range(100)]
    assert (Predictor("v2").classify(first.images).digits == first.labels).mean() > 0.95
    assert not np.array_equal(first.images, prepared_digits(100, 4).images)


def test_drawn_outliers_are_reproducible_and_not_blank() -> None:
    first, again = prepared_outliers(26, 3), prepared_outliers(26, 3)
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) == len(first) >= 26
    assert first.max(axis=(1, 2)).min() > 100


def test_rejected_outliers_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[Pixels] = []

    def every_second_is_blank(generator: np.random.Generator) -> Pixels:
        letter = write_skeleton(LETTERS["E"], generator)
        pictures.append(np.zeros_like(letter) if len(pictures) % 2 else letter)
        return pictures[-1]

    monkeypatch.setattr("mnist_edge.training.drawn._KINDS", [every_second_is_blank])
    images = prepared_outliers(20, 0)
    assert (len(images), len(pictures)) == (20, 39)
    assert images.max(axis=(1, 2)).min() > 100
