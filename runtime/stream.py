"""Many pictures, one after the other: prepared in parallel, in bounded memory, answered in order."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .errors import ImageError
from .images import ImageSource
from .predictor import Prediction, Predictor, PreparedDigit, prepare_source

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH_SIZE = 32
"""Pictures that travel to a process, and through the network, together."""
BATCHES_AHEAD = 3
"""For each process, batches that are read ahead of the one that is waited for."""


def predict_stream(
    predictor: Predictor, images: Iterable[ImageSource], workers: int = 1
) -> Iterator[Prediction | ImageError]:
    """Name the digit in each of any number of pictures.

    Args:
        predictor: the model and its settings.
        images: as `Predictor.predict` takes them; taken from the iterable a little ahead of the results.
        workers: processes that read and prepare pictures. With 1 this process does, and each result
            comes as soon as its picture has been taken.

    Yields:
        A prediction for each picture, or the error that says why there is none, in the pictures' order.
    """
    accept_blank = predictor.reject_below > 0
    if workers == 1:
        for image in images:
            yield from _answer(predictor, _prepare([image], accept_blank))
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        under_way: deque[Future[list[PreparedDigit | ImageError]]] = deque()
        try:
            source = iter(images)
            while batch := list(itertools.islice(source, BATCH_SIZE)):
                under_way.append(pool.submit(_prepare, batch, accept_blank))
                if len(under_way) > workers * BATCHES_AHEAD:
                    yield from _answer(predictor, under_way.popleft().result())
            while under_way:
                yield from _answer(predictor, under_way.popleft().result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare(images: list[ImageSource], accept_blank: bool) -> list[PreparedDigit | ImageError]:
    prepared: list[PreparedDigit | ImageError] = []
    for image in images:
        try:
            prepared.append(prepare_source(image, accept_blank))
        except ImageError as error:
            prepared.append(error)
    return prepared


def _answer(predictor: Predictor, prepared: list[PreparedDigit | ImageError]) -> Iterator[Prediction | ImageError]:
    digits = [digit for digit in prepared if not isinstance(digit, ImageError)]
    predictions = iter(predictor.predict_prepared(digits))
    return (digit if isinstance(digit, ImageError) else next(predictions) for digit in prepared)
