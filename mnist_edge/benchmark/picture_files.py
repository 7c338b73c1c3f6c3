"""Draw the files that the benchmark of pictures times: dark digits on paper, in the sizes of everyday pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from mnist_edge.data.drawing import draw_digit
from mnist_edge.data.mnist import DIGITS

_LARGEST_DRAWN = 160  # pixels; larger digits are scaled up from this
_INK, _PAPER_LEVELS = (40, 52, 120), (218, 232)

SMALL, CAMERA_FRAME = "64×64 RGB", "640×480 RGB, JPEG"
SIZES: dict[str, tuple[int, int, str, str, int]] = {
    "28×28 grey": (28, 28, "L", "png", DIGITS),
    SMALL: (64, 64, "RGB", "png", DIGITS),
    CAMERA_FRAME: (640, 480, "RGB", "jpg", DIGITS),
    "12-megapixel JPEG": (4000, 3000, "RGB", "jpg", 2),
}
"""By name: width, height, Pillow's mode, file suffix, and the number of pictures."""


def draw_timed_pictures(folder: Path) -> dict[str, Path]:
    """Draw the pictures of every size; return the folder of each, inside `folder`."""
    folders: dict[str, Path] = {}
    for number, (size, (width, height, mode, suffix, count)) in enumerate(SIZES.items()):
        folders[size] = folder / f"size-{number}"
        folders[size].mkdir()
        for digit in range(count):
            picture = draw_picture(digit, width, height, np.random.default_rng((number, digit)))
            picture.convert(mode).save(folders[size] / f"{digit}.{suffix}", quality=90)
    return folders


def draw_many_pictures(folder: Path, count: int, distinct: int = 200) -> None:
    """Write `count` files of 64×64 pixels, made of up to `distinct` drawings."""
    folder.mkdir()
    width, height, mode, suffix, _ = SIZES[SMALL]
    for index in range(min(count, distinct)):
        picture = draw_picture(index % DIGITS, width, height, np.random.default_rng(index)).convert(mode)
        first = folder / f"{index:05}.{suffix}"
        picture.save(first)
        for copy in range(index + distinct, count, distinct):
            (folder / f"{copy:05}.{suffix}").write_bytes(first.read_bytes())


def draw_picture(digit: int, width: int, height: int, generator: np.random.Generator) -> Image.Image:
    """Draw a digit in blue ink in the middle of grainy paper, RGB. It is never in MNIST's form: dark on light."""
    side = min(width, height)
    drawn = Image.fromarray(draw_digit(digit, generator, min(side, _LARGEST_DRAWN)))
    coverage = Image.new("L", (width, height))
    coverage.paste(drawn.resize((side, side), Image.Resampling.BICUBIC), ((width - side) // 2, (height - side) // 2))
    paper = Image.fromarray(generator.integers(*_PAPER_LEVELS, (height, width, 3), np.uint8))
    return Image.composite(Image.new("RGB", (width, height), _INK), paper, coverage)
