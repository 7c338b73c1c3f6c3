"""Write digits as people do: in the styles of many countries, with all kinds of pens, and in haste.

Unlike those of `drawing.py`, these digits vary in their strokes, which `strokes.py` lists.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.strokes import HELD_OUT_STYLES, TRAINING_STYLES

SIDE = 80
"""Pixels of a side of the pictures."""
_OVERSAMPLING = 3  # samples per pixel, in each direction
_SPACING = 0.1  # between points along a stroke, where half the digit's height is 1
_SMOOTHINGS = 4  # of the hastiest digit's points with their neighbors
_COORDINATE = re.compile(r"(-?\d+)(?::(-?\d+)([a-z]?))?")

Levels = NDArray[np.float64]
Styles = Literal["training", "held out"]
STYLES: dict[Styles, tuple[dict[str, str], ...]] = {"training": TRAINING_STYLES, "held out": HELD_OUT_STYLES}


def write_digit(digit: int, generator: np.random.Generator, styles: Styles = "training") -> Pixels:
    """Write a digit in one of its styles, bright on black with a margin, uint8 `[SIDE, SIDE]`."""
    skeletons = list(STYLES[styles][digit].values())
    return write_skeleton(skeletons[generator.integers(len(skeletons))], generator)


def write_skeleton(strokes: str, generator: np.random.Generator) -> Pixels:
    """Write a skeleton of `strokes.py`, bright on black with a margin, uint8 `[SIDE, SIDE]`."""
    haste = generator.random() ** 2
    aspect = float(np.exp(np.clip(generator.normal(-0.05, 0.2), -0.4, 0.27)))
    skeleton = _parse(strokes)
    moved = _move_strokes(skeleton.instance(generator, haste), skeleton.joinable, generator, haste)
    return _draw(_deform(moved, aspect, generator), min(1, aspect), generator)


@dataclass(frozen=True)
class _Skeleton:
    """A parsed skeleton.

    Attributes:
        low: control points, float64 `[points, 2]`, where all parameters are 0.
        high: the same where all parameters are 1.
        parameters: the index of each coordinate's parameter.
        curves: for each number of smoothings and each stroke, the matrix that makes its line from the control points.
        joinable: for each stroke, whether haste may join it with the one before.
    """

    low: Levels
    high: Levels
    parameters: NDArray[np.intp]
    curves: list[list[Levels]]
    joinable: list[bool]

    def instance(self, generator: np.random.Generator, haste: float) -> list[Levels]:
        """Return the points along each stroke of a random instance, float64 `[points, 2]`."""
        position = generator.random(self.parameters.max() + 1)[self.parameters]
        control = self.low + (self.high - self.low) * position + generator.normal(0, 0.025, self.low.shape)
        return [curve @ control for curve in self.curves[round(haste * _SMOOTHINGS)]]


@cache
def _parse(strokes: str) -> _Skeleton:
    """Parse a skeleton of `strokes.py`."""
    separators = re.findall("[/&]", strokes)
    words = [stroke.split() for stroke in re.split("[/&]", strokes)]
    names: dict[str, int] = {}
    ranges: list[tuple[float, float, int]] = []
    for coordinate in re.findall(r"[^ ,!/&]+", strokes):
        low, high, name = _COORDINATE.fullmatch(coordinate).groups()  # type: ignore[union-attr]
        parameter = names.setdefault(name or f"own {len(ranges)}", len(names))
        ranges.append((int(low) / 100, int(high or low) / 100, parameter))
    low, high, parameters = np.array(ranges).reshape(-1, 2, 3).transpose(2, 0, 1)
    curves, start = [], 0
    for stroke in words:
        corners = [index for index in range(1, len(stroke) - 1) if stroke[index].endswith("!")]
        curve = np.zeros((1, len(low)))
        for first, last in pairwise([0, *corners, len(stroke) - 1]):
            run = slice(start + first, start + last + 1)
            spline = _spline((low[run] + high[run]) / 2)
            curve = np.concatenate([curve[:-1], np.zeros((len(spline), len(low)))])
            curve[-len(spline) :, run] = spline
        curves.append(curve)
        start += len(stroke)
    smoothed = [curves]
    for _ in range(_SMOOTHINGS):
        smoothed.append([_smooth(curve) for curve in smoothed[-1]])
    joinable = [False, *(separator == "&" for separator in separators)]
    return _Skeleton(low, high, parameters.astype(np.intp), smoothed, joinable)


def _spline(points: Levels) -> Levels:
    """Return the matrix that makes points along a centripetal Catmull-Rom spline of the points it goes through."""
    chords = np.maximum(np.hypot(*np.diff(points, axis=0).T), 1e-3)
    knots = np.concatenate([[0], np.cumsum(np.sqrt(chords))])
    widths = np.diff(knots)[:, None]
    slopes = np.diff(np.eye(len(points)), axis=0) / widths
    tangents = np.repeat(slopes[:1], len(points), axis=0)
    if len(points) > 2:
        tangents[1:-1] = (widths[1:] * slopes[:-1] + widths[:-1] * slopes[1:]) / (widths[1:] + widths[:-1])
        tangents[0], tangents[-1] = (3 * slopes[0] - tangents[1]) / 2, (3 * slopes[-1] - tangents[-2]) / 2
    rows = [np.eye(len(points))[:1]]
    for index, (chord, width) in enumerate(zip(chords, widths, strict=True)):
        t = np.linspace(0, 1, int(np.ceil(chord / _SPACING)) + 1)[1:, None]
        begin, end = np.eye(len(points))[index : index + 2]
        rows.append(
            begin * (1 + 2 * t) * (1 - t) ** 2
            + end * t**2 * (3 - 2 * t)
            + width * t * (1 - t) * (tangents[index] * (1 - t) - tangents[index + 1] * t)
        )
    return np.concatenate(rows)


def _smooth(curve: Levels) -> Levels:
    """Average each point of a line with its neighbors; the ends stay."""
    return np.concatenate([curve[:1], (curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4, curve[-1:]])


def _move_strokes(
    strokes: list[Levels], joinable: list[bool], generator: np.random.Generator, haste: float
) -> list[Levels]:
    """Lengthen, shorten and displace strokes, and perhaps join them, more so in haste."""
    joins = haste > 0.3 and generator.random() < 0.5
    moved: list[Levels] = []
    for stroke, may_join in zip(strokes, joinable, strict=True):
        lengths = np.clip(generator.normal(0, 0.02 + 0.05 * haste, 2), -0.08, 0.15)
        for end, inner, length in ((0, 1, lengths[0]), (-1, -2, lengths[1])):
            along = stroke[end] - stroke[inner]
            stroke[end] += along / max(np.hypot(*along), 1e-3) * length
        if moved:
            stroke += generator.normal(0, 0.02 + 0.03 * haste, 2)
        if joins and may_join:
            moved[-1] = np.concatenate([moved[-1], stroke])
        else:
            moved.append(stroke)
    return moved


def _deform(strokes: list[Levels], aspect: float, generator: np.random.Generator) -> list[Levels]:
    """Slant, stretch, rotate and wobble strokes."""
    slant = np.clip(generator.normal(0.1, 0.18), -0.3, 0.45)
    angle = np.clip(generator.normal(0, 0.06), -0.12, 0.12)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turned @ np.array([[aspect, -slant], [0, 1]])
    frequencies, phases = generator.uniform(-3.5, 3.5, (3, 2)), generator.uniform(0, 2 * np.pi, 3)
    amplitudes = generator.normal(0, 0.02, (3, 2))
    return [(stroke + np.sin(stroke @ frequencies.T + phases) @ amplitudes) @ matrix.T for stroke in strokes]


def _draw(strokes: list[Levels], fineness: float, generator: np.random.Generator) -> Pixels:
    """Draw strokes with a pen, perhaps a broad nib, of random width times `fineness` and with varying pressure."""
    height = SIDE * _OVERSAMPLING * generator.uniform(0.62, 0.8)
    pen = height * max(0.03, np.exp(generator.uniform(np.log(0.03), np.log(0.17))) * fineness)
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (height - pen) / (high - low).max()
    nib = None
    if generator.random() < 0.15:
        direction = np.radians(generator.uniform(-60, -20))
        nib = pen / 2 * np.array([np.cos(direction), np.sin(direction)])
        pen *= generator.uniform(0.25, 0.5)
    unevenness, fading, fading_ink = generator.uniform(0, 0.3), generator.uniform(0, 0.5), generator.uniform(0, 0.4)
    ink = generator.uniform(190, 255)

    image = Image.new("L", (SIDE * _OVERSAMPLING,) * 2)
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        points = (stroke - (low + high) / 2) * scale + SIDE * _OVERSAMPLING / 2
        position = np.linspace(0, 1, len(points))
        pressure = 1 + unevenness * np.sin(2 * np.pi * (generator.uniform(0.5, 2) * position + generator.random()))
        late = ((position - 0.6) / 0.4).clip(0) ** 2
        radius = np.maximum(pen / 2 * pressure / (1 + unevenness) * (1 - fading * late), _OVERSAMPLING / 2)
        level = (ink * (1 - fading_ink * late)).astype(int).tolist()
        along = np.diff(points, axis=0)
        across = along[:, ::-1] * (1, -1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        first, second = across * radius[:-1, None], across * radius[1:, None]
        a, b = points[:-1], points[1:]
        for sides in [(first, second), (nib, nib)] if nib is not None else [(first, second)]:
            corners = np.stack([a + sides[0], b + sides[1], b - sides[1], a - sides[0]], axis=1).reshape(-1, 8)
            for corner, fill in zip(corners.tolist(), level[1:], strict=True):
                draw.polygon(corner, fill=fill)
        discs = np.concatenate([points - radius[:, None], points + radius[:, None]], axis=1)
        for disc, fill in zip(discs.tolist(), level, strict=True):
            draw.ellipse(disc, fill=fill)
    return np.asarray(image.reduce(_OVERSAMPLING))
