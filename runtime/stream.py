"""Predict any number of pictures in bounded memory: prepared in parallel, results in the order of the pictures."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .errors import ImageError
from .images import ImageSource
from .prediction import Prediction
from .predictor import Predictor
from .preprocess import Prepared, prepare

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH_SIZE = 32
"""Pictures that are sent to a process, and predicted, together."""
BATCHES_AHEAD = 3
"""Batches per process that are read ahead of the one whose results are next."""


def predict_stream(
    predictor: Predictor, images: Iterable[ImageSource], workers: int = 1
) -> Iterator[Prediction | ImageError]:
    """Predict the digit in each of any number of pictures.

    Args:
        predictor: the model and its settings.
        images: pictures, as for `Predictor.predict`; read from the iterable a little ahead of the results.
        workers: processes that read and prepare pictures. With 1 it happens in this process, and each result is
            yielded as soon as its picture has been read.

    Yields:
        For each picture, in order, a prediction or the error that prevented one.

    Raises:
        TypeError: a picture is of an unsupported type. This ends the stream: it is a mistake in the program.
    """
    if workers == 1:
        for image in images:
            yield from _predict_batch(predictor, _prepare_batch([image]))
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        pending: deque[Future[list[Prepared | ImageError]]] = deque()
        try:
            remaining = iter(images)
            while batch := list(itertools.islice(remaining, BATCH_SIZE)):
                pending.append(pool.submit(_prepare_batch, batch))
                if len(pending) > workers * BATCHES_AHEAD:
                    yield from _predict_batch(predictor, pending.popleft().result())
            while pending:
                yield from _predict_batch(predictor, pending.popleft().result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare_batch(images: list[ImageSource]) -> list[Prepared | ImageError]:
    prepared: list[Prepared | ImageError] = []
    for image in images:
        try:
            prepared.append(prepare(image))
        except ImageError as error:
            prepared.append(error)
    return prepared


def _predict_batch(predictor: Predictor, batch: list[Prepared | ImageError]) -> Iterator[Prediction | ImageError]:
    predictions = iter(predictor.predict_batch(item for item in batch if isinstance(item, Prepared)))
    return (next(predictions) if isinstance(item, Prepared) else item for item in batch)
