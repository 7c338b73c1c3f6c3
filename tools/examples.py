"""Draw the README's pictures with the shipped model's predictions: `python -m tools.examples FILE`.

The digits are drawn by code because MNIST's own images are not redistributed here. Predictions come from the
command line, as a user would get them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.data.drawing import draw_digit
from mnist_edge.evaluation.photographs import photograph

_KINDS = (
    "shadow",
    "ruled paper",
    "form field",
    "faint pencil",
    "coloured pen",
    "marker",
    "perspective",
    "dim and noisy",
)
_SIDE_PIXELS = 132
_CAPTION_PIXELS = 40
_GAP_PIXELS = 8


def draw_examples(path: Path) -> None:
    """Write a PNG file with eight kinds of photographs and two non-digits, each with its prediction."""
    pictures = {
        kind: photograph(draw_digit(digit, np.random.default_rng(digit)), kind, np.random.default_rng(digit))
        for digit, kind in enumerate(_KINDS, 1)
    }
    is_dust = np.random.default_rng(0).random((120, 120, 1)) < 0.06
    pictures["dust"] = np.where(is_dust, 40, 225).repeat(3, axis=2).astype(np.uint8)
    pictures["nothing"] = np.full((120, 120, 3), 205, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for index, picture in enumerate(pictures.values()):
            Image.fromarray(picture).save(Path(folder) / f"{index:02}.png")
        command = [sys.executable, "-m", "mnist_edge", "predict", "--json", folder]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 (own program)
    columns = len(pictures) // 2
    sheet = Image.new("RGB", (columns * (_SIDE_PIXELS + _GAP_PIXELS), 2 * (_SIDE_PIXELS + _CAPTION_PIXELS)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, ((kind, picture), line) in enumerate(zip(pictures.items(), output.splitlines(), strict=True)):
        left = index % columns * (_SIDE_PIXELS + _GAP_PIXELS)
        top = index // columns * (_SIDE_PIXELS + _CAPTION_PIXELS)
        prediction = json.loads(line)
        answer = "no digit" if prediction["rejection"] else f"{prediction['digit']} ({prediction['confidence']:.1%})"
        size = (_SIDE_PIXELS, _SIDE_PIXELS)
        sheet.paste(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), (left, top))
        pen.text((left, top + _SIDE_PIXELS + 2), f"{kind}:\n{answer}", fill="black", font=font)
    sheet.save(path, "PNG", optimize=True)


if __name__ == "__main__":  # `make readme`
    draw_examples(Path(sys.argv[1]))
