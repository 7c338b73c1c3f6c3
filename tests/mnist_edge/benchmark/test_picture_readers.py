"""The recipes that the benchmark of pictures compares with do what they say, and each reads drawn digits."""

import io
import shutil

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.benchmark.picture_files import draw_picture
from mnist_edge.benchmark.picture_readers import (
    OpenCv,
    OpenCvLargestContour,
    RapidOcr,
    Tesseract,
    Tutorial,
    bounding_box,
    crop_text,
    only_digit,
    separate_ink,
    to_mnist,
)
from runtime import Predictor

pytest.importorskip("cv2", reason="needs pip install opencv-python-headless")


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def drawing(digit: int, seed: int) -> bytes:
    return png(np.asarray(draw_picture(digit, 96, 96, np.random.default_rng(seed))))


def otsu_by_trying_all(grey: NDArray[np.uint8]) -> int:
    """Return the threshold of the largest variance between the classes, as Otsu defines it."""
    values = grey.ravel().astype(np.float64)

    def between(threshold: int) -> float:
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) and len(high) else 0.0

    return max(range(255), key=between)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_dark_ink", [True, False])
def test_ink_is_what_otsus_definition_separates(seed: int, is_dark_ink: bool) -> None:
    generator = np.random.default_rng(seed)
    picture = np.rint(generator.normal(180, 12, (40, 30))).clip(0, 255).astype(np.uint8)
    picture[10:30, 8:20] = generator.integers(20, 90, (20, 12))
    if not is_dark_ink:
        picture = 255 - picture
    grey, ink = separate_ink(png(picture))
    above = picture > otsu_by_trying_all(picture)
    assert (ink == 255 * (above ^ is_dark_ink)).all()
    assert (grey == (255 - picture if is_dark_ink else picture)).all()


def test_a_constant_picture_has_no_ink() -> None:
    for level in (0, 128, 255):
        assert not separate_ink(png(np.full((30, 20), level, np.uint8)))[1].any()


def test_the_box_is_that_of_all_nonzero_pixels() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        ink = (generator.random((40, 50)) < 0.002).astype(np.uint8) * 255
        rows, columns = np.nonzero(ink)
        expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1) if len(rows) else (0, 0, 0, 0)
        assert bounding_box(ink) == expected


def test_ink_is_averaged_to_20_pixels_and_centered() -> None:
    """Symmetric ink has its center of mass in the middle, so that nothing is interpolated."""
    quarter = np.random.default_rng(0).integers(0, 2, (30, 15), np.uint8) * 255
    half = np.concatenate([quarter, quarter[::-1]])
    ink = np.concatenate([half, half[:, ::-1]], axis=1)  # 60 by 30
    expected = np.zeros((28, 28))
    expected[4:24, 9:19] = ink.reshape(20, 3, 10, 3).mean(axis=(1, 3))
    assert np.abs(to_mnist(ink) - expected).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_the_center_of_mass_is_in_the_middle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    ink = np.zeros((50, 37), np.uint8)
    ink[5:45, 5:30] = 255
    ink[generator.integers(5, 25) :, generator.integers(10, 20) :] = 0
    prepared = to_mnist(ink).astype(np.float64)
    rows, columns = np.mgrid[:28, :28]
    assert (prepared * rows).sum() / prepared.sum() == pytest.approx(13.5, abs=0.05)
    assert (prepared * columns).sum() / prepared.sum() == pytest.approx(13.5, abs=0.05)


def test_only_the_largest_contour_ignores_a_speck() -> None:
    page = np.full((100, 100), 230, np.uint8)
    page[20:80, 40:60] = 30
    clean = png(page)
    page[5:8, 5:8] = 30
    specked = png(page)
    for reader, is_same in ((OpenCvLargestContour("v2"), True), (OpenCv("v2"), False)):
        before, after = reader.prepare(clean), reader.prepare(specked)
        assert before is not None
        assert after is not None
        assert np.array_equal(before, after) == is_same


@pytest.mark.parametrize("is_bright", [True, False])
def test_the_tutorial_inverts_and_resizes_as_pytorch_does(is_bright: bool) -> None:
    picture = np.random.default_rng(0).integers(0, 200, (90, 70), np.uint8) // 2
    tensor = torch.from_numpy(picture.copy())[None, None]
    expected = torch.nn.functional.interpolate(tensor, (28, 28), mode="bicubic", antialias=True)[0, 0].numpy()
    prepared = Tutorial("v2").prepare(png(255 - picture if is_bright else picture))
    assert np.abs(prepared.astype(int) - expected.astype(int)).max() <= 1


def test_recipes_refuse_what_is_implausible() -> None:
    predictor, reader = Predictor("v2"), Tutorial("v2")
    generator = np.random.default_rng(0)
    answers = set()
    for digit in range(10):
        blurred = np.asarray(draw_picture(digit, 28, 28, generator).convert("L").resize((9, 9)).resize((28, 28)))
        digits, _, plausibilities = predictor.classify(255 - blurred[None])
        is_refused = plausibilities[0].item() < 0.5
        assert reader.read(png(blurred)) == (digits[0], is_refused)
        answers.add(is_refused)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("7\n", (7, False)),
        (" 0 ", (0, False)),
        *((text, (None, True)) for text in ("", "12", "O", "²", "٣", "7.", "\n")),
    ],
)
def test_a_text_counts_if_it_is_exactly_one_digit(text: str, reading: tuple[int | None, bool]) -> None:
    assert only_digit(text) == reading


def test_text_is_cut_out_dark_on_light_with_a_margin() -> None:
    picture = np.full((100, 80), 20, np.uint8)
    picture[40:60, 30:40] = 200
    ink = np.where(picture > 100, 255, 0).astype(np.uint8)
    crop = crop_text(picture, ink)
    assert crop is not None
    assert np.array_equal(crop, 255 - picture[34:66, 24:46])  # 30% of the longer side, 20 pixels, around it
    assert crop_text(picture, np.zeros_like(ink)) is None


@pytest.mark.parametrize(("reader", "least"), [(OpenCv, 19), (OpenCvLargestContour, 19), (Tutorial, 16)])
def test_recipes_read_drawn_digits(reader: type[OpenCv | Tutorial], least: int) -> None:
    opened = reader("v2")
    assert sum(opened.read(drawing(index % 10, index))[0] == index % 10 for index in range(20)) >= least


def test_tesseract_reads_drawn_digits_and_refuses_a_blank() -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("needs Tesseract: apt install tesseract-ocr")
    reader = Tesseract("")
    assert sum(reader.read(drawing(digit, digit)) == (digit, False) for digit in range(10)) >= 5
    assert reader.read(png(np.full((64, 64), 200, np.uint8))) == (None, True)


def test_rapidocr_reads_drawn_digits_and_refuses_a_blank() -> None:
    pytest.importorskip("rapidocr", reason="needs pip install rapidocr")
    reader = RapidOcr("")
    assert sum(reader.read(drawing(digit, digit)) == (digit, False) for digit in range(10)) >= 9
    assert reader.read(png(np.full((64, 64), 200, np.uint8))) == (None, True)
