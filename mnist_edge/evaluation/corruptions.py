"""Test digits with the standard corruptions of small images, 28×28 in and out.

The kinds are those of N. Mu and J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision",
2019, written anew with strengths of our own.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.uint8]
_SIZE = 28


def _bytes(levels: NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.rint(levels.clip(0, 255)).astype(np.uint8)
    return pixels


def _affine(pixels: Pixels, matrix: NDArray[np.float64], shift: tuple[float, float] = (0.0, 0.0)) -> Pixels:
    """Move each pixel by a 2×2 matrix about the middle, and then by a shift (x, y) in pixels."""
    inverse = np.linalg.inv(matrix)
    middle = (_SIZE - 1) / 2 + 0.5
    start = np.array([middle, middle]) - inverse @ (np.array([middle, middle]) + shift)
    coefficients = (*inverse[0].tolist(), float(start[0]), *inverse[1].tolist(), float(start[1]))
    image = Image.fromarray(pixels).transform(
        (_SIZE, _SIZE), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return np.asarray(image)


def rotation(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Turn by 10 to 25 degrees."""
    angle = np.radians(generator.uniform(10, 25) * generator.choice([-1, 1]))
    return _affine(pixels, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def shear(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Slant by 0.25 to 0.45 of the height."""
    return _affine(pixels, np.array([[1, generator.uniform(0.25, 0.45) * generator.choice([-1, 1])], [0, 1]]))


def scale(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Shrink to 0.5 to 0.75 of the size."""
    return _affine(pixels, np.eye(2) * generator.uniform(0.5, 0.75))


def translation(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Move by 3 to 4 pixels in both directions."""
    x, y = (int(distance) for distance in generator.integers(3, 5, 2) * generator.choice([-1, 1], 2))
    return _affine(pixels, np.eye(2), (x, y))


def gaussian_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Add noise of a deviation of 0.1 to 0.2 of the range."""
    return _bytes(pixels + generator.normal(0, 255 * generator.uniform(0.1, 0.2), pixels.shape))


def shot_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Count photons, 5 to 12 at full brightness."""
    photons = generator.uniform(5, 12)
    return _bytes(generator.poisson(pixels / 255 * photons) * (255 / photons))


def impulse_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Put black or white in the place of 3 to 8 % of the pixels."""
    struck = generator.random(pixels.shape) < generator.uniform(0.03, 0.08)
    return np.where(struck, generator.choice(np.array([0, 255], np.uint8), pixels.shape), pixels)


def gaussian_blur(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Blur by 1 to 1.6 pixels."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(generator.uniform(1.0, 1.6))))


def motion_blur(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Move by 4 to 7 pixels while the shutter is open."""
    angle, length = generator.uniform(0, np.pi), generator.uniform(4, 7)
    way = [(length * step * np.cos(angle), length * step * np.sin(angle)) for step in np.linspace(-0.5, 0.5, 9)]
    return _bytes(np.mean([_affine(pixels, np.eye(2), shift) for shift in way], axis=0))


def brightness(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Lift the black to 0.3 to 0.6 of the range."""
    lift = 255 * generator.uniform(0.3, 0.6)
    return _bytes(pixels.astype(np.float64).clip(None, 255 - lift) + lift)


def fog(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Lay clouds over the digit that hide up to half of it."""
    clouds = np.zeros((_SIZE, _SIZE))
    for cells in (3, 5, 9, 15):
        coarse = generator.normal(0, 1 / cells, (cells, cells)).astype(np.float32)
        clouds += np.asarray(Image.fromarray(coarse).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC))
    clouds = (clouds - clouds.min()) / np.ptp(clouds)
    thickness = generator.uniform(0.35, 0.55)
    return _bytes(pixels * (1 - thickness) + 255 * thickness * clouds)


def stripe(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Turn a band of 3 to 5 columns beside the middle to its negative."""
    width = int(generator.integers(3, 6))
    start = int(generator.choice([generator.integers(0, 5), generator.integers(19, 24)]))
    striped = pixels.copy()
    striped[:, start : start + width] = 255 - striped[:, start : start + width]
    return striped


def _draw(pixels: Pixels, points: list[tuple[float, float]], dotted: bool, level: int) -> Pixels:
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    if dotted:
        pen.point(points, fill=level)
    else:
        pen.line(points, fill=level, width=1)
    drawn: Pixels = np.maximum(np.asarray(image), pixels)
    return drawn


def dotted_line(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw a straight line of dots from edge to edge."""
    start, stop = generator.uniform(2, 26, 2).tolist()
    points = [(1 + 2.9 * step, start + (stop - start) * step / 9) for step in range(10)]
    return _draw(pixels, points if generator.random() < 0.5 else [(y, x) for x, y in points], True, 255)


def zigzag(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Draw a thin zigzag line from edge to edge."""
    middle, swing, teeth = generator.uniform(6, 22), generator.uniform(1.5, 3), int(generator.integers(6, 10))
    points = [
        (float(x), float(middle + swing * (-1) ** index)) for index, x in enumerate(np.linspace(0, _SIZE - 1, teeth))
    ]
    return _draw(pixels, points, False, int(generator.integers(120, 256)))


CORRUPTIONS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    function.__name__.replace("_", " "): function
    for function in (
        rotation,
        shear,
        scale,
        translation,
        gaussian_noise,
        shot_noise,
        impulse_noise,
        gaussian_blur,
        motion_blur,
        brightness,
        fog,
        stripe,
        dotted_line,
        zigzag,
    )
}
"""Each takes and gives uint8 `[28, 28]`, and a generator that decides on the strength."""
