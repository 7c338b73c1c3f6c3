"""Draw pictures that show no digit, for training and for choosing settings: glyphs, strokes, spoiled digits, textures.

None of the kinds, except noise and blanks, is among those of the rejection suite that count as unseen.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnist_edge.data.drawing import Pixels, to_uint8
from mnist_edge.data.handwriting import write_digit
from mnist_edge.data.mnist import DIGITS

Role = Literal["training", "choice"]

_SIDE = 80  # pixels of most pictures
_GLYPH_PIXELS = 56  # size of fonts
_PAPER = 235
_FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono",
    "STIXGeneral", "STIXGeneralItalic",
)  # fmt: skip
_WIDE_FONTS = _FONTS[:4]  # have letters of many scripts

# Each script without the letters that someone writes like a digit. ruff: noqa: RUF001
_LATIN = "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwxÄÅÆÇÈÉËÑÜàâäåæçèéêëñùüþĐŁŒŠčđęłńœřšťƒ"
_CYRILLIC = "ГДЖИЙКЛМНПРТФХЦШЩЫЮЯгджийклмнптфхцшщыюяђєљњћџЂЄЉЊЋѦѪ"
_MATHEMATICAL = "∀∃∆∇∈∋∏∐∑±√∝∞∠∧∨∩∪∬≅≈≠≡≤≥⊂⊃⊄⊆⊕⊗⊥⋈⋉⌈⌊ℵ℘ℜℑ∴∵≪≫÷×"
_ARMENIAN = "ԱԲԳԴԵԶԸԹԺԻԼԽԾԿՀՁՂՃՄՅՇՈՉՋՌՎՏՐՑՓՔՖաբգդեզըթժիխծկհձղճմյշչպռվտրցփքֆ"
_TIFINAGH = "ⴱⴳⴷⴹⴻⴼⴽⵀⵃⵄⵅⵇⵉⵊⵍⵎⵏⵓⵖⵙⵛⵜⵟⵡⵢⵣⵥ"
_ARROWS = "←↑→↓↔↕↖↗↘↙↚↝↞↠↢↣↦↩↪↫↭↯↰↱↲↳↴↵↶↷↺↻⇄⇐⇑⇒⇔⇕⇞⇦⇧⇨➔➙➛➜➞➤➥➲➴➷➾"
_DINGBATS = "✁✂✄✆✇✈✉✌✍✎✏✐✑✒✓✔✕✖✗✙✚✛✜✝✟✠✡✢✤✥✦✧✩✪✫✬✭✮✯✰✱✳✴✵✶✷✸✹✺✻✼✽✾✿❀❁❂❃❄❅❆❇❈❉❊❋❖❡❢❣❤❥❦❧"

Levels = NDArray[np.float64]


def _glyph(glyphs: str, fonts: tuple[str, ...] = _WIDE_FONTS) -> Callable[[np.random.Generator], Pixels]:
    def draw(generator: np.random.Generator) -> Pixels:
        picture = Image.new("L", (_SIDE + 20, _SIDE + 20))
        glyph = glyphs[generator.integers(len(glyphs))]
        font = _font(fonts[generator.integers(len(fonts))])
        outline = 0 if generator.random() < 0.7 else int(generator.integers(1, 4))
        ImageDraw.Draw(picture).text((50, 50), glyph, fill=255, font=font, anchor="mm", stroke_width=outline)
        return _by_hand(picture, generator)

    return draw


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", _GLYPH_PIXELS)


def _by_hand(picture: Image.Image, generator: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Distort a picture of bright ink as handwriting is: slanted, bent, with strokes of another width."""
    width, height = picture.size
    if generator.random() < 0.3:
        size = int(generator.choice([3, 5]))
        is_thicker = generator.random() < 0.6
        picture = picture.filter(ImageFilter.MaxFilter(size) if is_thicker else ImageFilter.MinFilter(3))
    cells = np.mgrid[0:5, 0:5].transpose(1, 2, 0)[..., ::-1] / 4  # x, y
    middle = cells - 0.5
    slant, angle = generator.normal(0, 0.15), generator.normal(0, 0.1)
    scale = np.exp(generator.normal(0, [0.2, 0.12]))
    matrix = np.array([[scale[0], slant], [0, scale[1]]]) @ np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    source = (middle @ matrix.T + 0.5 + generator.normal(0, 0.025 * strength, cells.shape)) * (width, height)
    boxes = [
        (
            (column * width // 4, row * height // 4, (column + 1) * width // 4, (row + 1) * height // 4),
            tuple(source[[row, row + 1, row + 1, row], [column, column, column + 1, column + 1]].ravel().tolist()),
        )
        for row in range(4)
        for column in range(4)
    ]
    return np.asarray(picture.transform(picture.size, Image.Transform.MESH, boxes, Image.Resampling.BILINEAR))


def strokes(generator: np.random.Generator) -> Pixels:
    """Draw strokes at random: three to six straight or two to six curved ones, a zigzag, a star or a tangle."""
    picture = Image.new("L", (_SIDE, _SIDE))
    pen, width = ImageDraw.Draw(picture), int(generator.integers(2, 9))
    kind = generator.integers(5)
    count = int(generator.integers(2 if kind == 1 else 4, 8))
    center = generator.uniform(25, 55, 2)
    for _ in range(count):
        if kind == 0:  # straight
            points = generator.uniform(10, 70, (2, 2))
        elif kind == 1:  # curved
            corners = generator.uniform(8, 72, (4, 2))
            t = np.linspace(0, 1, 24)[:, None]
            points = (1 - t) ** 3 * corners[0] + 3 * t * (1 - t) ** 2 * corners[1] * 1.2
            points = points + 3 * t**2 * (1 - t) * corners[2] * 1.2 + t**3 * corners[3]
        elif kind == 2:  # zigzag
            turns = int(generator.integers(5, 10))
            along = np.linspace(10, 70, turns)
            points = np.stack([along, center[1] + generator.uniform(8, 28) * (-1) ** np.arange(turns)], 1)
            points += generator.normal(0, 3, points.shape)
            if generator.random() < 0.5:
                points = points[:, ::-1]
        elif kind == 3:  # a star of lines through a point
            angle, length = generator.uniform(0, 2 * np.pi), generator.uniform(12, 35)
            tip = np.array([np.cos(angle), np.sin(angle)]) * length
            points = np.stack([center - tip * generator.uniform(0, 1), center + tip])
        else:  # a random walk with momentum
            turns = generator.normal(0, 0.5, 90).cumsum() * 0.6
            points = np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(axis=0)
            points = (points - points.min(0)) / np.ptp(points, axis=0).max() * generator.uniform(30, 60) + 10
        pen.line(points.ravel().tolist(), fill=255, width=width, joint="curve")
        if kind in (2, 4) and generator.random() < 0.7:
            break
    return np.asarray(picture)


def touching_digits(generator: np.random.Generator) -> Pixels:
    """Write two digits that touch or overlap."""
    first, second = (write_digit(int(digit), generator) for digit in generator.integers(0, DIGITS, 2))
    first, second = _cropped(first), _cropped(second)
    overlap = int(generator.uniform(0, 0.35) * min(first.shape[1], second.shape[1])) + 1
    canvas = np.zeros((_SIDE + 20, first.shape[1] + second.shape[1] - overlap + 16), np.uint8)
    for digit, left in ((first, 8), (second, 8 + first.shape[1] - overlap)):
        top = int((len(canvas) - len(digit)) // 2 + generator.integers(-4, 5))
        part = canvas[max(top, 0) : max(top, 0) + len(digit), left : left + digit.shape[1]]
        np.maximum(part, digit[: len(part)], out=part)
    return canvas


def crossed_out_digits(generator: np.random.Generator) -> Pixels:
    """Write a digit and cross it out with straight lines, a wavy line or a scribble."""
    digit = write_digit(int(generator.integers(DIGITS)), generator)
    picture = Image.fromarray(digit)
    pen, width = ImageDraw.Draw(picture), int(generator.integers(2, 6))
    side, kind = len(digit), generator.integers(3)
    if kind == 0:
        for _ in range(int(generator.integers(2, 5))):
            start, stop = generator.uniform(0.1, 0.9, 2) * side
            ends = [(0.06 * side, start), (0.94 * side, stop)]
            pen.line(ends if generator.random() < 0.6 else [(y, x) for x, y in ends], fill=255, width=width)
    elif kind == 1:
        pen.line([(0.1 * side, 0.1 * side), (0.9 * side, 0.9 * side)], fill=255, width=width)
        pen.line([(0.1 * side, 0.9 * side), (0.9 * side, 0.1 * side)], fill=255, width=width)
    else:
        turns = int(generator.integers(8, 18))
        x = np.linspace(0.1, 0.9, turns) * side
        y = np.where(np.arange(turns) % 2, generator.uniform(0.1, 0.35), generator.uniform(0.65, 0.9)) * side
        points = np.stack([x, y + generator.normal(0, 3, turns)], 1)
        if generator.random() < 0.4:
            points = points[:, ::-1]
        pen.line(points.ravel().tolist(), fill=255, width=width)
    return np.asarray(picture)


def halved_digits(generator: np.random.Generator) -> Pixels:
    """Write a digit of which a cut leaves half, and no other digit."""
    digit, side = (
        (2, "bottom"), (5, "top"), (8, "left"), (0, "left"), (0, "top"), (0, "bottom"), (5, "left"),
        (2, "left"),
    )[generator.integers(8)]  # fmt: skip
    picture = _cropped(write_digit(digit, generator))
    share = generator.uniform(0.4, 0.6)
    height, width = picture.shape
    row, column = round(share * height), round(share * width)
    rest = {
        "top": picture[:row], "bottom": picture[row:], "left": picture[:, :column], "right": picture[:, column:]
    }[side]  # fmt: skip
    return np.pad(rest, 14)


def textures(generator: np.random.Generator) -> Pixels:
    """Draw a grating, a check, dots, hatching or bricks."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] - _SIDE / 2
    angle, period = generator.uniform(0, np.pi), generator.uniform(5, 40)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    u, v = u + generator.uniform(0, 3) * np.sin(v / generator.uniform(3, 15)), v * generator.uniform(0.4, 1.5)
    waves = (
        np.sin(2 * np.pi * u / period),
        np.sin(2 * np.pi * u / period) * np.sin(2 * np.pi * v / period),
        np.maximum(np.cos(2 * np.pi * u / period), np.cos(2 * np.pi * v / period)),
        np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period),
    )[generator.integers(4)]
    levels = np.tanh((waves - generator.uniform(-0.7, 0.7)) * generator.uniform(1, 10))
    return to_uint8(128 + 100 * levels + generator.normal(0, generator.uniform(0, 15), levels.shape))


def smooth_noise(generator: np.random.Generator) -> Pixels:
    """Draw noise whose power falls with frequency, as it is or thresholded into blots."""
    frequencies = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE))
    frequencies[0, 0] = 1
    spectrum = np.fft.rfft2(generator.normal(0, 1, (_SIDE, _SIDE))) * frequencies ** -generator.uniform(0.7, 2.2)
    spectrum[frequencies > generator.uniform(0.05, 0.5)] = 0
    noise = np.fft.irfft2(spectrum, (_SIDE, _SIDE))
    noise = (noise - noise.mean()) / max(noise.std(), 1e-9)
    gain = 1.0 if generator.random() < 0.5 else generator.uniform(3, 12)
    return to_uint8(128 + 90 * np.tanh((noise - generator.uniform(-0.3, 1.2)) * gain))


def gradients(generator: np.random.Generator) -> Pixels:
    """Draw light that changes from side to side or around spots, with a few soft edges."""
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    levels = 128 + 100 * np.sin(generator.normal(0, 1.5) * x + generator.normal(0, 1.5) * y + generator.uniform(0, 6))
    for _ in range(int(generator.integers(0, 5))):
        place, radius = generator.uniform(-0.9, 0.9, 2), generator.uniform(0.1, 0.6)
        distance = np.hypot(x - place[0], (y - place[1]) * generator.uniform(0.5, 2)) / radius
        levels += generator.normal(0, 120) / (1 + np.exp((distance - 1) * generator.uniform(2, 15)).clip(0, 1e9))
    return to_uint8(levels + generator.normal(0, generator.uniform(0, 6), levels.shape))


def blobs(generator: np.random.Generator) -> Pixels:
    """Fill or outline one to three random closed shapes, with corners or rounded."""
    picture = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(1, 4))):
        corners = int(generator.integers(5, 11))
        angles = np.sort(generator.uniform(0, 2 * np.pi, corners))
        radii = generator.uniform(0.25, 1, corners) * generator.uniform(12, 34)
        is_filled = generator.random() < 0.65
        if is_filled and generator.random() < 0.5:  # rounded; an outline would be a 0
            order = generator.normal(0, 1, (2, 4)) / np.arange(1, 5)
            angles = np.linspace(0, 2 * np.pi, 40)
            waves = np.arange(1, 5)[:, None] * angles
            wave = order[0] @ np.cos(waves) + order[1] @ np.sin(waves)
            radii = 22 * np.exp(0.25 * wave)
        center = generator.uniform(28, 52, 2)
        stretch = np.exp(generator.normal(0, 0.15, 2))
        points = center + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] * stretch
        outline = points.ravel().tolist()
        if is_filled:
            pen.polygon(outline, fill=int(generator.integers(130, 256)))
        else:
            pen.line(outline + outline[:4], fill=255, width=int(generator.integers(3, 9)), joint="curve")
    return np.asarray(picture)


def dead_leaves(generator: np.random.Generator) -> Pixels:
    """Cover the picture with shaded discs and polygons of all sizes, as things hide each other in a photograph."""
    picture = Image.new("L", (_SIDE, _SIDE), int(generator.integers(256)))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(8, 70))):
        radius = min(4 / generator.uniform(0.02, 1), 45)
        x, y = generator.uniform(0, _SIDE, 2)
        level = int(generator.integers(256))
        if generator.random() < 0.5:
            flat = generator.uniform(0.4, 1)
            pen.ellipse((x - radius, y - radius * flat, x + radius, y + radius * flat), fill=level)
        else:
            angles = np.sort(generator.uniform(0, 2 * np.pi, int(generator.integers(3, 7))))
            points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
            pen.polygon(points.ravel().tolist(), fill=level)
    soft = picture.filter(ImageFilter.GaussianBlur(generator.uniform(0, 2)))
    light = np.linspace(generator.uniform(0.5, 1), 1, _SIDE)
    return to_uint8(np.asarray(soft) * light + generator.normal(0, generator.uniform(0, 8), (_SIDE, _SIDE)))


def text_lines(generator: np.random.Generator) -> Pixels:
    """Print pieces of lines of text, or a grid as of a table, cropped anywhere."""
    picture = Image.new("L", (_SIDE, _SIDE), _PAPER)
    pen = ImageDraw.Draw(picture)
    font = _small_font(int(generator.integers(9, 26)))
    spacing = font.size * generator.uniform(1.0, 1.6)
    for y in np.arange(-font.size * generator.random(), _SIDE, spacing):
        text = "".join(generator.choice(list(_LATIN[:36] + "    "), 16))
        pen.text((-font.size * generator.random(), float(y)), text, fill=30, font=font)
    if generator.random() < 0.3:
        for place in generator.uniform(0, _SIDE, 3):
            pen.line([(0, float(place)), (_SIDE, float(place))], fill=60, width=2)
            pen.line([(float(place), 0), (float(place), _SIDE)], fill=60, width=2)
    return np.asarray(picture)


@cache
def _small_font(pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", pixels)


def spirals(generator: np.random.Generator) -> Pixels:
    """Draw a spiral, a coil or a chain of loops."""
    turns, kind = generator.uniform(1.5, 5), generator.integers(3)
    t = np.linspace(0, 2 * np.pi * turns, 150)
    if kind == 0:
        points = np.stack([np.cos(t), np.sin(t)], 1) * (t / t[-1])[:, None]
    elif kind == 1:
        points = np.stack([np.cos(t) + t / t[-1] * 3, 2 * np.sin(t)], 1)
    else:
        points = np.stack([np.sin(t * 2 / turns), np.sin(t * generator.integers(2, 5) / turns + 1)], 1)
    points = (points - points.min(0)) / np.ptp(points, axis=0) * generator.uniform(35, 60, 2) + 10
    picture = Image.new("L", (_SIDE, _SIDE))
    ImageDraw.Draw(picture).line(points.ravel().tolist(), fill=255, width=int(generator.integers(2, 7)))
    return _by_hand(picture, generator, 0.5)


OUTLIERS: dict[str, tuple[Role, Callable[[np.random.Generator], Pixels]]] = {
    "Latin letters": ("training", _glyph(_LATIN, _FONTS)),
    "Cyrillic letters": ("training", _glyph(_CYRILLIC)),
    "mathematical signs": ("training", _glyph(_MATHEMATICAL, _WIDE_FONTS[:2])),
    **{
        function.__name__.replace("_", " "): ("training", function)
        for function in (
            strokes, touching_digits, crossed_out_digits, halved_digits,
            textures, smooth_noise, gradients, blobs, dead_leaves, text_lines,
        )
    },
    "Armenian letters": ("choice", _glyph(_ARMENIAN)),
    "Tifinagh letters": ("choice", _glyph(_TIFINAGH, _WIDE_FONTS[:1])),
    "arrows": ("choice", _glyph(_ARROWS, _WIDE_FONTS[:2])),
    "dingbats": ("choice", _glyph(_DINGBATS, _WIDE_FONTS[:1])),
    "spirals": ("choice", spirals),
}  # fmt: skip
"""By name: whether training uses the kind, and a function that draws one picture, uint8 `[H, W]`."""


def _cropped(picture: Pixels) -> Pixels:
    rows, columns = (np.flatnonzero(picture.max(axis) > 0) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
