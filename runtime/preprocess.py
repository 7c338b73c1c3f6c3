"""Turn any picture of a digit into the 28×28 pixels that MNIST's makers would have made of it.

Their recipe: the ink's bounding box is scaled to fit 20×20 pixels with its aspect ratio kept, the
smoothing leaves grey levels, and the centre of mass goes to the middle of the 28×28 field
(Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import BlankImageError

SIZE = 28
BOX_SIZE = 20
MAX_SIDE = 1_024
"""Of the image that ink is looked for in: a larger one tells no more of a digit."""
MIN_CONTRAST = 16.0
"""Grey levels, of 255, that ink and background differ by at least."""

# Measured on the 60,000 training images: the ink's longer side is 20 pixels (13 times 19), its centre of mass
# lies between rows and columns 13.48 and 14.50.
_CENTRE = 14.0
_CENTRE_TOLERANCE = 0.55

Grey: TypeAlias = NDArray[np.floating]


def prepare(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a 28×28 digit, bright on black, of any image.

    An image that already is as MNIST's are comes back unchanged.

    Args:
        pixels: uint8 `[H, W]` (grey), `[H, W, 2]`, `[H, W, 3]` or `[H, W, 4]`.

    Returns:
        uint8 `[28, 28]`.

    Raises:
        BlankImageError: nothing stands out from the background.
    """
    grey = shrink_to_grey(pixels)
    if pixels.shape[2:] in ((2,), (4,)) and np.ptp(grey) < MIN_CONTRAST:
        grey = shrink_to_grey(pixels, paper=0)  # light ink on nothing
    ink = bright_ink(grey)
    if is_native(ink):
        return ink.astype(np.uint8)
    strokes = stretch(ink)
    digit = fit_box(crop(strokes))
    return np.rint(centre(digit)).clip(0, 255).astype(np.uint8)


def shrink_to_grey(pixels: NDArray[np.uint8], paper: int = 255) -> Grey:
    """Give luminance as `to_grey`, of an image no longer or wider than `MAX_SIDE`.

    A larger image is averaged over squares of whole pixels, in strips of rows, so that memory is
    bounded by the image's own.
    """
    height, width = pixels.shape[:2]
    factor = -(-max(height, width) // MAX_SIDE)
    if factor == 1:
        return to_grey(pixels, paper)
    columns = np.arange(0, width, factor)
    widths = np.diff(columns, append=width)
    rows = []
    for top in range(0, height, factor):
        strip = to_grey(pixels[top : top + factor], paper)
        rows.append(np.add.reduceat(strip.mean(axis=0), columns) / widths)
    return np.rint(np.stack(rows)).astype(np.float32)


def to_grey(pixels: NDArray[np.uint8], paper: int = 255) -> Grey:
    """Give luminance, float32 `[H, W]` of whole levels 0..255, with transparent pixels laid on white or other `paper`.

    The weights are those of ITU-R BT.601, as Pillow's `L`.
    """
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    channels = pixels.astype(np.float32)
    colours = channels.shape[2] - (channels.shape[2] in (2, 4))
    weights = np.array([1.0] if colours == 1 else [0.299, 0.587, 0.114], np.float32)
    grey: Grey = channels[..., :colours] @ weights
    if channels.shape[2] != colours:
        opacity = channels[..., -1] / 255
        grey = grey * opacity + paper * (1 - opacity)
    return np.rint(grey)


def bright_ink(grey: Grey) -> Grey:
    """Turn an image so that its ink is the bright part.

    Ink is the class of pixels, split by Otsu's threshold, that covers less of the image's border;
    where the border is evenly split, the class with fewer pixels.

    Raises:
        BlankImageError: the image has less contrast than `MIN_CONTRAST`.
    """
    contrast = float(grey.max() - grey.min())
    if contrast < MIN_CONTRAST:
        raise BlankImageError(contrast, MIN_CONTRAST)
    bright = grey > otsu_threshold(grey)
    border = np.concatenate([bright[0], bright[-1], bright[1:-1, 0], bright[1:-1, -1]])
    share = float(border.mean())
    bright_is_ink = share < 0.5 or (share == 0.5 and bright.mean() <= 0.5)
    return grey if bright_is_ink else 255 - grey


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
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float((best[0] + best[-1]) / 2)


def histogram(grey: Grey) -> NDArray[np.float64]:
    """Count an image's pixels by level, `[256]`."""
    return np.bincount(grey.astype(np.uint8).ravel(), minlength=256).astype(np.float64)


def is_native(ink: Grey) -> bool:
    """Tell whether an image, bright on dark, is boxed and centred as MNIST's are."""
    if ink.shape != (SIZE, SIZE) or ink.max() < 200:
        return False
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    longer_side = max(np.ptp(rows), np.ptp(columns)) + 1
    off_centre = max(abs(middle - _CENTRE) for middle in centre_of_mass(ink))
    return bool(longer_side in (BOX_SIZE - 1, BOX_SIZE) and off_centre <= _CENTRE_TOLERANCE)


def stretch(ink: Grey) -> Grey:
    """Put the background's level at 0 and the strokes' at 255.

    The levels are the medians of the two classes of Otsu's threshold. What lies in the lowest
    eighth of the range between them is background.
    """
    counts = histogram(ink)
    is_stroke = np.arange(256) > otsu_threshold(ink)
    background, stroke = _median_level(counts * ~is_stroke), _median_level(counts * is_stroke)
    floor = background + (stroke - background) / 8
    return ((ink - floor) * (255 / (stroke - floor))).clip(0, 255)


def _median_level(counts: NDArray[np.float64]) -> int:
    """Give the level that half of the counted pixels reach (np.median would load all of numpy.ma)."""
    below = np.cumsum(counts)
    return int(np.searchsorted(below, below[-1] / 2))


def crop(ink: Grey) -> Grey:
    """Cut out the bounding box of the ink of at least half strength."""
    strong = ink >= 128
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit_box(ink: Grey, size: int = BOX_SIZE) -> Grey:
    """Scale an image so that its longer side is `size` pixels, the aspect ratio kept."""
    height, width = ink.shape
    scale = size / max(height, width)
    return resize(ink, max(1, round(height * scale)), max(1, round(width * scale)))


def resize(image: Grey, height: int, width: int) -> Grey:
    """Resample an image with a triangle filter that widens when it shrinks, so that nothing aliases."""
    rows, columns = _resampling_weights(image.shape[0], height), _resampling_weights(image.shape[1], width)
    return rows @ image @ columns.T


def _resampling_weights(before: int, after: int) -> Grey:
    """Give the matrix `[after, before]` that resamples one axis; each row sums to 1."""
    step = before / after
    centres = (np.arange(after) + 0.5) * step - 0.5
    distance = np.abs(np.arange(before) - centres[:, None]) / max(step, 1.0)
    weights = np.maximum(1 - distance, 0)
    normalised: Grey = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def centre(ink: Grey) -> Grey:
    """Lay a digit of at most 28×28 into the field, centre of mass in the middle, to the next pixel.

    A digit whose mass lies far to one side is kept inside the field.
    """
    field = np.zeros((SIZE, SIZE), np.float32)
    height, width = ink.shape
    top, left = (
        min(max(round(_CENTRE - middle), 0), SIZE - length)
        for middle, length in zip(centre_of_mass(ink), (height, width), strict=True)
    )
    field[top : top + height, left : left + width] = ink
    return field


def centre_of_mass(ink: Grey) -> tuple[float, float]:
    """Give the mean row and column of the ink, weighted by its strength."""
    total = float(ink.sum(dtype=np.float64))
    row = float(ink.sum(axis=1, dtype=np.float64) @ np.arange(ink.shape[0])) / total
    column = float(ink.sum(axis=0, dtype=np.float64) @ np.arange(ink.shape[1])) / total
    return row, column
