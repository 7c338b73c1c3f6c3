"""Predict any number of pictures in bounded memory: prepared in parallel, results in the order of the pictures."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from .errors import ImageError
from .images import ImageSource, read_picture
from .predictor import Prediction, Predictor

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .graphs import Prepared

CHUNK_SIZE: Final = 16
"""Pictures that a thread reads, prepares and classifies together before it hands over the results."""
CHUNKS_AHEAD: Final = 3
"""Chunks per thread that are read ahead of the one whose results are next."""
SMALL_BYTES: Final = 100_000
"""A larger picture is prepared as soon as it has been read, so that few bytes are kept."""


def predict_stream(
    predictor: Predictor, images: Iterable[ImageSource], workers: int = 1
) -> Iterator[Prediction | ImageError]:
    """Predict the digit in each of any number of pictures.

    Args:
        predictor: the model and its settings.
        images: pictures, as for `Predictor.predict`; read from the iterable a little ahead of the results.
        workers: threads that read, prepare and predict pictures. With 1 it happens in the calling thread, and each
            result is yielded as soon as its picture has been read.

    Yields:
        For each picture, in order, a prediction or the error that prevented one.

    Raises:
        ModelError: a graph fails. This ends the stream.
        TypeError: a picture is of an unsupported type. This ends the stream: it is a mistake in the program.
    """
    if workers == 1:
        for image in images:
            yield from _predict_chunk(predictor, [image])
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers, "mnist-edge-stream") as pool:
        pending: deque[Future[list[Prediction | ImageError]]] = deque()
        try:
            remaining = iter(images)
            while chunk := list(itertools.islice(remaining, CHUNK_SIZE)):
                pending.append(pool.submit(_predict_chunk, predictor, chunk))
                if len(pending) > workers * CHUNKS_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _predict_chunk(predictor: Predictor, images: list[ImageSource]) -> list[Prediction | ImageError]:
    # All are read before the first is prepared: alternating between the two costs a tenth more, as each displaces the
    # other's code and data from the processor's caches.
    items: list[ImageSource | Prepared | ImageError] = []
    for image in images:
        try:
            picture = read_picture(image)
            items.append(picture if picture.nbytes <= SMALL_BYTES else predictor.prepare(picture))
        except ImageError as error:
            items.append(error)
    predictions = iter(predictor.predict_batch(item for item in items if not isinstance(item, ImageError)))
    return [item if isinstance(item, ImageError) else next(predictions) for item in items]
