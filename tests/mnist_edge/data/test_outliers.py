"""Pictures of non-digits for training and for choices: reproducible, without boxes for missing glyphs, without a 1."""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib import get_data_path
from PIL import Image, ImageDraw

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.fonts import load_font
from mnist_edge.data.outliers import OUTLIERS, doodles, glyphs, spoiled
from mnist_edge.evaluation import non_digits
from mnist_edge.evaluation.non_digits import NON_DIGITS
from runtime import Predictor

SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    kind: draw.args for kind, (_, draw) in OUTLIERS.items() if isinstance(draw, partial) and draw.func is glyphs.glyph
}
"""By kind: glyphs and fonts."""
STROKES = ("strokes", "blobs", "silhouettes", "invented characters", "halved digits", "crossed out digits", "spirals")


@pytest.mark.parametrize("kind", OUTLIERS)
def test_each_kind_is_varied_and_reproducible(kind: str) -> None:
    pictures, repeated = ([OUTLIERS[kind][1](np.random.default_rng(seed)) for seed in range(8)] for _ in range(2))
    assert all(np.array_equal(picture, again) for picture, again in zip(pictures, repeated, strict=True))
    assert all(picture.dtype == np.uint8 and picture.ndim == 2 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 8


@pytest.mark.parametrize("kind", [*SCRIPTS, *non_digits._GLYPHS])
def test_every_font_has_every_glyph(kind: str) -> None:
    letters, fonts = (SCRIPTS | non_digits._GLYPHS)[kind]
    assert len(set(letters)) == len(letters) > 10
    assert not [(font, letter) for font, letter in product(fonts, letters) if ord(letter) not in characters(font)]


def test_pillows_font_has_every_sign_and_letter() -> None:
    """A glyph that it lacks is drawn as a box, the same for all."""
    font = non_digits._default_font(70)
    box = bytes(font.getmask("€"))
    assert box == bytes(font.getmask("\uffff"))
    assert not [letter for letter in non_digits._SIGNS + non_digits._LETTERS if bytes(font.getmask(letter)) == box]


def test_a_missing_glyph_is_detected() -> None:
    assert ord("Ѧ") not in characters("DejaVuSerif")
    assert ord("Ѧ") in characters("DejaVuSans")


def test_unseen_kinds_share_no_glyph_with_training_or_choices() -> None:
    used = "".join(letters for letters, _ in SCRIPTS.values())
    unseen = non_digits._SIGNS + "".join(letters for letters, _ in non_digits._GLYPHS.values())
    assert not {shape(letter) for letter in used} & {shape(letter) for letter in unseen}
    assert not set(OUTLIERS) & {kind for kind, (group, _) in NON_DIGITS.items() if group == "unseen class"}


def test_letters_of_two_scripts_may_share_a_shape() -> None:
    assert shape("Α") == shape("A")  # noqa: RUF001
    assert shape("Ω") != shape("A")


@pytest.mark.parametrize("kind", STROKES)
def test_no_drawing_is_a_single_straight_line(kind: str) -> None:
    assert min(slenderness(OUTLIERS[kind][1](np.random.default_rng(seed))) for seed in range(200)) > 0.12


@pytest.mark.parametrize("kind", ["gradients", "halved digits"])
def test_no_kind_is_a_bar_once_it_is_prepared(kind: str) -> None:
    predictor = Predictor()
    prepared = [predictor.prepare(OUTLIERS[kind][1](np.random.default_rng(seed))) for seed in range(400)]
    passed = [digit for digit, reason in prepared if reason is None]
    assert len(passed) > 20
    assert min(slenderness(digit) for digit in passed) > 0.25


def test_a_straight_line_is_slender() -> None:
    picture = Image.new("L", (80, 80))
    ImageDraw.Draw(picture).line((30, 10, 45, 70), fill=255, width=7)
    assert slenderness(np.asarray(picture)) < 0.12


@pytest.mark.parametrize("width", [0.7, 1.0])
@pytest.mark.parametrize(("inner_radius", "is_oval"), [(1.0, True), (0.35, False)])
def test_oval_outlines_are_not_drawn_but_stars_are(width: float, inner_radius: float, is_oval: bool) -> None:
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radii = np.tile([1.0, inner_radius], 7)
    points = np.stack([width * radii * np.cos(angles), radii * np.sin(angles)], 1)
    assert doodles.resembles_digit(points, is_filled=False) == is_oval
    assert not doodles.resembles_digit(points, is_filled=True)


@pytest.mark.parametrize("overlap", [1, 4])
def test_two_digits_side_by_side_touch_where_they_are_closest(overlap: int) -> None:
    left, right = np.zeros((2, 20, 30), np.uint8)
    left[:, 10:14] = right[:, 12:16] = 255
    left[6, 10:18] = 255
    both = spoiled._side_by_side(left, right, overlap)
    assert np.flatnonzero(both[6]).tolist() == list(range(10, 18 - overlap + 4))
    assert np.flatnonzero(both[0]).tolist() == [*range(10, 14), *range(18 - overlap, 22 - overlap)]


def test_filled_bars_are_not_drawn() -> None:
    bar = np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 8.0), (1.0, 9.0), (0.0, 8.0)])
    assert doodles.resembles_digit(bar, is_filled=True)
    assert not doodles.resembles_digit(bar * (3, 1), is_filled=True)


def characters(font: str) -> dict[int, str]:
    path = Path(get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    with TTFont(path) as read:
        return dict(read.getBestCmap())


def shape(letter: str) -> bytes:
    """Return the pixels of a letter in the first font."""
    mask = load_font("DejaVuSans", 56).getmask(letter)
    return bytes(mask) + bytes(mask.size)


def slenderness(picture: Pixels) -> float:
    """Return the spread of the ink across its main direction as a share of that along it."""
    narrow, long = np.linalg.eigvalsh(np.cov(np.argwhere(picture > 100).T))
    return float(np.sqrt(narrow / long))
