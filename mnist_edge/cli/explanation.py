"""A picture of how a picture was prepared: what the network saw, and how it came to be."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.files import write_bytes

_PANEL_PIXELS = 220
_MARGIN_PIXELS = 12
_TITLE_PIXELS = 22


def save_explanation(path: Path, steps: Mapping[str, NDArray[np.float32]], verdict: str) -> None:
    """Write a PNG file of the steps side by side, each with its name, and a line under them.

    Args:
        path: of the file, replaced atomically.
        steps: grey levels 0..255, float32 `[H, W]`, by name, in order.
        verdict: what the model said.
    """
    width = _MARGIN_PIXELS + len(steps) * (_PANEL_PIXELS + _MARGIN_PIXELS)
    height = 2 * _MARGIN_PIXELS + 2 * _TITLE_PIXELS + _PANEL_PIXELS
    sheet = Image.new("L", (width, height), 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (name, levels) in enumerate(steps.items()):
        left = _MARGIN_PIXELS + index * (_PANEL_PIXELS + _MARGIN_PIXELS)
        pen.text((left, _MARGIN_PIXELS), f"{index + 1}. {name.replace('_', ' ')}", fill=0, font=font)
        panel = _fit(levels)
        top = _MARGIN_PIXELS + _TITLE_PIXELS
        sheet.paste(60, (left, top, left + _PANEL_PIXELS, top + _PANEL_PIXELS))
        sheet.paste(panel, (left + (_PANEL_PIXELS - panel.width) // 2, top + (_PANEL_PIXELS - panel.height) // 2))
    pen.text((_MARGIN_PIXELS, height - _MARGIN_PIXELS - _TITLE_PIXELS // 2), verdict, fill=0, font=font, anchor="lm")
    content = BytesIO()
    sheet.save(content, "PNG", optimize=True)
    write_bytes(path, content.getvalue())


def _fit(levels: NDArray[np.float32]) -> Image.Image:
    """Scale a step to its panel; small ones keep their pixels visible."""
    image = Image.fromarray(np.rint(levels.clip(0, 255)).astype(np.uint8))
    scale = _PANEL_PIXELS / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)
