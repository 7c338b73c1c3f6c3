"""Draw digits: test input that needs no data set, golden images and sample pictures.

Each is a skeleton of line segments that is jittered, slanted, scaled and moved at random and then drawn with a round
pen of random width. The digits are legible but do not imitate handwriting.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import DIGITS, IMAGE_SIZE, Split

_OVERSAMPLING = 4  # samples per pixel, in each direction

Pixels = NDArray[np.uint8]
Point = tuple[float, float]


def _arc(center: Point, radii: Point, start_degrees: float, stop_degrees: float) -> list[Point]:
    """Return 17 points on the arc of an ellipse; 0° points right, 90° down."""
    angles = np.radians(np.linspace(start_degrees, stop_degrees, 17))
    x, y = center[0] + radii[0] * np.cos(angles), center[1] + radii[1] * np.sin(angles)
    return list(zip(x.tolist(), y.tolist(), strict=True))


DIGIT_STROKES: tuple[tuple[list[Point], ...], ...] = (
    (_arc((0, 0), (0.62, 1.0), -90, 270),),
    ([(-0.25, -0.7), (0.05, -1.0), (0.05, 1.0)],),
    ([*_arc((0, -0.45), (0.58, 0.55), 180, 385), (-0.6, 1.0), (0.65, 1.0)],),
    (_arc((-0.05, -0.5), (0.55, 0.5), 200, 450) + _arc((-0.05, 0.48), (0.62, 0.52), -90, 160),),
    ([(0.2, -1.0), (-0.65, 0.3), (0.65, 0.3)], [(0.32, -0.3), (0.32, 1.0)]),
    ([(0.55, -1.0), (-0.4, -1.0), (-0.48, -0.12), *_arc((-0.02, 0.35), (0.62, 0.62), -130, 140)],),
    ([(0.35, -1.0), (-0.2, -0.5), *_arc((0.0, 0.42), (0.58, 0.58), 200, 560)],),
    ([(-0.6, -0.95), (0.6, -0.95), (-0.1, 1.0)],),
    (_arc((0, -0.5), (0.5, 0.48), -90, 270), _arc((0, 0.5), (0.6, 0.52), -90, 270)),
    ([*_arc((0.0, -0.42), (0.55, 0.55), 0, -360), (0.45, 1.0)],),
)
"""Each digit's strokes as points (x, y), x to the right and y down, in a field from -1 to 1 in height."""


def to_uint8(levels: NDArray[np.floating]) -> Pixels:
    """Round grey or color levels to 0..255, clipping those outside."""
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)


def draw_digit(digit: int, generator: np.random.Generator, size: int = IMAGE_SIZE, scale: float = 0.36) -> Pixels:
    """Draw a digit, bright on black, uint8 `[size, size]`; `scale` is half its height as a fraction of `size`."""
    return _draw(DIGIT_STROKES[digit], generator, size, scale)


def draw_digits(count: int, seed: int = 0) -> Split:
    """Draw `count` digits, 0 to 9 in turn. The same count and seed give the same images."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(count) % DIGITS).astype(np.uint8)
    images = np.array([draw_digit(int(label), generator) for label in labels], np.uint8)
    return Split(images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE), labels)


def draw_samples() -> dict[str, Pixels]:
    """Draw the pictures in `artifacts/samples` by file name: RGB, grey as in MNIST, and RGBA on transparent ground."""
    generator = np.random.default_rng(7)
    ink = draw_digit(3, generator, size=320, scale=0.3)[20:-20, 60:-40, None] / 255
    shade = np.linspace(1.0, 0.86, ink.shape[0])[:, None] * np.linspace(0.97, 1.0, ink.shape[1])
    paper = np.array([244, 241, 230]) * shade[..., None] + generator.normal(0, 2.5, (*shade.shape, 1))
    scan = paper * (1 - ink) + np.array([36, 52, 120]) * ink
    transparent = np.zeros((96, 80, 4), np.uint8)
    transparent[..., 3] = draw_digit(5, generator, size=96, scale=0.4)[:, 8:-8]
    return {
        "three-on-paper.png": to_uint8(scan),
        "seven-28x28.png": draw_digit(7, generator),
        "five-transparent.png": transparent,
    }


def _draw(skeleton: tuple[list[Point], ...], generator: np.random.Generator, size: int, scale: float) -> Pixels:
    """Jitter, slant, scale and move a skeleton at random and draw it with a pen of random width."""
    slant = generator.uniform(-0.05, 0.25)
    stretch = np.array([generator.uniform(0.85, 1.1), generator.uniform(0.92, 1.0)]) * scale
    angle = generator.uniform(-0.1, 0.1)
    middle = 0.5 + generator.uniform(-0.02, 0.02, 2)
    pen_radius = generator.uniform(0.1, 0.17) * scale
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    samples = (np.arange(size * _OVERSAMPLING) + 0.5) / (size * _OVERSAMPLING)
    squared_distance = np.full((len(samples), len(samples)), np.inf)
    for stroke in skeleton:
        points = np.array(stroke) + generator.normal(0, 0.02, (len(stroke), 2))
        points[:, 0] -= slant * points[:, 1]
        points = (points * stretch) @ rotation.T + middle
        for start, stop in pairwise(points):
            along = stop - start
            x, y = samples - start[0], samples[:, None] - start[1]
            position = ((x * along[0] + y * along[1]) / (along @ along)).clip(0, 1)  # of the nearest point, 0..1
            to_segment = (x - position * along[0]) ** 2 + (y - position * along[1]) ** 2
            np.minimum(squared_distance, to_segment, out=squared_distance)
    inside = (squared_distance <= pen_radius**2).astype(np.float64)
    return to_uint8(255 * inside.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING).mean(axis=(1, 3)))


if __name__ == "__main__":  # `make samples`
    import sys
    from pathlib import Path

    from PIL import Image

    for _name, _pixels in draw_samples().items():
        Image.fromarray(_pixels).save(Path(sys.argv[1]) / _name, optimize=True)
