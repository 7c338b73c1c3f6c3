"""Pictures without strokes: textures, noise, gradients, overlapping shapes."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mnist_edge.data.drawing import Pixels, to_uint8
from mnist_edge.data.handwriting import SIDE


def textures(generator: np.random.Generator) -> Pixels:
    """Draw a grating, a checkerboard, a grid or dots, bent at random."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    angle, period = generator.uniform(0, np.pi), generator.uniform(5, 40)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    u, v = u + generator.uniform(0, 3) * np.sin(v / generator.uniform(3, 15)), v * generator.uniform(0.4, 1.5)
    waves = (
        np.sin(2 * np.pi * u / period),
        np.sin(2 * np.pi * u / period) * np.sin(2 * np.pi * v / period),
        np.maximum(np.cos(2 * np.pi * u / period), np.cos(2 * np.pi * v / period)),
        np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period),
    )[generator.integers(4)]
    levels = np.tanh((waves - generator.uniform(-0.7, 0.7)) * generator.uniform(1, 10))
    return to_uint8(128 + 100 * levels + generator.normal(0, generator.uniform(0, 15), levels.shape))


def smooth_noise(generator: np.random.Generator) -> Pixels:
    """Draw noise whose power falls with frequency, as it is or thresholded into blots."""
    frequencies = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequencies[0, 0] = 1
    spectrum = np.fft.rfft2(generator.normal(0, 1, (SIDE, SIDE))) * frequencies ** -generator.uniform(0.7, 2.2)
    spectrum[frequencies > generator.uniform(0.05, 0.5)] = 0
    noise = np.fft.irfft2(spectrum, (SIDE, SIDE))
    noise = (noise - noise.mean()) / max(noise.std(), 1e-9)
    gain = 1.0 if generator.random() < 0.5 else generator.uniform(3, 12)
    return to_uint8(128 + 90 * np.tanh((noise - generator.uniform(-0.3, 1.2)) * gain))


def gradients(generator: np.random.Generator) -> Pixels:
    """Draw light that changes from side to side, and several spots with soft edges.

    One spot alone, or light that comes and goes, is a bar once it is prepared: a 1.
    """
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    levels = 128 + generator.normal(0, 25) * x + generator.normal(0, 25) * y
    for _ in range(int(generator.integers(3, 8))):
        place, radius = generator.uniform(-0.9, 0.9, 2), generator.uniform(0.1, 0.6)
        distance = np.hypot(x - place[0], (y - place[1]) * generator.uniform(0.9, 2)) / radius
        levels += generator.normal(0, 120) / (1 + np.exp((distance - 1) * generator.uniform(2, 15)).clip(0, 1e9))
    return to_uint8(levels + generator.normal(0, generator.uniform(0, 6), levels.shape))


def dead_leaves(generator: np.random.Generator) -> Pixels:
    """Cover the picture with shaded discs and polygons of all sizes, as things hide each other in a photograph."""
    picture = Image.new("L", (SIDE, SIDE), int(generator.integers(256)))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(8, 70))):
        radius = min(4 / generator.uniform(0.02, 1), 45)
        x, y = generator.uniform(0, SIDE, 2)
        level = int(generator.integers(256))
        if generator.random() < 0.5:
            flat = generator.uniform(0.4, 1)
            pen.ellipse((x - radius, y - radius * flat, x + radius, y + radius * flat), fill=level)
        else:
            angles = np.sort(generator.uniform(0, 2 * np.pi, int(generator.integers(3, 7))))
            points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
            pen.polygon(points.ravel().tolist(), fill=level)
    soft = picture.filter(ImageFilter.GaussianBlur(generator.uniform(0, 2)))
    light = np.linspace(generator.uniform(0.5, 1), 1, SIDE)
    return to_uint8(np.asarray(soft) * light + generator.normal(0, generator.uniform(0, 8), (SIDE, SIDE)))
