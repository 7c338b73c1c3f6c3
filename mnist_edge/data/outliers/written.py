"""Letters written by hand, and characters of scripts that do not exist."""

from functools import cache

import numpy as np

from mnist_edge.data.drawing import Pixels
from mnist_edge.data.handwriting import write_skeleton
from mnist_edge.data.outliers.letters import LETTERS

_INVENTED_CHARACTERS = 400
_STROKES = (
    ((-1, 0), (1, 0)),
    ((0, -1), (0, 1)),
    ((0.6, -1), (-0.6, 1)),
    ((-0.6, -1), (0.6, 1)),
    ((-0.8, -0.8), (0.8, -0.8), (0.6, 1)),
    ((-0.8, -0.8), (-0.8, 0.8), (0.9, 0.7)),
    ((0.1, -1), (0.1, 0.9), (-0.5, 0.6)),
    ((-0.8, 0.8), (0, -0.8), (0.8, 0.8)),
    ((-0.9, -0.5), (0, 0.7), (0.9, -0.5)),
    ((0.8, -0.7), (-0.6, -0.5), (-0.7, 0.6), (0.8, 0.7)),
)
"""What characters are made of: points x, y from -1 to 1, y down."""
_STROKES_PER_CHARACTER = (4, 7)  # with fewer, many would be a digit


def written_letters(generator: np.random.Generator) -> Pixels:
    """Write a Latin letter."""
    return write_skeleton(list(LETTERS.values())[generator.integers(len(LETTERS))], generator)


def invented_characters(generator: np.random.Generator) -> Pixels:
    """Write a character of an alphabet that does not exist, of four to six strokes."""
    return write_skeleton(_alphabet()[generator.integers(_INVENTED_CHARACTERS)], generator)


@cache
def _alphabet() -> tuple[str, ...]:
    """Return skeletons of characters, the same in every process."""
    generator = np.random.default_rng(0)
    return tuple(_invent_character(generator) for _ in range(_INVENTED_CHARACTERS))


def _invent_character(generator: np.random.Generator) -> str:
    strokes = []
    for index in generator.choice(len(_STROKES), generator.integers(*_STROKES_PER_CHARACTER), replace=False):
        size, center = generator.uniform(25, 90, 2), generator.uniform(-60, 60, 2)
        points = np.array(_STROKES[index]) * size + center
        corner = "!" if generator.random() < 0.5 else ""
        strokes.append(f"{corner} ".join(f"{x:.0f},{y:.0f}" for x, y in points))
    return " / ".join(strokes)
