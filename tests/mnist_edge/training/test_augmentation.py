"""Augmentation and outliers are reproducible, stay in range and change what their settings say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from mnist_edge.data.drawing import draw_digits, draw_letters
from mnist_edge.training.augmentation import augment, make_outliers, move
from mnist_edge.training.recipes import find_recipe

SETTINGS = find_recipe("v1", "deploy").augmentation or pytest.fail("the recipe deploy has no augmentation")
STILL = replace(SETTINGS, moved_only_share=1.0, rotation_degrees=0, log_scale=0, shear=0, shift_pixels=0, bend_pixels=0)
SHARES = [name for name in vars(SETTINGS) if name.endswith("_share") and name != "moved_only_share"]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return torch.from_numpy(draw_digits(64).images).unsqueeze(1).float() / 255


@pytest.fixture(scope="module")
def letters() -> Tensor:
    return torch.from_numpy(draw_letters(20)).unsqueeze(1).float() / 255


def test_the_same_generator_state_gives_the_same_images(digits: Tensor, letters: Tensor) -> None:
    labels = torch.arange(64) % 10
    first, second = (
        (augment(digits, SETTINGS, generator), make_outliers(digits, labels, letters, 20, SETTINGS, generator))
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


def test_outliers_are_of_many_kinds(digits: Tensor, letters: Tensor) -> None:
    images = make_outliers(digits, torch.arange(64) % 10, letters, 200, SETTINGS, seeded())
    assert images.shape == (200, 1, 28, 28)
    assert 0 <= images.min() <= images.max() <= 1
    ink = images.mean((1, 2, 3))
    assert ink.min() < 0.1 < 0.4 < ink.max()


def test_letters_are_reproducible_and_differ() -> None:
    first, again = draw_letters(40), draw_letters(40)
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 40
