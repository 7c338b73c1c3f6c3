"""Draw pictures that show no digit, for training and for choosing settings.

    glyphs       letters and signs in the fonts that come with matplotlib, distorted as handwriting is; words, lines
    written      letters written by hand, characters of scripts that do not exist
    doodles      strokes at random, closed shapes, spirals
    silhouettes  outlines of things
    spoiled      digits that touch, are crossed out or cut in half
    surfaces     textures, noise, light, things that hide each other

What a person would read as a digit is left out: S with a caron is a 5, an inverted T a 1 with a foot. None of the kinds
for training shows what the rejection suite counts as unseen, see `mnist_edge/evaluation/non_digits.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image

from mnist_edge.data.crops import draw_crop
from mnist_edge.data.drawing import Pixels
from mnist_edge.data.outliers import doodles, glyphs, silhouettes, spoiled, surfaces, written

Role = Literal["training", "choice"]
_Draw = Callable[[np.random.Generator], Pixels]

_CROPPED = ("brick.png", "cell.png", "coins.png", "grass.png", "gravel.png", "ihc.png", "moon.png")
"""Textures and microscopy that come with scikit-image. The rejection suite has others."""


def texture_crops(generator: np.random.Generator) -> Pixels:
    """Cut a square out of a picture of a texture or of microscopy, in grey."""
    crop = draw_crop(_CROPPED[generator.integers(len(_CROPPED))], generator)
    return np.asarray(Image.fromarray(crop).convert("L"))


def _named(role: Role, *functions: _Draw) -> dict[str, tuple[Role, _Draw]]:
    return {function.__name__.replace("_", " "): (role, function) for function in functions}


OUTLIERS: dict[str, tuple[Role, _Draw]] = {
    "Latin letters": ("training", partial(glyphs.glyph, glyphs.LATIN, glyphs.FONTS)),
    "extended Latin letters": ("training", partial(glyphs.glyph, glyphs.EXTENDED_LATIN, glyphs.WIDE_FONTS)),
    "Cyrillic letters": ("training", partial(glyphs.glyph, glyphs.CYRILLIC, glyphs.WIDE_FONTS)),
    "Hebrew and Arabic letters": ("training", partial(glyphs.glyph, glyphs.HEBREW_AND_ARABIC, glyphs.WIDE_FONTS[:2])),
    "mathematical signs": ("training", partial(glyphs.glyph, glyphs.MATHEMATICAL, glyphs.SIGN_FONTS)),
    "pictograms": ("training", partial(glyphs.glyph, glyphs.PICTOGRAMS, glyphs.WIDE_FONTS[:2])),
    **_named(
        "training",
        written.written_letters, written.invented_characters, doodles.strokes, spoiled.touching_digits,
        spoiled.crossed_out_digits, spoiled.halved_digits, surfaces.textures, surfaces.smooth_noise,
        surfaces.gradients, doodles.blobs, silhouettes.silhouettes, surfaces.dead_leaves, glyphs.words,
        glyphs.text_lines,
    ),
    "Armenian letters": ("choice", partial(glyphs.glyph, glyphs.ARMENIAN, glyphs.WIDE_FONTS)),
    "Tifinagh letters": ("choice", partial(glyphs.glyph, glyphs.TIFINAGH, glyphs.WIDE_FONTS[:1])),
    "arrows": ("choice", partial(glyphs.glyph, glyphs.ARROWS, glyphs.WIDE_FONTS[:2])),
    "dingbats": ("choice", partial(glyphs.glyph, glyphs.DINGBATS, glyphs.WIDE_FONTS[:1])),
    **_named("choice", doodles.spirals, silhouettes.furniture, texture_crops),
}  # fmt: skip
"""By name: whether training uses the kind, and a function that draws one picture, uint8 `[H, W]`."""
