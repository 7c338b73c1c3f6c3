"""Pictures of non-digits, in groups: blanks and noise, classes that training shows and others, parts of photographs.

Training draws its outliers by other code, in `mnist_edge/data/outliers`. Of the unseen classes clothes and shapes come
nearest to them: they resemble its random polygons and blobs. The pictures by which the weights were chosen show arrows,
a star and a smiling face, which some shapes and emoticons resemble, and other pieces of the same photographs. Of the
seen classes, letters and words are in another font here, numbers have other digits, and scribbles are longer.
"""

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.data.crops import draw_crop
from mnist_edge.data.drawing import Pixels, draw_digit, to_uint8
from mnist_edge.data.fonts import load_font
from mnist_edge.data.handwriting import write_skeleton
from mnist_edge.evaluation.kana import KANA

NonDigitGroup = Literal["blank or noise", "unseen class", "seen class", "natural"]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
NON_DIGIT_GROUPS: tuple[NonDigitGroup, ...] = get_args(NonDigitGroup)

_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhkmnprtuvwxy"
"""Without letters that can be read as digits: I, O, S, Z, g, i, j, l, o, q, s and z."""
_SIGNS = "?!&@#%+=*$<>{}~^"
_GLYPHS = {
    "Lao letters": ("ກຄດຕຖທນບປຜຝພຟມຢສຫ", ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono")),
    "ancient letters": ("𐌄𐌋𐌌𐌍𐌑𐌖𐌙ϢϣϦϪϫ", ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique")),
    "technical symbols": ("⌂⌘⌥⌦⌨⌫⌸⌹⍃⍄⍇⍈⍋⍍⍎⍏⍐⍒⍔⍕⍖⍗⍙⍚⍟⍯⍰⍱⍲⎈⎋⏏", ("DejaVuSansMono", "DejaVuSansMono-Bold")),
    "emoticons": (
        "🐭🐮🐱🐵😀😂😇😈😉😋😍😎😐😒😖😘😜😠😢😥😨😭😮😱😷😸😻😼😽😾😿🙀",
        ("DejaVuSans", "DejaVuSans-Bold"),
    ),
}
"""By kind: glyphs that nobody reads as a digit, and fonts that have them all; the fonts come with matplotlib."""
_PHOTOGRAPHS = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png",
    "retina.jpg",
)  # fmt: skip
"""Without the rocket: a bright bar that stands on a plain sky is a 1 to anyone who sees only its outline."""
_FONT_PIXELS = 70  # size of single characters
_CLOTHES = (
    "30,15 45,20 55,20 70,15 95,40 82,50 75,42 75,90 25,90 25,42 18,50 5,40",  # shirt
    "30,8 70,8 78,94 58,94 50,34 42,94 22,94",  # trousers
    "38,6 62,6 60,36 84,94 16,94 40,36",  # dress
    "8,70 10,40 32,38 58,58 92,66 94,80 8,80",  # shoe
    "12,36 88,36 94,90 6,90",  # bag
    "34,6 62,6 62,62 92,74 92,90 34,90",  # boot
)
"""Polygons as points `x,y`, in percent of the picture."""


def blank(generator: np.random.Generator) -> Pixels:
    """Return a picture of a single grey level."""
    return np.full((_side(generator), _side(generator)), generator.integers(256), np.uint8)


def shaded_paper(generator: np.random.Generator) -> Pixels:
    """Return grainy paper that is brighter at the bottom."""
    side = _side(generator)
    light = np.linspace(generator.uniform(90, 160), generator.uniform(170, 240), side)
    return to_uint8(light[:, None] + generator.normal(0, generator.uniform(1, 6), (side, side)))


def uniform_noise(generator: np.random.Generator) -> Pixels:
    """Return uniformly distributed grey levels."""
    side = _side(generator)
    return generator.integers(0, 256, (side, side), dtype=np.uint8)


def gaussian_noise(generator: np.random.Generator) -> Pixels:
    """Return grey with normal noise of standard deviation 5 to 60 levels."""
    side = _side(generator)
    return to_uint8(generator.normal(128, generator.uniform(5, 60), (side, side)))


def specks(generator: np.random.Generator) -> Pixels:
    """Return black with 1 to 30% white pixels."""
    side = _side(generator)
    return ((generator.random((side, side)) < generator.uniform(0.01, 0.3)) * 255).astype(np.uint8)


def clouds(generator: np.random.Generator) -> Pixels:
    """Return noise of 5 to 12 cells per side, enlarged smoothly."""
    cells, side = int(generator.integers(5, 13)), _side(generator)
    coarse = generator.integers(0, 256, (cells, cells), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def _glyph(glyphs: str, fonts: tuple[str, ...], generator: np.random.Generator) -> Pixels:
    """Return a picture of one of the glyphs in one of the fonts."""
    return _print(generator.choice(list(glyphs)), load_font(generator.choice(fonts), _FONT_PIXELS), generator)


def kana(generator: np.random.Generator) -> Pixels:
    """Return a picture of a written kana."""
    return 255 - write_skeleton(generator.choice(list(KANA.values())), generator)


def letters(generator: np.random.Generator) -> Pixels:
    """Return a picture of a printed letter."""
    return _print(generator.choice(list(_LETTERS)), _default_font(_FONT_PIXELS), generator)


def signs(generator: np.random.Generator) -> Pixels:
    """Return a picture of a printed sign."""
    return _print(generator.choice(list(_SIGNS)), _default_font(_FONT_PIXELS), generator)


def words(generator: np.random.Generator) -> Pixels:
    """Print three to six letters in a row."""
    return _print("".join(generator.choice(list(_LETTERS), generator.integers(3, 7))), _default_font(30), generator)


def clothes(generator: np.random.Generator) -> Pixels:
    """Fill the outline of a piece of clothing."""
    points = [point.split(",") for point in _CLOTHES[generator.integers(len(_CLOTHES))].split()]
    outline = np.array(points, np.float64) * 1.2 + generator.normal(0, 1.5, 2)
    picture = Image.new("L", (120, 120), 0)
    ImageDraw.Draw(picture).polygon(outline.ravel().tolist(), fill=int(generator.integers(120, 256)))
    return _rotate(picture, generator, 0)


def shapes(generator: np.random.Generator) -> Pixels:
    """Draw a triangle, a star, a square, an arrow or a face."""
    picture = Image.new("L", (120, 120), 235)
    pen, width = ImageDraw.Draw(picture), int(generator.integers(4, 10))
    kind = generator.integers(5)
    if kind == 4:
        pen.ellipse((20, 20, 100, 100), outline=40, width=width)
        pen.ellipse((42, 45, 50, 53), fill=40)
        pen.ellipse((70, 45, 78, 53), fill=40)
        pen.arc((40, 45, 80, 85), 20, 160, fill=40, width=width)
    else:
        corners = (
            ((60, 18), (104, 100), (16, 100), (60, 18)),
            ((60, 14), (90, 104), (14, 48), (106, 48), (30, 104), (60, 14)),
            ((20, 20), (100, 20), (100, 100), (20, 100), (20, 20)),
            ((15, 60), (105, 60), (75, 30), (105, 60), (75, 90)),
        )[kind]
        pen.line(corners, fill=40, width=width, joint="curve")
    return _rotate(picture, generator, 235)


def scribbles(generator: np.random.Generator) -> Pixels:
    """Draw a line that turns at random and crosses itself repeatedly."""
    turns = generator.normal(0, 0.5, 120).cumsum() * 0.5 + np.linspace(0, generator.uniform(6, 30), 120)
    path = np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(axis=0)
    path = (path - path.min(axis=0)) / np.ptp(path, axis=0) * 90 + 15
    picture = Image.new("L", (120, 120), 235)
    ImageDraw.Draw(picture).line(path.ravel().tolist(), fill=40, width=int(generator.integers(3, 7)))
    return np.asarray(picture)


def numbers(generator: np.random.Generator) -> Pixels:
    """Draw two digits side by side."""
    digits = [draw_digit(int(digit), generator, 60, 0.3) for digit in generator.integers(0, 10, 2)]
    return 255 - np.concatenate(digits, axis=1)


_Draw = Callable[[np.random.Generator], Pixels]


def _named(group: NonDigitGroup, *functions: _Draw) -> dict[str, tuple[NonDigitGroup, _Draw]]:
    return {function.__name__.replace("_", " "): (group, function) for function in functions}


NON_DIGITS: dict[str, tuple[NonDigitGroup, _Draw]] = {
    **_named("blank or noise", blank, shaded_paper, uniform_noise, gaussian_noise, specks, clouds),
    **{name: ("unseen class", partial(_glyph, *glyphs)) for name, glyphs in _GLYPHS.items()},
    **_named("unseen class", kana, signs, clothes, shapes),
    **_named("seen class", letters, words, numbers, scribbles),
    **{Path(file).stem.replace("_", " "): ("natural", partial(draw_crop, file)) for file in _PHOTOGRAPHS},
}
"""By name: the group and a function that draws one picture, uint8 `[H, W]` or `[H, W, 3]`."""


def check_packages() -> None:
    """Import the packages of the extra `suites`, so that a missing one is reported before a long measurement.

    Raises:
        ModuleNotFoundError: one is not installed.
    """
    for package in ("skimage", "matplotlib"):
        import_module(package)


def _side(generator: np.random.Generator) -> int:
    """Return a random side length in pixels."""
    return int(generator.integers(28, 120))


@cache
def _default_font(pixels: int) -> _Font:
    return ImageFont.load_default(pixels)


def _print(text: str, font: _Font, generator: np.random.Generator) -> Pixels:
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left) + 50, int(bottom - top) + 50), 235)
    ImageDraw.Draw(picture).text((25 - left, 25 - top), text, font=font, fill=40)
    return _rotate(picture, generator, 235)


def _rotate(picture: Image.Image, generator: np.random.Generator, paper: int) -> Pixels:
    return np.asarray(picture.rotate(float(generator.normal(0, 4)), Image.Resampling.BICUBIC, fillcolor=paper))
