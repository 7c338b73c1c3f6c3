"""The styles suite: reproducible pictures of both polarities, and shares checked by hand."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.strokes import HELD_OUT_STYLES
from mnist_edge.evaluation.styles import STYLES, evaluate_styles, style_images
from runtime import Prediction, Predictor, Reason, Rejection


def test_the_suite_contains_all_held_out_styles() -> None:
    assert len(STYLES) == sum(map(len, HELD_OUT_STYLES))
    assert STYLES["1, long flag, slanting foot"] == (1, HELD_OUT_STYLES[1]["long flag, slanting foot"])
    assert {digit for digit, _ in STYLES.values()} == set(range(10))


def test_pictures_are_reproducible_and_of_both_polarities() -> None:
    for style in STYLES:
        first, again = list(style_images(style, 4)), list(style_images(style, 4))
        assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
        assert [int(picture[0, 0]) for picture in first] == [0, 255, 0, 255]
        assert len({picture.tobytes() for picture in first}) == 4


def test_shares_are_means_over_all_styles() -> None:
    """A predictor that says 1 in all cases and rejects every other picture."""

    def predict_batch(images: Iterator[NDArray[np.uint8]]) -> list[Prediction]:
        unlike = Rejection(Reason.IMPLAUSIBLE, "unlike")
        return [Prediction(1, 0.5, 0.9, (), unlike if index % 2 else None) for index, _ in enumerate(images)]

    announced: list[str] = []
    result = evaluate_styles(predict_batch, images=4, on_style=announced.append)
    assert announced == list(result.styles) == list(STYLES)
    assert result.images_per_style == 4
    assert all(shares.rejected == 0.5 for shares in result.styles.values())
    assert all(shares.accuracy == float(style.startswith("1, ")) for style, shares in result.styles.items())
    assert result.mean.accuracy == len(HELD_OUT_STYLES[1]) / len(STYLES)
    assert result.mean.rejected == 0.5


def test_v2_reads_most_of_the_pictures() -> None:
    result = evaluate_styles(Predictor("v2").predict_batch, images=4)
    assert result.mean.accuracy > 0.95
    assert result.mean.rejected < 0.1
