"""Turn any picture of a digit into the 28×28 pixels that MNIST's makers would have made of it.

Their recipe: the ink's bounding box is scaled to fit 20×20 pixels with its aspect ratio kept, the
smoothing leaves grey levels, and the centre of mass goes to the middle of the 28×28 field
(Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A).
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .contract import Reason
from .images import ImageSource, read_picture
from .ink import MIN_CONTRAST, Grey, find_ink, highest, level_of_share, smooth
from .noise import ink_levels, why_no_digit
from .parts import Marks, Mask, keep_digit, remove_rules

SIZE = 28
BOX_SIZE = 20

# Measured on the 60,000 training images: the ink's longer side is 20 pixels (13 times 19), its centre of mass
# lies between rows and columns 13.48 and 14.50, and strokes are 1.4 to 4.2 pixels wide (first and last percent).
_CENTRE = 14.0
_CENTRE_TOLERANCE = 0.55
_NATIVE_BORDER_SHARE = 0.9
_MIN_STROKE_WIDTH = 1.5
_MAX_STROKE_WIDTH = 4.2

_GRID = 128
"""Strokes are told from specks and lines on a grid of at most so many cells a side."""
_FINE_SIZE = 80
"""Strokes are widened and thinned in a box of this size."""
_FAINT = 32.0
_MAX_SHARPENING = 3.0
_EDGE_LEVEL = 140.0
"""Where a stroke's edge lies in a small picture."""
_PRESSURE_WINDOW = 1 / 8
_LEAST_PRESSURE = 100.0


class Prepared(NamedTuple):
    """A picture's digit as MNIST would have it, uint8 `[28, 28]`, and why it should be rejected (None: no reason)."""

    digit: NDArray[np.uint8]
    rejection: Reason | None


def prepare(image: ImageSource, *, steps: dict[str, Grey] | None = None) -> Prepared:
    """Read a picture and turn it into a 28×28 digit, bright on black. Needs no model.

    A picture that already is in MNIST's form comes back unchanged, and a blank one as a black digit to be rejected.

    Args:
        image: a path, an image file's bytes, a Pillow image or uint8 pixels.
        steps: receives the intermediate pictures by name, in order; grey levels 0..255.

    Raises:
        ImageError: the picture cannot be used.
        TypeError: the image is of an unsupported type, or an array is not uint8.
    """
    pixels, steps = read_picture(image), {} if steps is None else steps
    if pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if (digit := native(pixels)) is not None:
        steps["as MNIST's"] = digit
        return Prepared(digit.astype(np.uint8), None)
    grey, ink = find_ink(unite_bands(pixels))
    steps["brightness"], steps["ink, light evened out"] = grey, ink
    if ink.max() < MIN_CONTRAST:
        steps["as MNIST's"] = digit = np.zeros((SIZE, SIZE), np.float32)
        return Prepared(digit.astype(np.uint8), Reason.BLANK)
    levels = ink_levels(ink)
    mask = ink > levels.faint
    marks = digit_mask(mask, ink, levels.strong)
    rejection = why_no_digit(ink, levels, marks)
    steps["strokes"] = strokes = stretch(ink, levels.background, marks.strokes) * surroundings(marks.strokes, mask)
    digit = crop(strokes, _FAINT)
    steps["cut out"] = digit
    digit = set_stroke_width(to_fine_box(digit))
    steps["stroke width"] = digit
    steps["as MNIST's"] = digit = np.rint(centre(fit_box(digit))).clip(0, 255)
    return Prepared(digit.astype(np.uint8), rejection)


def native(pixels: NDArray[np.uint8]) -> Grey | None:
    """Give an image that is as MNIST's are, or is its negative, bright on black; None of any other."""
    if pixels.shape != (SIZE, SIZE):
        return None
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    for background, digit in ((0, pixels), (255, 255 - pixels)):
        if np.count_nonzero(border == background) >= _NATIVE_BORDER_SHARE * len(border) and is_native(digit):
            return digit.astype(np.float32)
    return None


def is_native(ink: Grey | NDArray[np.uint8]) -> bool:
    """Tell whether an image, bright on dark, is boxed and centred as MNIST's are."""
    if ink.shape != (SIZE, SIZE) or ink.max() < 200:
        return False
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    longer_side = max(np.ptp(rows), np.ptp(columns)) + 1
    off_centre = max(abs(middle - _CENTRE) for middle in centre_of_mass(ink))
    return bool(longer_side in (BOX_SIZE - 1, BOX_SIZE) and off_centre <= _CENTRE_TOLERANCE)


def unite_bands(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the bands of columns, or of rows, of a small picture that are the negative of the rest.

    Only where all else is certain: the ends of every column, three pixels of one and one of the other,
    are either all bright or all dark, so that no stroke reaches an edge.
    """
    if pixels.ndim != 2 or max(pixels.shape) > 64 or min(pixels.shape) < 12:
        return pixels
    for view, rows in itertools.product((pixels, pixels.T), ([0, 1, 2, -1], [0, -3, -2, -1])):
        ends = view[rows]
        bright, dark = (ends >= 200).all(axis=0), (ends <= 55).all(axis=0)
        if bright.any() and dark.any() and (bright | dark).all():
            united = view.copy()
            united[:, bright] = 255 - united[:, bright]
            if np.count_nonzero(united >= 128) >= 0.02 * united.size:
                return united if view is pixels else united.T
    return pixels


def digit_mask(mask: Mask, ink: Grey, strong: float) -> Marks:
    """Keep those pixels of a mask that belong to the digit, and tell what else it shows.

    A mark is surely one where its ink somewhere is above the level `strong`.
    """
    if max(mask.shape) <= BOX_SIZE:  # no room for anything else
        return Marks(mask, 1.0, 0.0)
    size = -(-max(mask.shape) // _GRID)
    rows, columns = np.arange(0, mask.shape[0], size), np.arange(0, mask.shape[1], size)
    cells = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
    strongest = np.maximum.reduceat(np.maximum.reduceat(ink, rows, axis=0), columns, axis=1)
    marks = keep_digit(remove_rules(cells, strongest), strongest > strong)
    kept = marks.strokes.repeat(size, axis=0).repeat(size, axis=1)[: mask.shape[0], : mask.shape[1]]
    return marks._replace(strokes=mask & kept)


def surroundings(kept: Mask, mask: Mask) -> Mask:
    """Give the pixels whose ink is shown: the kept ones and their soft edges, but no others of the mask."""
    reach = max(1, max(mask.shape) // _GRID)
    near = kept
    for _ in range(2):
        padded = np.pad(near, ((reach, reach), (0, 0)))
        near = np.logical_or.reduce([padded[shift : shift + len(near)] for shift in (0, reach, 2 * reach)]).T
    return near & (kept | ~mask)


def stretch(ink: Grey, background: float, kept: Mask) -> Grey:
    """Put the background's level at 0, and the one that a fifth of the kept strokes' pixels exceed at 255."""
    stroke = level_of_share(ink[kept], 0.8)
    return ((ink - background) * (255 / max(stroke - background, 1))).clip(0, 255)


def crop(ink: Grey, level: float = 128.0) -> Grey:
    """Cut out the bounding box of the ink of at least a level, by default half strength."""
    strong = ink >= min(level, float(ink.max()))
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def to_fine_box(ink: Grey) -> Grey:
    """Scale a digit to a box in which strokes can be widened; a smaller one's edges are made as sharp as a pen's."""
    scale = _FINE_SIZE / max(ink.shape)
    if scale <= 1:
        return crop(even_pressure(fit_box(ink, _FINE_SIZE)))
    height, width = (round((length + 2) * scale) for length in ink.shape)
    fine = even_pressure(resize(np.pad(ink, 1), height, width))
    return crop(((fine - _EDGE_LEVEL) * min(scale, _MAX_SHARPENING) + 127.5).clip(0, 255))


def even_pressure(ink: Grey) -> Grey:
    """Make strokes as strong everywhere as they are where the pen pressed most, up to four times."""
    reach = max(1, round(max(ink.shape) * _PRESSURE_WINDOW / 2))
    return (ink * (255 / np.maximum(smooth(highest(ink, reach), reach), _LEAST_PRESSURE))).clip(0, 255)


def set_stroke_width(ink: Grey) -> Grey:
    """Widen or thin strokes that are out of MNIST's range to its end."""
    pixel = max(ink.shape) / BOX_SIZE
    width = stroke_width(ink) / pixel
    wanted = min(max(width, _MIN_STROKE_WIDTH), _MAX_STROKE_WIDTH)
    return ink if wanted == width else crop(grow(ink, (wanted - width) / 2 * pixel))


def stroke_width(ink: Grey) -> float:
    """Give the mean width of strokes, in pixels: a line of width w and length l has area w·l and edges of 2·l."""
    padded = np.pad(ink, 1)
    edges = np.hypot(np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]).sum()
    return float(2 * ink.sum() / max(edges, 1.0))


def grow(ink: Grey, distance: float) -> Grey:
    """Move the edges of strokes outwards by a distance in pixels, inwards if it is negative."""
    extreme = np.maximum if distance > 0 else np.minimum
    grown = np.pad(ink, int(abs(distance)) + 1)
    left = abs(distance)
    for index in range(int(left) + 1):
        padded = np.pad(grown, 1)
        near = [padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        if index % 2:  # in turn with the corners: close to a circle
            near += [padded[:-2, :-2], padded[:-2, 2:], padded[2:, :-2], padded[2:, 2:]]
        grown = grown + min(left, 1.0) * (extreme.reduce(near) - grown)
        left -= 1
    return grown


def fit_box(ink: Grey, size: int = BOX_SIZE) -> Grey:
    """Scale an image so that its longer side is `size` pixels, the aspect ratio kept."""
    height, width = ink.shape
    scale = size / max(height, width)
    return resize(ink, max(1, round(height * scale)), max(1, round(width * scale)))


def resize(image: Grey, height: int, width: int) -> Grey:
    """Resample an image: with a triangle filter that widens when it shrinks, so that nothing aliases, else cubic.

    The cubic is R. Keys's, "Cubic convolution interpolation for digital image processing", 1981, a = -1/2.
    """
    rows, columns = _resampling_weights(image.shape[0], height), _resampling_weights(image.shape[1], width)
    resized: Grey = rows @ image @ columns.T
    return resized


def _resampling_weights(before: int, after: int) -> Grey:
    """Give the matrix `[after, before]` that resamples one axis; each row sums to 1."""
    step = before / after
    centres = (np.arange(after) + 0.5) * step - 0.5
    distance = np.abs(np.arange(before) - centres[:, None]) / max(step, 1.0)
    if step >= 1:
        weights = np.maximum(1 - distance, 0)
    else:
        near, far = (1.5 * distance - 2.5) * distance**2 + 1, ((2.5 - 0.5 * distance) * distance - 4) * distance + 2
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
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


def centre_of_mass(ink: Grey | NDArray[np.uint8]) -> tuple[float, float]:
    """Give the mean row and column of the ink, weighted by its strength."""
    total = float(ink.sum(dtype=np.float64))
    row = float(ink.sum(axis=1, dtype=np.float64) @ np.arange(ink.shape[0])) / total
    column = float(ink.sum(axis=0, dtype=np.float64) @ np.arange(ink.shape[1])) / total
    return row, column
