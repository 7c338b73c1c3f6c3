"""Crops of the pictures that come with scikit-image: photographs, textures, microscopy. None of them shows a digit.

They are read from the installed package, whose own loader would download what is missing.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from mnist_edge.data.drawing import Pixels

_SIDE_PIXELS = (28, 160)  # of the pictures made from crops


def draw_crop(file: str, generator: np.random.Generator) -> Pixels:
    """Return a square of 20 to 100% of the shorter side of a picture, scaled to 28 to 160 pixels a side.

    Args:
        file: the name of a picture that comes with scikit-image, such as `coffee.png`.
        generator: chooses the square and its size.

    Returns:
        uint8 `[side, side]` or, of a picture in colors, `[side, side, 3]`.
    """
    picture = _open(file)
    crop = generator.uniform(0.2, 1) * min(picture.size)
    left, top = (generator.uniform(0, length - crop) for length in picture.size)
    side = int(generator.integers(*_SIDE_PIXELS, endpoint=True))
    box = (left, top, left + crop, top + crop)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS, box))


@cache
def _open(file: str) -> Image.Image:
    import skimage  # not every device has it

    with Image.open(Path(skimage.__file__).parent / "data" / file) as picture:
        return picture.convert("L" if picture.mode == "L" else "RGB")
