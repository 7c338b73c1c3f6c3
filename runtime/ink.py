"""Find a picture's ink: how strong it is at each pixel, whatever the light, the paper and the pen.

Ink is what differs from the paper around it. The paper's level at a place is the one that a grey
closing leaves (dark ink; an opening for bright ink): strokes are narrower than its window, shadows
and stains are not (P. Soille, "Morphological Image Analysis", 2003, section 4.5).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.floating]
"""Levels 0..255, `[H, W]`; `[H, W, C]` where colours are still apart."""

MAX_SIDE = 1_024
"""Of the picture that ink is looked for in: a larger one tells no more of a digit."""
MIN_CONTRAST = 16.0
"""Grey levels, of 255, that ink and background differ by at least."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue, by ITU-R BT.601, as Pillow's `L`."""
_CELLS = 48
"""The paper's level is estimated on a grid of at most so many cells a side."""
_PAPER_WINDOW = 1 / 3
_STROKE_WINDOW = 1 / 8
"""Shares of the longer side that a stroke is narrower than: surely, and as a rule."""
_LEAST_REACH = 4
"""Cells: in a very small picture strokes take up more of it."""
_BORDER_SHARE = 0.25
"""Of the border's pixels that may be of the ink's level while the border still tells which level that is."""


def find_ink(pixels: NDArray[np.uint8]) -> tuple[Grey, Grey]:
    """Give a picture's luminance and its ink, 0 for paper to 255, both of at most `MAX_SIDE` a side.

    The picture is blank if no ink reaches `MIN_CONTRAST`.

    Args:
        pixels: uint8 `[H, W]` (grey), `[H, W, 2]`, `[H, W, 3]` or `[H, W, 4]`.
    """
    channels = shrink(pixels)
    colours = lay_on(channels, 255)
    grey = luminance(colours)
    if pixels.shape[2:] in ((2,), (4,)) and contrast(colours) < MIN_CONTRAST:
        colours = lay_on(channels, 0)  # light ink on nothing
        grey = luminance(colours)
    if contrast(colours) < MIN_CONTRAST:
        return grey, np.zeros_like(grey)
    ink = part_from_paper(grey)
    if colours.ndim == 3 and spread_of_colours(colours) > MIN_CONTRAST:
        planes = (part_from_paper(np.ascontiguousarray(colours[..., channel])) for channel in range(3))
        strongest = max(planes, key=lambda plane: level_of_share(plane, 0.995))
        # Coloured ink on paper of the same brightness: what one colour shows and luminance does not.
        if level_of_share(strongest, 0.995) > 2 * level_of_share(ink, 0.995):
            ink = strongest
    return grey, ink


def contrast(colours: Grey) -> float:
    """Give how far the levels of a picture, or of its most varied colour, are apart."""
    planes = [colours] if colours.ndim == 2 else [colours[..., channel] for channel in range(3)]
    return max(float(plane.max() - plane.min()) for plane in planes)


def shrink(pixels: NDArray[np.uint8], max_side: int = MAX_SIDE) -> Grey:
    """Average squares of whole pixels until no side is longer than `max_side`; float32 of the same axes."""
    height, width = pixels.shape[:2]
    factor = -(-max(height, width) // max_side)
    if factor == 1:
        return pixels.astype(np.float32)
    down, right = min(factor, height), min(factor, width)
    bottom, end = height // down * down, width // right * right
    total = np.zeros((bottom // down, end // right, *pixels.shape[2:]), np.uint16 if down * right <= 257 else np.uint32)
    for row in range(down):
        for column in range(right):
            total += pixels[row:bottom:down, column:end:right]
    return (total / np.float32(down * right)).astype(np.float32)


def lay_on(channels: Grey, paper: int) -> Grey:
    """Lay a picture with transparency on paper of a level; grey `[H, W]` or colours `[H, W, 3]` come back."""
    if channels.ndim == 2 or channels.shape[2] == 3:
        return channels
    opacity = channels[..., -1:] / 255
    laid: Grey = channels[..., :-1] * opacity + paper * (1 - opacity)
    return laid if laid.shape[2] == 3 else laid[..., 0]


def luminance(colours: Grey) -> Grey:
    """Give the brightness of grey `[H, W]` or colours `[H, W, 3]`, whole levels."""
    return np.rint(colours if colours.ndim == 2 else colours @ _LUMINANCE)


def ink_is_dark(grey: Grey) -> bool:
    """Tell whether ink is darker than its background.

    The border is background. Where it is not of one kind, as at a shadow's edge, ink is what is narrow.
    """
    bright = grey > otsu_threshold(grey)
    border = np.concatenate([bright[0], bright[-1], bright[1:-1, 0], bright[1:-1, -1]])
    share = float(border.mean())
    if not _BORDER_SHARE < share < 1 - _BORDER_SHARE:
        return share > 0.5
    cells = average_cells(grey, _CELLS)
    reach = max(1, round(max(cells.shape) * _STROKE_WINDOW / 2))
    narrow_dark = float((close(cells, reach) - cells).mean())
    narrow_bright = float((cells + close(-cells, reach)).mean())
    return narrow_dark > narrow_bright


def spread_of_colours(colours: Grey) -> float:
    """Give how far red, green and blue are apart where they are so most."""
    red, green, blue = (colours[..., channel] for channel in range(3))
    highest_colour = np.maximum(np.maximum(red, green), blue)
    return float((highest_colour - np.minimum(np.minimum(red, green), blue)).max())


def part_from_paper(plane: Grey) -> Grey:
    """Give what share of its paper's light each pixel lacks, 0..255; bright ink is looked at in the negative.

    In a shadow that is as much as in the sun.
    """
    if not ink_is_dark(plane):
        plane = 255 - plane
    cells = average_cells(plane, _CELLS)
    reach = max(_LEAST_REACH, round(max(cells.shape) * _PAPER_WINDOW / 2))
    paper = enlarge(smooth(close(cells, reach), max(1, reach // 2)), plane.shape)
    return (255 * (1 - plane / np.maximum(paper, 1))).clip(0, 255)


def average_cells(plane: Grey, side: int) -> Grey:
    """Average a plane over square cells, at most `side` of them along the longer axis."""
    height, width = plane.shape
    size = -(-max(height, width) // side)
    if size == 1:
        return plane
    rows, columns = np.arange(0, height, size), np.arange(0, width, size)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1)
    return sums / (np.diff(rows, append=height)[:, None] * np.diff(columns, append=width)).astype(np.float32)


def close(plane: Grey, reach: int) -> Grey:
    """Grey closing with a square window of `2 · reach + 1`: dark spots narrower than it are filled."""
    return -highest(-highest(plane, reach), reach)


def highest(plane: Grey, reach: int) -> Grey:
    """Give the highest level in a window around each pixel, inside the plane."""
    for _ in range(2):
        near = min(reach, len(plane) - 1)
        padded = np.pad(plane, ((near, near), (0, 0)), constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1, axis=0)
        plane = windows.max(axis=2).T
    return plane


def smooth(plane: Grey, reach: int) -> Grey:
    """Average a square window of `2 · reach + 1` around each pixel; the edge goes on outside."""
    for _ in range(2):
        near = min(reach, len(plane) - 1)
        sums = np.cumsum(np.pad(plane, ((near + 1, near), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
        plane = ((sums[2 * near + 1 :] - sums[: -2 * near - 1]) / (2 * near + 1)).astype(np.float32).T
    return plane


def enlarge(plane: Grey, shape: tuple[int, ...]) -> Grey:
    """Resample a plane to a larger shape, linear between the middles of its cells."""
    if plane.shape == shape:
        return plane
    for length in shape:
        place = ((np.arange(length) + 0.5) * (len(plane) / length) - 0.5).clip(0, len(plane) - 1)
        low = place.astype(np.intp)
        high = np.minimum(low + 1, len(plane) - 1)
        weight = (place - low).astype(np.float32)[:, None]
        plane = (plane[low] * (1 - weight) + plane[high] * weight).T
    return plane


def otsu_threshold(grey: Grey) -> float:
    """Give the grey level that parts an image's levels into the two classes farthest apart.

    N. Otsu, "A threshold selection method from gray-level histograms", 1979: the level that
    maximises the variance between the classes.
    """
    counts = histogram(grey)
    levels = np.arange(256)
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = sum_below / below - (sum_below[-1] - sum_below) / above
    between = np.where((below > 0) & (above > 0), below * above * distance**2, -1.0)
    # Between two clusters of levels every cut is as good as another: the middle one is the safest.
    best = np.flatnonzero(between >= between.max() - 1e-9 * abs(between.max()))
    return float((best[0] + best[-1]) / 2)


def histogram(grey: Grey) -> NDArray[np.float64]:
    """Count an image's pixels by level, `[256]`."""
    return np.bincount(grey.astype(np.uint8).ravel(), minlength=256).astype(np.float64)


def level_of_share(grey: Grey, share: float) -> int:
    """Give the level that this share of the pixels does not exceed (np.median would load all of numpy.ma)."""
    below = np.cumsum(histogram(grey))
    return int(np.searchsorted(below, below[-1] * share))
