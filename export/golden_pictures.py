"""Pictures drawn by code, and the answers to them by which a device checks a joined graph.

Their answers are written at export, after a comparison with the preparation and the network run one after the other.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from export.confidence import Confidence
from export.parity import open_session, session_logits
from mnist_edge.data.drawing import Pixels, draw_digit, to_uint8
from mnist_edge.errors import CheckFailedError
from runtime.contract import (
    CONFIDENCE,
    DIGIT,
    GOLDEN_PICTURE_PREFIX,
    PICTURE,
    PLAUSIBILITY,
    PREPARED,
    PROBABILITIES,
    REJECT_BELOW,
    REJECTION,
    Reason,
)
from runtime.scores import plausibilities, softmax

PROBABILITY_TOLERANCE = 1e-6
"""Largest difference of a joined graph's probability or plausibility from numpy's for the same logits."""

_SEED = 29
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_Color = tuple[int, int, int]


@dataclass(frozen=True)
class Answers:
    """A joined graph's answers to N pictures.

    Digits int64 `[N]`, probabilities float32 `[N, 10]`, confidences float32 `[N]`, rejections int64 `[N]`, prepared
    pixels uint8 `[N, 28, 28]` and plausibilities float32 `[N]`.
    """

    digit: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    confidence: NDArray[np.float32]
    rejection: NDArray[np.int64]
    prepared: NDArray[np.uint8]
    plausibility: NDArray[np.float32]


def golden_pictures() -> dict[str, Pixels]:
    """Draw pictures of different sizes, channels and polarities, uint8 `[H, W, C]`, by name; always the same ones."""
    generator = np.random.default_rng(_SEED)

    def ink(digit: int, size: int, scale: float = 0.36) -> Pixels:
        return draw_digit(digit, generator, size, scale)

    mnist_form = np.zeros((28, 28), np.uint8)
    mnist_form[4:24, 4:24] = ink(6, 20, scale=0.5)
    large_frame = np.zeros((480, 640), np.uint8)
    large_frame[360:420, 520:580] = ink(4, 60)
    number = np.concatenate([ink(3, 48)[:, 8:-8], ink(8, 48)[:, 8:-8]], axis=1)
    shade = np.linspace(1.0, 0.6, 120)[:, None, None]
    return {
        "one_pixel": np.full((1, 1, 1), 128, np.uint8),
        "blank_paper": np.full((90, 120, 3), 250, np.uint8),
        "blank_transparent_canvas": np.zeros((64, 64, 4), np.uint8),
        "noise": generator.integers(0, 256, (48, 48, 1), dtype=np.uint8),
        "a_row_of_grey": np.arange(0, 250, 2, dtype=np.uint8).reshape(1, -1, 1),
        "mnist_form": mnist_form[:, :, None],
        "black_on_white": 255 - ink(0, 28)[:, :, None],
        "blue_pen": _paint(ink(5, 64), (36, 52, 120), (244, 241, 230)),
        "chalk_on_a_board": _paint(ink(7, 120), (235, 235, 225), (38, 70, 54)),
        "paper_in_shadow": to_uint8(_paint(ink(9, 120), (40, 40, 44), (250, 248, 240)) * shade),
        "black_on_transparent": _on_transparent(ink(2, 96)[:, 8:-8], _BLACK),
        "white_on_transparent": _on_transparent(ink(3, 80), _WHITE),
        "touching_the_edge": 255 - _cropped(ink(5, 100))[:, :-6, None],
        "filling_the_frame": _paint(_cropped(ink(8, 200)), _BLACK, _WHITE),
        "tiny_in_a_large_frame": _paint(large_frame, (20, 20, 20), (240, 240, 240)),
        "a_number": _paint(number, _BLACK, _WHITE),
    }


def joined_answers(joined: ModelProto | bytes, pictures: Mapping[str, Pixels]) -> Answers:
    """Run a joined graph on each picture."""
    names = [DIGIT, PROBABILITIES, CONFIDENCE, REJECTION, PREPARED, PLAUSIBILITY]
    session = open_session(joined)
    digits, probabilities, confidences, rejections, prepared, plausible = zip(
        *(session.run(names, {PICTURE: picture}) for picture in pictures.values()), strict=True
    )
    return Answers(
        np.concatenate(digits),
        np.stack(probabilities),
        np.concatenate(confidences),
        np.concatenate(rejections),
        np.stack(prepared),
        np.concatenate(plausible),
    )


def separate_answers(
    prepare: ModelProto, network: ModelProto, confidence: Confidence, pictures: dict[str, Pixels]
) -> Answers:
    """Run preparation and network one after the other on each picture, and read the logits as `runtime` does."""
    session = open_session(prepare)
    results = [session.run([PREPARED, REJECTION], {PICTURE: picture}) for picture in pictures.values()]
    prepared = np.concatenate([pixels[0] for pixels, _ in results])
    reasons = np.concatenate([reason for _, reason in results])
    logits = session_logits(network, prepared)
    digits = logits.argmax(1)
    probabilities = softmax(logits * np.float32(1 / confidence.temperature))
    confidences = probabilities.max(axis=1)
    plausible = plausibilities(logits, confidence.plausibility_midpoint, confidence.plausibility_slope)
    is_implausible = (reasons == 0) & (plausible < REJECT_BELOW)
    rejections = np.where(is_implausible, np.int64(Reason.IMPLAUSIBLE), reasons)
    return Answers(digits, probabilities, confidences, rejections, prepared, plausible)


def check_joined(joined: Answers, separate: Answers) -> None:
    """Check that a joined graph answers as its parts do.

    Raises:
        CheckFailedError: it answers something else.
    """
    for name in (DIGIT, REJECTION, PREPARED):
        if not np.array_equal(getattr(joined, name), getattr(separate, name)):
            raise CheckFailedError(f"the joined graph differs from its parts: it answers another {name}")
    difference = float(np.abs(joined.probabilities - separate.probabilities).max())
    if not difference <= PROBABILITY_TOLERANCE or not np.array_equal(joined.confidence, joined.probabilities.max(1)):
        raise CheckFailedError(
            f"the joined graph differs from its parts: probabilities differ by up to {difference:.3g}, more than "
            f"{PROBABILITY_TOLERANCE}, or the confidence is not the largest of them"
        )
    difference = float(np.abs(joined.plausibility - separate.plausibility).max())
    if not difference <= PROBABILITY_TOLERANCE:
        raise CheckFailedError(
            f"the joined graph differs from its parts: plausibilities differ by up to {difference:.3g}, more than "
            f"{PROBABILITY_TOLERANCE}"
        )


def golden_pictures_file(pictures: dict[str, Pixels], answers: Answers) -> bytes:
    """Return the content of `contract.GOLDEN_PICTURES_FILE`."""
    arrays: dict[str, NDArray[np.generic]] = {GOLDEN_PICTURE_PREFIX + name: pixels for name, pixels in pictures.items()}
    arrays |= {name: getattr(answers, name) for name in (DIGIT, CONFIDENCE, REJECTION, PREPARED, PLAUSIBILITY)}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _paint(ink: Pixels, color: _Color, paper: _Color) -> Pixels:
    """Return ink uint8 `[H, W]`, 0 to 255, in a color on paper of another, `[H, W, 3]`."""
    share = ink[:, :, None] / 255
    return to_uint8(np.array(paper) * (1 - share) + np.array(color) * share)


def _on_transparent(ink: Pixels, color: _Color) -> Pixels:
    """Return ink uint8 `[H, W]` in a color on a transparent canvas, `[H, W, 4]`."""
    canvas = np.zeros((*ink.shape, 4), np.uint8)
    canvas[..., :3] = color
    canvas[..., 3] = ink
    return canvas


def _cropped(ink: Pixels) -> Pixels:
    """Return the part of an image that has ink, so that it touches all four edges."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
