"""Strokes at random, closed shapes and spirals."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import SIDE
from mnist_edge.data.outliers.distortion import distort_by_hand

_LEAST_WIDTH = 0.6  # ratio of a filled shape's standard deviations across and along; the preparation makes bars thinner
_LEAST_SPREAD = 0.3  # of strokes, across their main direction and as a share of that along it
_MOST_ROUNDNESS = 0.5  # of an outline: 1 for an ellipse, 0.79 for a rectangle, 0.6 for a triangle

Points = NDArray[np.float64]


def strokes(generator: np.random.Generator) -> Pixels:
    """Draw strokes at random: straight or curved ones, zigzags, lines through a point, or tangles."""
    # With fewer strokes, many would be a digit.
    stroke, least, most = (
        (_straight, 4, 7), (_curved, 3, 7), (_zigzag, 1, 3), (_ray, 4, 7), (_walk, 3, 7),
    )[generator.integers(5)]  # fmt: skip
    lines = [stroke(generator) for _ in range(generator.integers(least, most, endpoint=True))]
    while _spread(lines) < _LEAST_SPREAD:
        lines = [stroke(generator) for _ in lines]
    picture = Image.new("L", (SIDE, SIDE))
    pen, pen_width = ImageDraw.Draw(picture), int(generator.integers(2, 9))
    for points in lines:
        pen.line(points.ravel().tolist(), fill=255, width=pen_width, joint="curve")
    return np.asarray(picture)


def _spread(lines: list[Points]) -> float:
    narrow, long = np.linalg.eigvalsh(np.cov(np.concatenate(lines).T))
    return float(np.sqrt(max(narrow, 0) / long))


def _straight(generator: np.random.Generator) -> Points:
    return generator.uniform(10, 70, (2, 2))


def _curved(generator: np.random.Generator) -> Points:
    """Return points along a Bézier curve, whose middle is swung out by a fifth from that of the picture."""
    corners = generator.uniform(8, 72, (4, 2)) - SIDE / 2
    t = np.linspace(0, 1, 24)[:, None]
    weights = (1 - t) ** 3, 3.6 * t * (1 - t) ** 2, 3.6 * t**2 * (1 - t), t**3
    points: Points = np.sum([weight * corner for weight, corner in zip(weights, corners, strict=True)], axis=0)
    return points + SIDE / 2


def _zigzag(generator: np.random.Generator) -> Points:
    turns = int(generator.integers(7, 12))  # with five, it is a 3
    along = np.linspace(10, 70, turns)
    points = np.stack([along, generator.uniform(25, 55) + generator.uniform(8, 28) * (-1) ** np.arange(turns)], 1)
    points += generator.normal(0, 3, points.shape)
    return points[:, ::-1] if generator.random() < 0.5 else points


def _ray(generator: np.random.Generator) -> Points:
    """Return the ends of a line through the middle; several make a star."""
    center = np.full(2, SIDE / 2)
    angle, length = generator.uniform(0, 2 * np.pi), generator.uniform(12, 35)
    tip = np.array([np.cos(angle), np.sin(angle)]) * length
    return np.array([center - tip * generator.uniform(0, 1), center + tip])


def _walk(generator: np.random.Generator) -> Points:
    """Return a random walk with momentum."""
    turns = generator.normal(0, 0.5, 90).cumsum() * 0.6
    points = np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(axis=0)
    points = (points - points.min(0)) / np.ptp(points, axis=0).max() * generator.uniform(30, 60) + 10
    return np.asarray(points)


def blobs(generator: np.random.Generator) -> Pixels:
    """Fill or outline one to three random closed shapes, with corners or rounded."""
    picture = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(1, 4))):
        is_filled = generator.random() < 0.65
        points = _closed_shape(is_filled, generator)
        while resembles_digit(points, is_filled):
            points = _closed_shape(is_filled, generator)
        outline = points.ravel().tolist()
        if is_filled:
            pen.polygon(outline, fill=int(generator.integers(130, 256)))
        else:
            pen.line(outline + outline[:4], fill=255, width=int(generator.integers(3, 9)), joint="curve")
    return np.asarray(picture)


def _closed_shape(is_filled: bool, generator: np.random.Generator) -> Points:
    """Return the corners of a shape, float64 `[points, 2]`; only filled ones may be rounded."""
    corners = int(generator.integers(5, 11))
    angles = np.sort(generator.uniform(0, 2 * np.pi, corners))
    radii = generator.uniform(0.25, 1, corners) * generator.uniform(12, 34)
    if is_filled and generator.random() < 0.5:
        order = generator.normal(0, 1, (2, 4)) / np.arange(1, 5)
        angles = np.linspace(0, 2 * np.pi, 40)
        waves = np.arange(1, 5)[:, None] * angles
        radii = 22 * np.exp(0.25 * (order[0] @ np.cos(waves) + order[1] @ np.sin(waves)))
    center = generator.uniform(28, 52, 2)
    stretch = np.exp(generator.normal(0, 0.15, 2))
    return center + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] * stretch


def resembles_digit(points: Points, is_filled: bool) -> bool:
    """Return whether a closed shape would pass for a 1, filled and slender, or a 0, outlined and round."""
    variances, axes = np.linalg.eigh(np.cov(points.T))  # the smaller one first
    if is_filled:
        return bool(variances[0] < _LEAST_WIDTH**2 * variances[1])
    start = (points - points.mean(axis=0)) @ axes / np.sqrt(variances)  # an oval becomes a circle
    stop = np.roll(start, -1, axis=0)
    area = abs(np.sum(start[:, 0] * stop[:, 1] - start[:, 1] * stop[:, 0])) / 2
    perimeter = np.hypot(*(stop - start).T).sum()
    return bool(4 * np.pi * area > _MOST_ROUNDNESS * perimeter**2)


def spirals(generator: np.random.Generator) -> Pixels:
    """Draw a spiral, a coil or a chain of loops."""
    turns, kind = generator.uniform(2.5, 5), generator.integers(3)  # with fewer turns, a spiral may be a 6
    t = np.linspace(0, 2 * np.pi * turns, 150)
    if kind == 0:
        points = np.stack([np.cos(t), np.sin(t)], 1) * (t / t[-1])[:, None]
    elif kind == 1:
        points = np.stack([np.cos(t) + t / t[-1] * 3, 2 * np.sin(t)], 1)
    else:
        points = np.stack([np.sin(t * 2 / turns), np.sin(t * generator.choice([3, 5]) / turns + 1)], 1)
    points = (points - points.min(0)) / np.ptp(points, axis=0) * generator.uniform(35, 60, 2) + 10
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).line(points.ravel().tolist(), fill=255, width=int(generator.integers(4, 7)))
    return distort_by_hand(picture, generator, 0.5)
