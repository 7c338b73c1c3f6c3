"""Printed letters and signs of many scripts, distorted as handwriting is, and lines of text."""

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.fonts import load_font
from mnist_edge.data.handwriting import SIDE
from mnist_edge.data.outliers.distortion import distort_by_hand

FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono",
    "STIXGeneral", "STIXGeneralItalic",
)  # fmt: skip
WIDE_FONTS = FONTS[:4]
"""Those that have letters of many scripts."""
_GLYPH_PIXELS = 56  # size of fonts
_PAPER = 235

# Each script without the letters that someone writes like a digit.
LATIN = "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwxÄÅÆÇÈÉËÑÜàâäåæçèéêëñùüþŁŒčđęńœřťƒ"
CYRILLIC = "ГДЖИЙКЛМНПРТХШЩЫЮЯгджийклмнптхшщыюяђєљњћџЂЄЉЊЋѪ"
MATHEMATICAL = "∀∆∇∈∏∐∑±√∝∞∠∨∩∪∬≅≈≠≡⊂⊃⊄⊕⊗⋈⋉ℵℜ∴∵≪≫÷×"  # noqa: RUF001
ARMENIAN = "ԱԲԵԸԹԺԻԼԽՄՈՌՐՔաբդեըթժիխհղմպռտրփք"
TIFINAGH = "ⴳⴹⴼⴽⵃⵄⵅⵇⵉⵍⵎⵛⵜⵟⵡⵣⵥ"
ARROWS = "←↑→↓↔↕↖↗↘↙↚↝↞↠↢↣↦↩↪↫↭↱↲↳↵↶↷⇄⇐⇑⇒⇔⇕⇞⇦⇧⇨➔➙➛➜➞➤➥➲➴➷➾"
DINGBATS = "✁✂✄✆✇✈✉✌✍✎✏✐✑✒✓✔✕✖✗✙✚✛✜✝✟✠✡✢✤✥✦✧✩✪✫✬✭✮✯✰✱✳✴✵✶✷✸✹✺✻✼✽✾✿❀❁❂❃❄❅❆❇❈❉❊❋❖❤❥❦❧"


def glyph(glyphs: str, fonts: tuple[str, ...], generator: np.random.Generator) -> Pixels:
    """Draw one of the glyphs in one of the fonts, distorted."""
    picture = Image.new("L", (SIDE + 20, SIDE + 20))
    chosen = glyphs[generator.integers(len(glyphs))]
    font = load_font(fonts[generator.integers(len(fonts))], _GLYPH_PIXELS)
    outline = 0 if generator.random() < 0.7 else int(generator.integers(1, 4))
    ImageDraw.Draw(picture).text((50, 50), chosen, fill=255, font=font, anchor="mm", stroke_width=outline)
    return distort_by_hand(picture, generator)


def text_lines(generator: np.random.Generator) -> Pixels:
    """Print pieces of lines of text, or a grid as of a table, cropped anywhere."""
    picture = Image.new("L", (SIDE, SIDE), _PAPER)
    pen = ImageDraw.Draw(picture)
    font = load_font("DejaVuSans", int(generator.integers(9, 26)))
    spacing = font.size * generator.uniform(1.0, 1.6)
    for y in np.arange(-font.size * generator.random(), SIDE, spacing):
        text = "".join(generator.choice(list(LATIN[:36] + "    "), 16))
        pen.text((-font.size * generator.random(), float(y)), text, fill=30, font=font)
    if generator.random() < 0.3:
        for place in generator.uniform(0, SIDE, 3):
            pen.line([(0, float(place)), (SIDE, float(place))], fill=60, width=2)
            pen.line([(float(place), 0), (float(place), SIDE)], fill=60, width=2)
    return np.asarray(picture)
