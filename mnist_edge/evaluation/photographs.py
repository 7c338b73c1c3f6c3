"""Synthetic photographs of handwritten digits: pen on paper, seen by a camera.

A digit is enlarged, redrawn with pen strokes, placed on paper with grain, ruled lines and uneven light, seen in
perspective, blurred by the lens and compressed as JPEG. Each kind makes one of these difficult and keeps the others
mild.
"""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mnist_edge.data.drawing import Pixels, to_uint8

Levels = NDArray[np.float64]
"""Grey `[H, W]` or RGB `[H, W, 3]`, 0..1."""

_INKS = {
    "black": (0.12, 0.12, 0.14),
    "blue": (0.13, 0.20, 0.55),
    "red": (0.72, 0.13, 0.16),
    "green": (0.10, 0.42, 0.22),
    "pencil": (0.38, 0.38, 0.40),
}
"""Light that ink lets through, RGB 0..1."""


@dataclass(frozen=True)
class Scene:
    """Paper, pen, light and camera of a photograph; pairs are ranges to draw from.

    Lengths without a unit are fractions of the picture's side; levels and strengths are 0..1. `pen_width` is in
    pixels of MNIST's 28, and 0 keeps the digit's own strokes.
    """

    side_pixels: tuple[int, int] = (180, 320)
    digit_height: tuple[float, float] = (0.4, 0.7)
    inks: tuple[str, ...] = ("black", "blue")
    opacity: tuple[float, float] = (0.85, 0.98)
    pen_width: tuple[float, float] = (0.0, 0.0)
    paper_level: tuple[float, float] = (0.82, 0.96)
    grain: float = 0.012
    shading: float = 0.12
    shadow: float = 0.0
    ruling: Literal["none", "ruled", "squared", "box"] = "none"
    tilt_degrees: float = 6.0
    perspective: float = 0.03
    blur: tuple[float, float] = (0.002, 0.004)
    noise: float = 0.01
    jpeg_quality: tuple[int, int] = (80, 95)


PHOTOGRAPHS: dict[str, Scene] = {
    "plain paper": Scene(),
    "shadow": Scene(shading=0.3, shadow=0.45),
    "ruled paper": Scene(ruling="ruled"),
    "squared paper": Scene(ruling="squared"),
    "form field": Scene(ruling="box", digit_height=(0.45, 0.6)),
    "faint pencil": Scene(inks=("pencil",), opacity=(0.35, 0.7)),
    "coloured pen": Scene(inks=("red", "green", "blue"), paper_level=(0.7, 0.95)),
    "fine pen": Scene(pen_width=(0.5, 0.9)),
    "marker": Scene(pen_width=(3.8, 4.8)),
    "perspective": Scene(perspective=0.14, tilt_degrees=12.0),
    "out of focus": Scene(blur=(0.012, 0.022)),
    "low resolution": Scene(side_pixels=(26, 40), digit_height=(0.5, 0.8), blur=(0.01, 0.02)),
    "dim and noisy": Scene(paper_level=(0.3, 0.5), noise=0.035, grain=0.02),
    "strong JPEG": Scene(side_pixels=(70, 120), jpeg_quality=(12, 30)),
}


def photograph(digit: Pixels, kind: str, generator: np.random.Generator) -> Pixels:
    """Return a photograph, RGB `[H, W, 3]`, of a digit, `[28, 28]` with bright ink, of a kind in `PHOTOGRAPHS`."""
    scene = PHOTOGRAPHS[kind]
    side = int(generator.integers(*scene.side_pixels, endpoint=True))
    canvas = max(side, 120)  # small pictures are drawn larger and scaled down by the camera
    coverage = _place(_pen_strokes(digit, generator.uniform(*scene.pen_width)), canvas, scene, generator)
    paper = _paper(canvas, scene, generator)
    ink = np.array(_INKS[str(generator.choice(scene.inks))]) * generator.uniform(0.8, 1.2)
    pressure = 1 - 0.15 * _smooth_noise(canvas, canvas // 3, generator).clip(0, None)
    weight = (coverage * generator.uniform(*scene.opacity) * pressure)[..., None].clip(0, 1)
    page = paper * (1 - weight) + paper * ink * weight
    lit = page * _light(canvas, scene, generator)[..., None]
    return _camera(_perspective(lit, scene, generator), side, scene, generator)


def _pen_strokes(digit: Pixels, width_pixels: float) -> Levels:
    """Return the digit eight times as large, with the sharp edges and the width of a pen's strokes; `[224, 224]`."""
    large = Image.fromarray(digit).resize((224, 224), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    inside = np.asarray(large, np.float64) / 255 > 0.45
    if width_pixels:
        inside = _dilate(_thin(inside[::2, ::2]).repeat(2, axis=0).repeat(2, axis=1), round(4 * width_pixels))
    soft = Image.fromarray(to_uint8(255.0 * inside)).filter(ImageFilter.GaussianBlur(1.5))
    return np.asarray(soft, np.float64) / 255


def _dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilate with a disk of a radius in pixels."""
    padded = np.pad(mask, radius)
    dilated = np.zeros_like(mask)
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    for row, column in zip(*np.nonzero(rows**2 + columns**2 <= radius**2), strict=True):
        dilated |= padded[row : row + len(mask), column : column + len(mask)]
    return dilated


def _thin(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin strokes to connected center lines.

    T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
    """
    line = mask.copy()
    height, width = line.shape
    changed = True
    while changed:
        changed = False
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):  # indexes of `clockwise`
            padded = np.pad(line, 1)
            clockwise = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))  # from the pixel above
            neighbors = np.stack([padded[row : row + height, column : column + width] for row, column in clockwise])
            count = neighbors.sum(axis=0)
            crossings = (~neighbors & np.roll(neighbors, -1, axis=0)).sum(axis=0)
            removable = line & (count >= 2) & (count <= 6) & (crossings == 1)
            removable &= ~neighbors[list(first)].all(axis=0) & ~neighbors[list(second)].all(axis=0)
            line &= ~removable
            changed |= bool(removable.any())
    return line


def _place(strokes: Levels, canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    """Return an empty canvas with the strokes on it: scaled, rotated a little and shifted."""
    height = generator.uniform(*scene.digit_height) * canvas
    size = round(height * 28 / 20)
    image = Image.fromarray(to_uint8(255 * strokes)).resize((size, size), Image.Resampling.BILINEAR)
    image = image.rotate(generator.uniform(-scene.tilt_degrees, scene.tilt_degrees), Image.Resampling.BILINEAR)
    room = (canvas - height) / 2 - 0.04 * canvas
    x, y = (round((canvas - size) / 2 + generator.uniform(-0.5, 0.5) * room) for _ in range(2))
    placed = Image.new("L", (canvas, canvas))
    placed.paste(image, (x, y))
    return np.asarray(placed, np.float64) / 255


def _paper(canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    tint = 1 + generator.normal(0, 0.02, 3)
    fibers = scene.grain * (_smooth_noise(canvas, canvas, generator) + _smooth_noise(canvas, canvas // 4, generator))
    paper: Levels = (generator.uniform(*scene.paper_level) * tint + fibers[..., None]).clip(0, 1)
    return paper * (1 - _ruling(canvas, scene, generator))


def _ruling(canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    """Return the fraction of each color that the printed lines absorb, `[H, W, 3]`."""
    color = np.array([0.7, 0.7, 0.7] if scene.ruling == "box" else [0.35, 0.22, 0.08])
    mask = np.zeros((canvas, canvas))
    width = max(1, canvas // 130)
    if scene.ruling in ("ruled", "squared"):
        spacing = int(generator.uniform(0.16, 0.3) * canvas)
        for lines in (mask,) if scene.ruling == "ruled" else (mask, mask.T):
            for start in range(int(generator.integers(spacing)), canvas, spacing):
                lines[start : start + width] = 1
    if scene.ruling == "box":
        low = int(generator.uniform(0.03, 0.09) * canvas)
        high = canvas - int(generator.uniform(0.03, 0.09) * canvas)
        mask[low:high, low:high] = 1
        mask[low + width : high - width, low + width : high - width] = 0
    absorbed: Levels = mask[..., None] * color * generator.uniform(0.5, 1.0)
    return absorbed


def _light(canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    """Return each pixel's illumination: from one side, with vignetting and perhaps a shadow."""
    y, x = np.mgrid[-1 : 1 : canvas * 1j, -1 : 1 : canvas * 1j]
    angle = generator.uniform(0, 2 * np.pi)
    slope = scene.shading * generator.uniform(0.3, 1.0)
    light: Levels = 1 - slope * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle))) - 0.5 * slope * (x**2 + y**2) / 2
    if scene.shadow:
        direction, softness = generator.uniform(0, 2 * np.pi), generator.uniform(0.03, 0.3)
        depth = scene.shadow * generator.uniform(0.5, 1.0)
        edge = (x * np.cos(direction) + y * np.sin(direction) - generator.uniform(-0.4, 0.4)) / softness
        light = light * (1 - depth / (1 + np.exp(-edge.clip(-30, 30))))
    return light


def _perspective(picture: Levels, scene: Scene, generator: np.random.Generator) -> Levels:
    """Warp a picture so that a quadrilateral inside it, its corners drawn at random, fills the frame."""
    size = len(picture)
    corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0)], np.float64)
    inner = corners + (0.5 - corners) * 2 * generator.uniform(0, scene.perspective, (4, 2))
    equations = []
    for (x, y), (u, v) in zip(corners * size, inner * size, strict=True):
        equations += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(equations), (inner * size).ravel())
    image = Image.fromarray(to_uint8(255 * picture))
    warped = image.transform(image.size, Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BICUBIC)
    return np.asarray(warped, np.float64) / 255


def _camera(picture: Levels, side: int, scene: Scene, generator: np.random.Generator) -> Pixels:
    """Blur, scale to the sensor's resolution, add sensor noise and compress as JPEG."""
    image = Image.fromarray(to_uint8(255 * picture))
    image = image.filter(ImageFilter.GaussianBlur(generator.uniform(*scene.blur) * len(picture)))
    image = image.resize((side, side), Image.Resampling.BOX)
    noisy = np.asarray(image, np.float64) + 255 * generator.normal(0, scene.noise, (side, side, 3))
    stream = io.BytesIO()
    quality = int(generator.integers(*scene.jpeg_quality, endpoint=True))
    Image.fromarray(to_uint8(noisy)).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def _smooth_noise(canvas: int, cells: int, generator: np.random.Generator) -> Levels:
    """Return noise of standard deviation 1, interpolated between points `canvas / cells` pixels apart."""
    coarse = generator.normal(0, 1, (max(2, cells), max(2, cells))).astype(np.float32)
    image = Image.fromarray(coarse).resize((canvas, canvas), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float64)
