"""The fonts that come with matplotlib, which have letters and signs of many scripts."""

from functools import cache
from pathlib import Path

from PIL import ImageFont


@cache
def load_font(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    """Load a font by the name of its file, such as `DejaVuSans-Bold`, in a size in pixels."""
    from matplotlib import get_data_path  # not every device has it

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", pixels)
