"""Digits and outliers drawn by code, as the preparation passes them on to a network."""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import write_digit
from mnist_edge.data.mnist import DIGITS, IMAGE_SIZE, Split
from mnist_edge.data.outliers import OUTLIERS
from runtime.contract import ARTIFACTS, PREPARE_FILE
from runtime.graphs import open_preparation

_KINDS = [draw for role, draw in OUTLIERS.values() if role == "training"]


def prepared_digits(count: int, seed: int) -> Split:
    """Return that many handwritten digits that the preparation accepts, 0 to 9 in turn; the same ones for a seed."""
    labels = (np.arange(count) % DIGITS).astype(np.uint8)
    accepted = [_accepted(partial(write_digit, digit), (seed, digit)) for digit in range(DIGITS)]
    return Split(_stack(next(accepted[digit]) for digit in labels), labels)


def prepared_outliers(count: int, seed: int) -> Pixels:
    """Return what the preparation makes of about that many outliers, as many of each kind, uint8 `[N, 28, 28]`.

    It rejects none of them: what it rejects never reaches a network.
    """
    share = math.ceil(count / len(_KINDS))
    return _stack(
        image for kind, draw in enumerate(_KINDS) for image in itertools.islice(_accepted(draw, (seed, kind)), share)
    )


def _accepted(draw: Callable[[np.random.Generator], Pixels], seed: tuple[int, int]) -> Iterator[Pixels]:
    preparation = open_preparation(ARTIFACTS / PREPARE_FILE)
    for index in itertools.count():
        picture = draw(np.random.default_rng((*seed, index)))
        digit, reason = preparation.prepare(picture[..., None])
        if reason is None:
            yield digit


def _stack(images: Iterator[NDArray[np.uint8]]) -> Pixels:
    return np.array(list(images), np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
