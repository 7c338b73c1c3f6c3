"""Printed letters and signs of many scripts, distorted as handwriting is, and pieces of text."""

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.fonts import load_font
from mnist_edge.data.handwriting import SIDE
from mnist_edge.data.outliers.distortion import distort_by_hand

WIDE_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic")
"""Those that have letters of many scripts."""
FONTS = (
    *WIDE_FONTS, "DejaVuSans-BoldOblique", "DejaVuSansMono", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralItalic",
    "STIXGeneralBol", "cmr10", "cmb10", "cmmi10", "cmss10", "cmti10", "cmtt10",
)  # fmt: skip
SIGN_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "STIXGeneral", "STIXGeneralBol")
_GLYPH_PIXELS = 56  # size of fonts
_PAPER = 235

# Each script without the letters and signs that someone writes like a digit, such as the Cyrillic g and d in italics.
LATIN = "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwx"
EXTENDED_LATIN = "ÄÅÆÇÈÉËÑÜàâäåæçèéêëñùüþŁŒčđęńœřťŦŴǍɧɯɱɲʁʍʎʞʬ"
CYRILLIC = "ГДЖИЙКЛМНПРТХШЩЫЮЯжийклмнптхшщыюяєљњћџЂЄЉЊЋѪ"
HEBREW_AND_ARABIC = "אהחעצקשתبتثسشصضكيپگڭ"
MATHEMATICAL = "∀∈∉∌∏∐∑±√∠∡∧∨∩∪∬∭∴∵∷≃≅≈≋≎≒≠≡≢≤≪≫≮⊂⊃⊄⊆⊊⊎⊏⊑⊓⊔⊕⊗⊞⊠⊢⊣⊨⊪⊲⊵⊻⋈⋉⋔÷×ℵℜ"  # noqa: RUF001
PICTOGRAMS = "☀☁☂☄☎☏☑☒☔☕☘☚☛☝☠☢☣☤☦☧☩☪☬☮☯☰☱☳☵☷☸♨♫♬♯▣▤▦▩◆◈◐◑◔◕◘◙◧◩◪◰◱◲◳"
ARMENIAN = "ԱԲԵԸԹԺԻԽՄՈՌՐՔաբդեըթժիխհղմպռտրփք"
TIFINAGH = "ⴳⴹⴼⴽⵃⵄⵅⵇⵉⵍⵎⵛⵜⵟⵡⵣⵥ"
ARROWS = "←↑→↓↔↕↖↗↘↙↚↝↞↠↢↣↦↩↪↫↭↱↲↳↵⇄⇐⇑⇒⇔⇕⇞⇦⇧⇨➔➙➛➜➞➤➥➲➴➷➾"
DINGBATS = "✁✂✄✆✇✈✉✌✍✎✏✐✑✒✓✕✖✗✙✚✛✜✝✟✠✡✢✤✥✦✧✩✪✫✬✭✮✯✰✱✳✴✵✶✷✸✹✺✻✼✽✾✿❀❁❂❃❄❅❆❇❈❉❊❋❖❤❥❦❧"


def glyph(glyphs: str, fonts: tuple[str, ...], generator: np.random.Generator) -> Pixels:
    """Draw one of the glyphs in one of the fonts, distorted."""
    picture = Image.new("L", (SIDE + 20, SIDE + 20))
    chosen = glyphs[generator.integers(len(glyphs))]
    name = fonts[generator.integers(len(fonts))]
    # A bold letter with more ink around it loses its openings: a U becomes a 0, an E an 8.
    outline = 0 if "Bol" in name or generator.random() < 0.7 else int(generator.integers(1, 3))
    font = load_font(name, _GLYPH_PIXELS)
    ImageDraw.Draw(picture).text((50, 50), chosen, fill=255, font=font, anchor="mm", stroke_width=outline)
    return distort_by_hand(picture, generator)


def words(generator: np.random.Generator) -> Pixels:
    """Print two to five letters in a row, distorted; often they touch."""
    text = "".join(generator.choice(list(LATIN), int(generator.integers(2, 6))))
    font = load_font(FONTS[generator.integers(len(FONTS))], 30)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left) + 24, int(bottom - top) + 24))
    outline = int(generator.integers(0, 3))
    ImageDraw.Draw(picture).text((12 - left, 12 - top), text, fill=255, font=font, stroke_width=outline)
    return distort_by_hand(picture, generator)


def text_lines(generator: np.random.Generator) -> Pixels:
    """Print pieces of lines of text, or a grid as of a table, cropped anywhere."""
    picture = Image.new("L", (SIDE, SIDE), _PAPER)
    pen = ImageDraw.Draw(picture)
    font = load_font("DejaVuSans", int(generator.integers(9, 26)))
    spacing = font.size * generator.uniform(1.0, 1.6)
    for y in np.arange(-font.size * generator.random(), SIDE, spacing):
        text = "".join(generator.choice(list(LATIN + "    "), 16))
        pen.text((-font.size * generator.random(), float(y)), text, fill=30, font=font)
    if generator.random() < 0.3:
        for place in generator.uniform(0, SIDE, 3):
            pen.line([(0, float(place)), (SIDE, float(place))], fill=60, width=2)
            pen.line([(float(place), 0), (float(place), SIDE)], fill=60, width=2)
    return np.asarray(picture)
