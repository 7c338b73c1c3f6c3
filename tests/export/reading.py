"""Draw digits with a pen of any width anywhere in a picture, and answer how the shipped predictor reads a picture."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.data import drawing
from mnist_edge.data.drawing import Pixels, to_uint8
from runtime import Predictor
from runtime.images import ImageSource

Line = list[tuple[float, float]]
Share = NDArray[np.float64]
"""How much of each pixel is ink, 0 to 1, `[H, W]`."""

BLACK, WHITE = (20, 20, 20), (250, 250, 250)
ALL_DIGITS = list("0123456789")

_OVERSAMPLING = 4  # samples per pixel, in each direction
_WORDS = ("quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "runs", "through", "tall", "grass")
_PREDICTOR = Predictor("v2")


def fails(*values: Any, because: str) -> Any:
    """Mark a parameter that fails at present."""
    return pytest.param(*values, marks=pytest.mark.xfail(strict=True, reason=because))


def answer(picture: ImageSource) -> str:
    """Return the digit that is read, `"0"` to `"9"`, or the label of the reason for rejecting the picture."""
    prediction = _PREDICTOR.predict(picture)
    return prediction.rejection.reason.label if prediction.rejection else str(prediction.digit)


def misread(answers: Iterable[str]) -> dict[int, str]:
    """Return the wrong digits among answers to pictures of 0, 1 and so on, by the digit that is shown."""
    return {shown: read for shown, read in enumerate(answers) if read.isdigit() and read != str(shown)}


def lines_of(
    digit: int, height: float, middle: tuple[float, float], slant: float = 0.1, strokes: Iterable[Line] = ()
) -> list[Line]:
    """Return the lines of a digit, or of other strokes in its field, in pixels `(x, y)` around a point `(x, y)`."""
    half = height / 2
    return [
        [(middle[0] + half * (x - slant * y), middle[1] + half * y) for x, y in stroke]
        for stroke in strokes or drawing.DIGIT_STROKES[digit]
    ]


def draw(lines: Iterable[Line], pen_width: float, shape: tuple[int, int]) -> Share:
    """Draw lines with a round pen in a picture of a height and a width in pixels."""
    image = Image.new("L", (shape[1] * _OVERSAMPLING, shape[0] * _OVERSAMPLING))
    canvas, radius = ImageDraw.Draw(image), pen_width * _OVERSAMPLING / 2
    for line in lines:
        points = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in line]
        canvas.line(points, fill=255, width=max(1, round(2 * radius)), joint="curve")
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image.reduce(_OVERSAMPLING)) / 255


def draw_digit(
    digit: int, height: float, pen_width: float, shape: tuple[int, int], middle: tuple[float, float] | None = None
) -> Share:
    """Draw a digit with a round pen, in the middle unless told where."""
    return draw(lines_of(digit, height, middle or (shape[1] / 2, shape[0] / 2)), pen_width, shape)


def paint(share: Share, ink: ArrayLike = BLACK, paper: ArrayLike = WHITE) -> Pixels:
    """Return ink of one color on paper of another, `[H, W, C]`."""
    return to_uint8(np.asarray(paper) * (1 - share[..., None]) + np.asarray(ink) * share[..., None])


def crop(share: Share) -> Share:
    """Return the part that has ink, which touches all four edges."""
    rows, columns = (np.flatnonzero(share.max(axis=axis) > 0.02) for axis in (1, 0))
    return share[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def circle(middle: tuple[float, float], radius: float) -> Line:
    """Return a circle as a closed line."""
    angles = [2 * math.pi * step / 40 for step in range(41)]
    return [(middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)) for angle in angles]


def page(size: tuple[int, int], font_pixels: int, lines: int) -> Pixels:
    """Print lines of words in Pillow's own font on a page of a width and a height in pixels."""
    font, image, margin = ImageFont.load_default(font_pixels), Image.new("L", size, 250), size[0] // 12
    for number, line in enumerate(np.random.default_rng(0).choice(_WORDS, (lines, 30))):
        place = margin, margin + int(1.4 * font_pixels) * number
        ImageDraw.Draw(image).text(place, " ".join(line), 20, font)
    image.paste(250, (size[0] - margin, 0, *size))
    return np.asarray(image)
