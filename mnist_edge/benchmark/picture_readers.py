"""What a user might take or build instead of `Predictor.predict`, each as its tutorials and documentation recommend.

A reader is opened with the model of a network where it has one, and turns the bytes of a picture file into its best
guess and whether it refuses it. The recipes with a network refuse what it finds implausible, as
`Predictor` does. Each reader imports its packages itself, so that a process loads only those that it measures.
"""

import io
import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_NOTHING = (None, True)
_BOX_SIDE, _SIDE = 20, 28  # the digit's longer side and the image's, as in MNIST
_TEXT_MARGIN = 0.3  # paper left around ink for text recognition, as a fraction of the ink's longer side
_TESSERACT_HEIGHT = 80  # pixels; the smaller sizes that were tried read fewer digits


def only_digit(text: str) -> tuple[int | None, bool]:
    """Return the digit that a recognized text consists of; anything else is refused."""
    text = text.strip()
    return (int(text), False) if len(text) == 1 and text in "0123456789" else _NOTHING


class _Network:
    """The classification of prepared pixels, which the recipes share."""

    def __init__(self, model: str) -> None:
        from runtime import Predictor

        self._predictor = Predictor(model)

    def classify(self, prepared: Pixels) -> tuple[int | None, bool]:
        """Return the digit in pixels uint8 `[28, 28]`, refused if it is implausible."""
        digits, _, plausibilities = self._predictor.classify(prepared[None])
        return int(digits[0]), bool(plausibilities[0] < self._predictor.reject_below)


class OpenCv(_Network):
    """Otsu's threshold, the bounding box of all ink in 20×20 pixels, its center of mass in the middle of 28×28.

    This is the preparation that MNIST's makers describe, as OpenCV users usually write it.
    """

    def read(self, picture: bytes) -> tuple[int | None, bool]:
        """Decode, prepare and classify a picture."""
        prepared = self.prepare(picture)
        return _NOTHING if prepared is None else self.classify(prepared)

    def prepare(self, picture: bytes) -> Pixels | None:
        """Return pixels uint8 `[28, 28]`, or None if there is no ink."""
        _, ink = separate_ink(picture)
        left, top, width, height = self._box(ink)
        return to_mnist(ink[top : top + height, left : left + width]) if width else None

    def _box(self, ink: Pixels) -> tuple[int, int, int, int]:
        """Return left, top, width and height of the digit."""
        return bounding_box(ink)


class OpenCvLargestContour(OpenCv):
    """The same with the bounding box of the largest contour, which leaves out specks and shadows."""

    def _box(self, ink: Pixels) -> tuple[int, int, int, int]:
        import cv2

        contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        left, top, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea)) if contours else (0, 0, 0, 0)
        return left, top, width, height


class Tutorial(_Network):
    """Grey, inverted if it is bright, scaled to 28×28, with Pillow."""

    def read(self, picture: bytes) -> tuple[int | None, bool]:
        """Decode, prepare and classify a picture."""
        return self.classify(self.prepare(picture))

    def prepare(self, picture: bytes) -> Pixels:
        """Return pixels uint8 `[28, 28]`."""
        from PIL import Image, ImageOps

        grey = Image.open(io.BytesIO(picture)).convert("L")
        if np.asarray(grey).mean() > 127:
            grey = ImageOps.invert(grey)
        return np.asarray(grey.resize((_SIDE, _SIDE)))


class Tesseract:
    """Tesseract, told that there is one character and that it is a digit, on the ink that Otsu's threshold separates.

    It is a process for each picture, as `pytesseract` starts it.
    """

    def __init__(self, _model: str) -> None:
        pass

    def read(self, picture: bytes) -> tuple[int | None, bool]:
        """Recognize the character in a picture."""
        import cv2

        _, ink = separate_ink(picture)
        crop = crop_text(ink, ink)
        if crop is None:
            return _NOTHING
        width = max(1, round(crop.shape[1] * _TESSERACT_HEIGHT / crop.shape[0]))
        large = cv2.resize(crop, (width, _TESSERACT_HEIGHT), interpolation=cv2.INTER_CUBIC)
        _, file = cv2.imencode(".png", large)
        command = ["tesseract", "stdin", "stdout", "--psm", "10", "-c", "tessedit_char_whitelist=0123456789"]
        done = subprocess.run(command, input=file.tobytes(), capture_output=True, check=True)  # noqa: S603
        return only_digit(done.stdout.decode(errors="replace"))


class RapidOcr:
    """RapidOCR's text recognition without its detection, on the part of the picture that has ink."""

    def __init__(self, _model: str) -> None:
        from rapidocr import RapidOCR

        threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        self._use: dict[str, Any] = {"use_det": False, "use_cls": False, "use_rec": True}
        self._engine: Any = RapidOCR(params={"Global.log_level": "critical", **threads})

    def read(self, picture: bytes) -> tuple[int | None, bool]:
        """Recognize the text in a picture."""
        import cv2

        crop = crop_text(*separate_ink(picture))
        if crop is None:
            return _NOTHING
        texts = self._engine(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), **self._use).txts
        return only_digit(texts[0]) if texts else _NOTHING


def separate_ink(picture: bytes) -> tuple[Pixels, Pixels]:
    """Decode a picture file with OpenCV and find its ink with Otsu's threshold.

    The border decides which of light and dark is paper.

    Returns:
        The grey picture with bright ink, uint8 `[H, W]`, and its ink, 255 on 0.
    """
    import cv2

    grey = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE))
    threshold, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if border.mean() > threshold:
        grey, ink = cv2.bitwise_not(grey), cv2.bitwise_not(ink)
    return np.asarray(grey, np.uint8), np.asarray(ink, np.uint8)


def bounding_box(ink: Pixels) -> tuple[int, int, int, int]:
    """Return left, top, width and height of all pixels that are not 0; zeros if there are none."""
    import cv2

    left, top, width, height = cv2.boundingRect(ink)
    return left, top, width, height


def crop_text(picture: Pixels, ink: Pixels) -> Pixels | None:
    """Cut out what has ink, with a margin, and turn it dark on light, as text recognition expects it.

    `picture` and `ink` are uint8 `[H, W]`, bright on dark; the result is None if there is no ink.
    """
    import cv2

    left, top, width, height = bounding_box(ink)
    if not width:
        return None
    margin = round(_TEXT_MARGIN * max(width, height))
    rows = slice(max(0, top - margin), top + height + margin)
    columns = slice(max(0, left - margin), left + width + margin)
    return np.asarray(cv2.bitwise_not(picture[rows, columns]), np.uint8)


def to_mnist(ink: Pixels) -> Pixels:
    """Scale ink, uint8 `[H, W]`, to 20 pixels on its longer side and put its center of mass in the middle of 28×28."""
    import cv2

    height, width = ink.shape
    scale = _BOX_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    moments = cv2.moments(small)
    middle = (_SIDE - 1) / 2
    shift = [middle - moments[axis] / moments["m00"] for axis in ("m10", "m01")]
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    return np.asarray(cv2.warpAffine(small, matrix, (_SIDE, _SIDE)), np.uint8)
