"""The building blocks give what SciPy, PyTorch and NumPy give."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from export.picture import operators
from tests.export.picture.tracing import Array, Levels, traced

SIDES = [(5, 5), (64, 32), (33, 20), (32, 64), (20, 56), (7, 31), (1, 9), (9, 1)]


def random_levels(*shape: int, seed: int = 0) -> Levels:
    return np.random.default_rng(seed).uniform(-255, 255, shape).astype(np.float32)


def resampled(plane: Levels, count: int) -> Array:
    """Return PyTorch's bilinear resampling of `[n, n]`, antialiased where it shrinks: `[count, count]`."""
    image = torch.from_numpy(plane.astype(np.float64))[None, None]
    return functional.interpolate(image, (count, count), mode="bilinear", antialias=True)[0, 0].numpy()


@pytest.mark.parametrize(("count", "source_count"), SIDES)
def test_resampling_both_axes_is_pytorchs(count: int, source_count: int) -> None:
    plane, matrix = random_levels(source_count, source_count), operators.interpolation(count, source_count)
    ours = traced(lambda op, x: operators.along_both(op, "matrix", matrix, x))(plane)
    assert ours == pytest.approx(resampled(plane, count), abs=1e-3)


def test_planes_are_resampled_one_by_one() -> None:
    planes, matrix = random_levels(3, 20, 20), operators.interpolation(8, 20)
    resample = traced(lambda op, x: operators.along_both(op, "matrix", matrix, x))
    for plane, ours in zip(planes, resample(planes), strict=True):
        assert ours == pytest.approx(resampled(plane, 8), abs=1e-3)


@pytest.mark.parametrize("reach", [1, 3, 8])
def test_a_wide_reach_blurs_by_a_triangle(reach: int) -> None:
    triangle = 1 - np.abs(np.arange(1 - reach, reach)) / reach
    row = random_levels(1, 32)[0].astype(np.float64)
    expected = np.convolve(row, triangle, "same") / np.convolve(np.ones(32), triangle, "same")
    assert operators.interpolation(32, 32, reach) @ row == pytest.approx(expected)


@pytest.mark.parametrize("window", [3, 5, 13, 17])
@pytest.mark.parametrize("side", [1, 4, 32])
def test_dilate_is_scipys(window: int, side: int) -> None:
    plane = random_levels(side, side, seed=window)
    dilated = traced(lambda op, x: operators.dilate(op, x, window))(plane[None, None])[0, 0]
    assert np.array_equal(dilated, ndimage.grey_dilation(plane, window, mode="constant", cval=-np.inf))


@pytest.mark.parametrize("density", [0.001, 0.01, 0.5, 1.0])
def test_extent_is_scipys_bounding_box(density: float) -> None:
    side, generator = 28, np.random.default_rng(1)
    run = traced(lambda op, mask: operators.extent(op, mask, side))
    for _ in range(20):
        mask = generator.random((side, side)) < density
        mask[tuple(generator.integers(side, size=2))] = True
        ((rows, columns),) = ndimage.find_objects(mask.astype(int))
        first, last = run(mask[None, None].astype(np.float32))
        assert first.tolist() == [[rows.start], [columns.start]]
        assert last.tolist() == [[rows.stop], [columns.stop]]


def test_the_extent_of_nothing_ends_before_it_begins() -> None:
    first, last = traced(lambda op, mask: operators.extent(op, mask, 28))(np.zeros((1, 1, 28, 28), np.float32))
    assert (first.tolist(), last.tolist()) == ([[28], [28]], [[0], [0]])


@pytest.mark.parametrize(
    ("first", "last"), [((3, 5), (9, 6)), ((0, 0), (12, 12)), ((4, 4), (4, 4)), ((-3, 2), (99, 7))]
)
def test_a_box_mask_is_a_rectangle(first: tuple[int, int], last: tuple[int, int]) -> None:
    expected = np.zeros((12, 12))
    expected[max(0, first[0]) : last[0], first[1] : last[1]] = 1
    run = traced(lambda op, *ends: operators.box_mask(op, 12, *ends))
    ours = run(*(np.array(end, np.float32)[:, None] for end in (first, last)))
    assert np.array_equal(ours, expected)


def test_a_box_mask_has_the_cells_whose_middles_it_holds() -> None:
    first, last = np.array([[2.4], [2.6]], np.float32), np.array([[5.4], [5.6]], np.float32)
    mask = traced(lambda op, *ends: operators.box_mask(op, 12, *ends))(first, last)
    assert np.flatnonzero(mask.any(axis=1)).tolist() == [2, 3, 4]
    assert np.flatnonzero(mask.any(axis=0)).tolist() == [3, 4, 5]


@pytest.mark.parametrize("side", [1, 28, 56])
def test_center_of_mass_is_scipys(side: int) -> None:
    run = traced(lambda op, plane: operators.center_of_mass(op, plane, side))
    plane = np.abs(random_levels(side, side)) * np.linspace(1, 0, side, dtype=np.float32)
    expected = np.array(ndimage.center_of_mass(plane.astype(np.float64))) + 0.5
    assert run(plane)[:, 0] == pytest.approx(expected, abs=1e-3)
    assert np.isfinite(run(np.zeros((side, side), np.float32))).all()


@pytest.mark.parametrize("side", [28, 32])
def test_border_weights_give_the_mean_of_the_border(side: int) -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (side, side)).astype(np.float32)
    border = np.concatenate([plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]])
    weights = traced(lambda op, levels: op.Mul(levels, operators.border_weights(op, side)))(plane)
    assert weights.sum() == pytest.approx(border.mean(), rel=1e-5)
    assert plane.mean() != pytest.approx(border.mean(), rel=1e-3)


def test_between_excludes_both_ends() -> None:
    positions, first, last = (np.array(values, np.float32) for values in ([1, 1.5, 2, 2.5, 3], [1.5], [2.5]))
    assert traced(operators.between)(positions, first, last).tolist() == [0, 0, 1, 0, 0]


def test_numbers_are_within_their_ranges_ends_included() -> None:
    numbers = [np.array([value], np.float32) for value in (0.4, 0.5, 0.7, 0.9, 1.0, np.nan)]
    ours = traced(lambda op, *values: operators.within(op, [(value, (0.5, 0.9)) for value in values]))(*numbers)
    assert ours.tolist() == [0, 1, 1, 1, 0, 0]


def test_a_ratio_divides_by_no_less_than_the_least() -> None:
    dividends, divisors = random_levels(40), random_levels(40, seed=1)
    ours = traced(lambda op, a, b: operators.ratio(op, a, b, 0.5))(dividends, divisors)
    assert ours == pytest.approx(dividends / np.maximum(divisors, 0.5), rel=1e-6)


def test_other_parameters_fail_these_comparisons() -> None:
    plane = random_levels(32, 32)
    matrix = operators.interpolation(20, 32, reach=2)
    ours = traced(lambda op, x: operators.along_both(op, "matrix", matrix, x))(plane)
    assert ours != pytest.approx(resampled(plane, 20), abs=1)
    dilated = traced(lambda op, x: operators.dilate(op, x, 5))(plane[None, None])[0, 0]
    assert not np.array_equal(dilated, ndimage.grey_dilation(plane, 3, mode="constant", cval=-np.inf))
    slope = np.tile(np.arange(32, dtype=np.float32), (32, 1))
    center = traced(lambda op, x: operators.center_of_mass(op, x, 32))(slope)[:, 0]
    assert center != pytest.approx(np.array(ndimage.center_of_mass(slope.T)) + 0.5, abs=1)
