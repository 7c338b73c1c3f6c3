"""Pictures read in Chromium: 100 by the page's own function beside `Predictor`, and the golden ones by each model."""

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from export.golden_pictures import golden_pictures
from mnist_edge.data.drawing import Pixels, draw_digit
from mnist_edge.evaluation.non_digits import NON_DIGITS
from mnist_edge.evaluation.photographs import PHOTOGRAPHS, photograph
from runtime import Predictor
from runtime.contract import ARTIFACTS

PICTURES = 100
_WAIT = 'while (!document.getElementById("answer").className) await new Promise(requestAnimationFrame);'
"""Until the page has read its empty canvas: onnxruntime-web does one thing at a time."""
_READ = (
    "async ([model, data, width, height]) => {"
    + _WAIT
    + """
  globalThis.opened ??= {};
  const { openReader } = await import(new URL("reader.js", location));
  const read = await (opened[model] ??= openReader(model));
  const pixels = Uint8ClampedArray.from(atob(data), (character) => character.charCodeAt(0));
  const answer = await read(new ImageData(pixels, width, height));
  return { ...answer, prepared: [...answer.prepared] };
}
"""
)
_RUN = (
    "async ([name, file, data, shape]) => {"
    + _WAIT
    + """
  const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const ort = await import(new URL("ort.js", location));
  globalThis.sessions ??= {};
  const session = await (sessions[name] ??= ort.InferenceSession.create(decode(file)));
  const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("uint8", decode(data), shape) });
  return Object.fromEntries(session.outputNames.map((name) => [name, Array.from(outputs[name].data, Number)]));
}
"""
)


@dataclass(frozen=True)
class Answer:
    """A picture's digit, the name of the reason for its rejection or None, its scores and its 28×28 pixels."""

    digit: int
    rejection: str | None
    confidence: float
    plausibility: float
    prepared: NDArray[np.uint8]
    milliseconds: float = 0.0


def pictures() -> list[Pixels]:
    """Draw pictures as a canvas gives them, uint8 `[H, W, 4]`; always the same ones.

    They are the golden pictures, photographs of drawn digits of all kinds, drawn digits on transparent canvases, and
    pictures without a digit.
    """
    generator = np.random.default_rng(41)
    non_digits = [draw(generator) for _, draw in NON_DIGITS.values() for _ in range(2)]
    transparent = [
        np.dstack([np.full((96, 96, 3), level, np.uint8), draw_digit(digit, generator, 96)])
        for digit in range(10)
        for level in (0, 255)
    ]
    strip = np.full((64, 64), 220, np.uint8)
    strip[:, :5] = 20  # along an edge
    # As much dark as bright. (A checkerboard's squares are all alike: rounding decides which one is the digit.)
    squares = 220 - 200 * (np.random.default_rng(0).random((8, 8)) < 0.5).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    drawn = [*golden_pictures().values(), *transparent, *non_digits, strip, squares]
    kinds = list(PHOTOGRAPHS)
    photographs = [
        photograph(draw_digit(index % 10, generator), kinds[index % len(kinds)], generator)
        for index in range(PICTURES - len(drawn))
    ]
    return [_to_rgba(picture) for picture in [*drawn, *photographs]]


def _to_rgba(picture: Pixels) -> Pixels:
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.shape[2] == 4:
        return picture
    rgb = np.broadcast_to(picture, (*picture.shape[:2], 3))
    return np.ascontiguousarray(np.dstack([rgb, np.full(picture.shape[:2], 255, np.uint8)]))


def answer_in_browser(page: Page, model: str, picture: Pixels) -> Answer:
    """Read a picture by the function that reads the page's canvas."""
    height, width, _ = picture.shape
    answer = page.evaluate(_READ, [model, _encode(picture.tobytes()), width, height])
    prepared = np.array(answer["prepared"], np.uint8).reshape(28, 28)
    return Answer(
        answer["digit"],
        answer["rejection"],
        answer["confidence"],
        answer["plausibility"],
        prepared,
        milliseconds=answer["milliseconds"],
    )


def answer_in_python(predictor: Predictor, picture: Pixels) -> Answer:
    """Read a picture as a program that uses `runtime` does."""
    prediction = predictor.predict(picture)
    rejection = prediction.rejection.reason.label if prediction.rejection else None
    prepared = predictor.prepare(picture).digit
    return Answer(prediction.digit, rejection, prediction.confidence, prediction.plausibility, prepared)


def run_in_browser(page: Page, file: str, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Run a model of `artifacts`, for example `v2/model.onnx`, on a tensor, and return its outputs by name, flat."""
    content = _encode((ARTIFACTS / file).read_bytes())
    outputs = page.evaluate(_RUN, [file, content, _encode(tensor.tobytes()), list(tensor.shape)])
    return {name: np.array(values, np.float64) for name, values in outputs.items()}


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
