"""Test digits as photographs of pen on paper, made by code.

A digit is enlarged to the strokes that a pen would have left, laid on paper with its own grain, rules
and light, seen at an angle, blurred by the lens and squeezed by JPEG. Each kind makes one of these
hard and keeps the others gentle.
"""

import io
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Levels = NDArray[np.float64]
"""Grey `[H, W]` or colours `[H, W, 3]`, 0..1."""

_INKS = {
    "black": (0.12, 0.12, 0.14),
    "blue": (0.13, 0.20, 0.55),
    "red": (0.72, 0.13, 0.16),
    "green": (0.10, 0.42, 0.22),
    "pencil": (0.38, 0.38, 0.40),
}


@dataclass(frozen=True)
class Scene:
    """What a photograph is taken of and how.

    Lengths are shares of the picture's side, angles are in degrees. `pen` is a stroke's width in
    pixels of MNIST's 28, 0 for the writer's own.
    """

    side_pixels: tuple[int, int] = (180, 320)
    digit_height: tuple[float, float] = (0.4, 0.7)
    inks: tuple[str, ...] = ("black", "blue")
    opacity: tuple[float, float] = (0.85, 0.98)
    pen: tuple[float, float] = (0.0, 0.0)
    paper: tuple[float, float] = (0.82, 0.96)
    grain: float = 0.012
    shading: float = 0.12
    shadow: float = 0.0
    rules: str = "none"
    tilt_degrees: float = 6.0
    perspective: float = 0.03
    blur: tuple[float, float] = (0.002, 0.004)
    noise: float = 0.01
    jpeg_quality: tuple[int, int] = (80, 95)


_PLAIN = Scene()
PHOTOGRAPHS: dict[str, Scene] = {
    "plain paper": _PLAIN,
    "shadow": replace(_PLAIN, shading=0.3, shadow=0.45),
    "ruled paper": replace(_PLAIN, rules="ruled"),
    "squared paper": replace(_PLAIN, rules="squared"),
    "form field": replace(_PLAIN, rules="box", digit_height=(0.45, 0.6)),
    "faint pencil": replace(_PLAIN, inks=("pencil",), opacity=(0.35, 0.7)),
    "coloured pen": replace(_PLAIN, inks=("red", "green", "blue"), paper=(0.7, 0.95)),
    "fine pen": replace(_PLAIN, pen=(0.5, 0.9)),
    "marker": replace(_PLAIN, pen=(3.8, 4.8)),
    "perspective": replace(_PLAIN, perspective=0.14, tilt_degrees=12.0),
    "out of focus": replace(_PLAIN, blur=(0.012, 0.022)),
    "low resolution": replace(_PLAIN, side_pixels=(26, 40), digit_height=(0.5, 0.8), blur=(0.01, 0.02)),
    "dim and noisy": replace(_PLAIN, paper=(0.3, 0.5), noise=0.035, grain=0.02),
    "strong JPEG": replace(_PLAIN, side_pixels=(70, 120), jpeg_quality=(12, 30)),
}


def photograph(digit: NDArray[np.uint8], kind: str, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Take a photograph of a digit.

    Args:
        digit: uint8 `[28, 28]`, ink bright on dark.
        kind: one of `PHOTOGRAPHS`.
        generator: decides on everything that the kind leaves open.

    Returns:
        uint8 `[H, W, 3]`.
    """
    scene = PHOTOGRAPHS[kind]
    side = int(generator.integers(scene.side_pixels[0], scene.side_pixels[1] + 1))
    canvas = max(side, 120)  # what is to be small is made small at the end, by the camera
    coverage = _place(_pen_strokes(digit, generator.uniform(*scene.pen)), canvas, scene, generator)
    picture = _paper(canvas, scene, generator)
    ink = np.array(_INKS[str(generator.choice(scene.inks))]) * generator.uniform(0.8, 1.2)
    skips = 1 - 0.15 * _smooth_noise(canvas, canvas // 3, generator).clip(0, None)
    weight = (coverage * generator.uniform(*scene.opacity) * skips)[..., None].clip(0, 1)
    picture = picture * (1 - weight) + picture * ink * weight
    picture = _tilt(picture * _light(canvas, scene, generator)[..., None], scene, generator)
    return _camera(picture, side, scene, generator)


def _pen_strokes(digit: NDArray[np.uint8], width_pixels: float) -> Levels:
    """Give the digit eight times as large, with edges as sharp as a pen's, and with that pen's width."""
    large = Image.fromarray(digit).resize((224, 224), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    inside = np.asarray(large, np.float64) / 255 > 0.45
    if width_pixels:
        inside = _redrawn(inside, round(4 * width_pixels))
    soft = Image.fromarray((inside * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    return np.asarray(soft, np.float64) / 255


def _redrawn(inside: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Draw the middle line of strokes again with a round pen of a radius in pixels."""
    line = _thinned(inside[::2, ::2]).repeat(2, axis=0).repeat(2, axis=1)
    reach = np.pad(line, radius)
    grown = np.zeros_like(line)
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    for row, column in zip(*np.nonzero(rows**2 + columns**2 <= radius**2), strict=True):
        grown |= reach[row : row + len(line), column : column + len(line)]
    return grown


def _thinned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take pixels off the outside of strokes until a connected line is left.

    T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
    """
    line = mask.copy()
    changed = True
    while changed:
        changed = False
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            padded = np.pad(line, 1)
            height, width = line.shape
            around = np.stack(  # from the one above, clockwise
                [
                    padded[row : row + height, column : column + width]
                    for row, column in ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
                ]
            )
            count = around.sum(axis=0)
            crossings = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
            removable = line & (count >= 2) & (count <= 6) & (crossings == 1)
            removable &= ~around[list(first)].all(axis=0) & ~around[list(second)].all(axis=0)
            if removable.any():
                line &= ~removable
                changed = True
    return line


def _place(strokes: Levels, canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    """Lay strokes on an empty field, scaled, turned a little and moved."""
    height = generator.uniform(*scene.digit_height) * canvas
    size = round(height * 28 / 20)
    image = Image.fromarray(np.rint(strokes * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)
    image = image.rotate(generator.uniform(-scene.tilt_degrees, scene.tilt_degrees), Image.Resampling.BILINEAR)
    room = (canvas - height) / 2 - 0.04 * canvas
    x, y = (round((canvas - size) / 2 + generator.uniform(-0.5, 0.5) * room) for _ in range(2))
    field = Image.new("L", (canvas, canvas))
    field.paste(image, (x, y))
    return np.asarray(field, np.float64) / 255


def _paper(canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    tint = 1 + generator.normal(0, 0.02, 3)
    fibres = scene.grain * (_smooth_noise(canvas, canvas, generator) + _smooth_noise(canvas, canvas // 4, generator))
    paper: Levels = (generator.uniform(*scene.paper) * tint + fibres[..., None]).clip(0, 1)
    return paper * (1 - _rules(canvas, scene.rules, generator))


def _rules(canvas: int, rules: str, generator: np.random.Generator) -> Levels:
    """Give how much the printed lines take away of each colour."""
    colour = np.array([0.35, 0.22, 0.08]) if rules != "box" else np.array([0.7, 0.7, 0.7])
    lines = np.zeros((canvas, canvas))
    width = max(1, canvas // 130)
    if rules in ("ruled", "squared"):
        step = int(generator.uniform(0.16, 0.3) * canvas)
        for start in range(int(generator.integers(step)), canvas, step):
            lines[start : start + width] = 1
        if rules == "squared":
            for start in range(int(generator.integers(step)), canvas, step):
                lines[:, start : start + width] = 1
    if rules == "box":
        low = int(generator.uniform(0.03, 0.09) * canvas)
        high = canvas - int(generator.uniform(0.03, 0.09) * canvas)
        lines[low:high, low:high] = 1
        lines[low + width : high - width, low + width : high - width] = 0
    taken: Levels = lines[..., None] * colour * generator.uniform(0.5, 1.0)
    return taken


def _light(canvas: int, scene: Scene, generator: np.random.Generator) -> Levels:
    """Give the light that falls on each pixel: from one side, less in the corners, less in a shadow."""
    y, x = np.mgrid[-1 : 1 : canvas * 1j, -1 : 1 : canvas * 1j]
    angle = generator.uniform(0, 2 * np.pi)
    slope = scene.shading * generator.uniform(0.3, 1.0)
    light: Levels = 1 - slope * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle))) - 0.5 * slope * (x**2 + y**2) / 2
    if scene.shadow:
        turn, softness = generator.uniform(0, 2 * np.pi), generator.uniform(0.03, 0.3)
        depth = scene.shadow * generator.uniform(0.5, 1.0)
        edge = (x * np.cos(turn) + y * np.sin(turn) - generator.uniform(-0.4, 0.4)) / softness
        light = light * (1 - depth / (1 + np.exp(-edge.clip(-30, 30))))
    return light


def _tilt(picture: Levels, scene: Scene, generator: np.random.Generator) -> Levels:
    """See a picture at an angle: its corners move inwards and the middle fills the frame."""
    size = len(picture)
    corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0)], np.float64)
    seen = corners + (0.5 - corners) * 2 * generator.uniform(0, scene.perspective, (4, 2))
    rows = []
    for (x, y), (u, v) in zip(corners * size, seen * size, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows), (seen * size).ravel())
    image = Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    turned = image.transform(
        image.size, Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BICUBIC, fillcolor=None
    )
    return np.asarray(turned, np.float64) / 255


def _camera(picture: Levels, side: int, scene: Scene, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Blur, scale to the sensor, add its noise, and write and read a JPEG file."""
    image = Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(generator.uniform(*scene.blur) * len(picture)))
    image = image.resize((side, side), Image.Resampling.BOX)
    noisy = np.asarray(image, np.float64) + 255 * generator.normal(0, scene.noise, (side, side, 3))
    stream = io.BytesIO()
    quality = int(generator.integers(scene.jpeg_quality[0], scene.jpeg_quality[1] + 1))
    Image.fromarray(np.rint(noisy.clip(0, 255)).astype(np.uint8)).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def _smooth_noise(canvas: int, cells: int, generator: np.random.Generator) -> Levels:
    """Give noise of deviation 1 that changes over `canvas / cells` pixels."""
    coarse = generator.normal(0, 1, (max(2, cells), max(2, cells))).astype(np.float32)
    image = Image.fromarray(coarse).resize((canvas, canvas), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float64)
