"""Corruptions of 28×28 digits: geometry, noise, blur, light, outlines, spatter and overdrawn lines.

The kinds follow N. Mu and J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", 2019. This is
an independent implementation, and its strengths differ from theirs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mnist_edge.data.drawing import Pixels, to_uint8

_SIZE = 28
_FINE = 4  # samples per pixel, in each direction, of what is drawn


def _affine(pixels: Pixels, matrix: NDArray[np.float64], shift: tuple[float, float] = (0.0, 0.0)) -> Pixels:
    """Transform by a 2×2 matrix about the center, then shift by (x, y) pixels."""
    inverse = np.linalg.inv(matrix)
    offset = _SIZE / 2 - inverse @ (np.array(shift) + _SIZE / 2)
    coefficients = np.column_stack([inverse, offset]).ravel().tolist()
    image = Image.fromarray(pixels)
    return np.asarray(image.transform(image.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC))


def rotation(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Rotate by 10 to 25 degrees, in either direction."""
    angle = np.radians(generator.uniform(10, 25) * generator.choice([-1, 1]))
    return _affine(pixels, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def shear(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Slant by 0.25 to 0.45 of the height, in either direction."""
    return _affine(pixels, np.array([[1, generator.uniform(0.25, 0.45) * generator.choice([-1, 1])], [0, 1]]))


def scale(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Shrink to between 0.5 and 0.75 of the size."""
    return _affine(pixels, np.eye(2) * generator.uniform(0.5, 0.75))


def translation(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Shift by 3 or 4 pixels horizontally and vertically."""
    x, y = (int(distance) for distance in generator.integers(3, 5, 2) * generator.choice([-1, 1], 2))
    return _affine(pixels, np.eye(2), (x, y))


def gaussian_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Add noise with a standard deviation of 0.1 to 0.2 of the range."""
    return to_uint8(pixels + generator.normal(0, 255 * generator.uniform(0.1, 0.2), pixels.shape))


def shot_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Add Poisson noise: 5 to 12 photons at full brightness."""
    photons = generator.uniform(5, 12)
    return to_uint8(generator.poisson(pixels / 255 * photons) * (255 / photons))


def impulse_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Replace 3 to 8% of the pixels with black or white."""
    replaced = generator.random(pixels.shape) < generator.uniform(0.03, 0.08)
    return np.where(replaced, generator.choice(np.array([0, 255], np.uint8), pixels.shape), pixels)


def gaussian_blur(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Blur with a radius of 1 to 1.6 pixels."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(generator.uniform(1.0, 1.6))))


def motion_blur(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Average the digit along a straight path of 4 to 7 pixels."""
    angle, length = generator.uniform(0, np.pi), generator.uniform(4, 7)
    path = [(length * step * np.cos(angle), length * step * np.sin(angle)) for step in np.linspace(-0.5, 0.5, 9)]
    return to_uint8(np.mean([_affine(pixels, np.eye(2), shift) for shift in path], axis=0))


def brightness(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Raise black to between 0.3 and 0.6 of the range."""
    black_level = 255 * generator.uniform(0.3, 0.6)
    return to_uint8(pixels + black_level)


def fog(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Blend in clouds with a weight of 0.35 to 0.55."""
    clouds = np.zeros((_SIZE, _SIZE))
    for cells in (3, 5, 9, 15):
        coarse = generator.normal(0, 1 / cells, (cells, cells)).astype(np.float32)
        clouds += np.asarray(Image.fromarray(coarse).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC))
    clouds = (clouds - clouds.min()) / np.ptp(clouds)
    thickness = generator.uniform(0.35, 0.55)
    return to_uint8(pixels * (1 - thickness) + 255 * thickness * clouds)


def outline(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Leave only the contours of the strokes, as lines of about one pixel, as a detector of edges does."""
    large = Image.fromarray(pixels).resize((_FINE * _SIZE,) * 2, Image.Resampling.BICUBIC)
    level = 255 * generator.uniform(0.35, 0.6)
    mask = Image.fromarray(to_uint8(255.0 * (np.asarray(large.filter(ImageFilter.GaussianBlur(2))) > level)))
    outer = np.asarray(mask.filter(ImageFilter.MaxFilter(int(generator.choice([3, 5])))))
    inner = np.asarray(mask.filter(ImageFilter.MinFilter(5)))
    return np.asarray(Image.fromarray(outer - inner).reduce(_FINE))


def spatter(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Spatter ink and dirt: 8 to 20 spots of 0.4 to 2.2 pixels in radius, of which every third lies on the digit."""
    layer = Image.new("L", (_FINE * _SIZE,) * 2)
    pen = ImageDraw.Draw(layer)
    ink = np.argwhere(pixels > 128)
    for index in range(int(generator.integers(8, 21))):
        place = generator.uniform(1, _SIZE - 1, 2)
        if index % 3 == 0 and len(ink):
            place = ink[generator.integers(len(ink)), ::-1] + generator.uniform(-1, 2, 2)
        radius = 0.4 * (2.2 / 0.4) ** (generator.random() ** 2)  # small spots are the most frequent
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        edge = radius * generator.uniform(0.7, 1.3, len(angles))[:, None]
        corners = (place + edge * np.stack([np.cos(angles), np.sin(angles)], 1)) * _FINE
        pen.polygon(corners.ravel().tolist(), fill=int(generator.integers(110, 256)))
    lighter: Pixels = np.maximum(pixels, np.asarray(layer.reduce(_FINE)))
    return lighter


def stripe(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Invert a band of 3 to 5 columns near the left or right edge."""
    width = int(generator.integers(3, 6))
    start = int(generator.choice([generator.integers(0, 5), generator.integers(19, 24)]))
    striped = pixels.copy()
    striped[:, start : start + width] = 255 - striped[:, start : start + width]
    return striped


def dotted_line(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw a dotted straight line from edge to edge."""
    start, stop = generator.uniform(2, 26, 2).tolist()
    points = [(1 + 2.9 * step, start + (stop - start) * step / 9) for step in range(10)]
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).point(points if generator.random() < 0.5 else [(y, x) for x, y in points], fill=255)
    return np.asarray(image)


def zigzag(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw a thin zigzag line from edge to edge."""
    middle, swing, corners = generator.uniform(6, 22), generator.uniform(1.5, 3), int(generator.integers(6, 10))
    points = [(x, middle + swing * (-1) ** n) for n, x in enumerate(np.linspace(0, _SIZE - 1, corners).tolist())]
    overdrawn = Image.fromarray(pixels)
    ImageDraw.Draw(overdrawn).line(points, fill=int(generator.integers(120, 256)), width=1)
    lighter: Pixels = np.maximum(pixels, np.asarray(overdrawn))
    return lighter


CORRUPTIONS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    function.__name__.replace("_", " "): function
    for function in (
        rotation, shear, scale, translation,
        gaussian_noise, shot_noise, impulse_noise,
        gaussian_blur, motion_blur, brightness, fog,
        outline, spatter, stripe, dotted_line, zigzag,
    )
}  # fmt: skip
"""By name: functions from uint8 `[28, 28]` to uint8 `[28, 28]`; the generator decides on the strength."""
