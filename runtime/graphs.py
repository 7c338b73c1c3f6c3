"""The two graphs: the preparation of a picture, and the digit network that classifies what it prepared."""

import threading
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .contract import CLASSES, IMAGE_SIZE, INPUT, OUTPUT, PICTURE, PREPARED, REJECTION, WINDOWS, WINDOWS_SHAPE, Reason
from .inputs import make_input
from .loading import ModelFile, load_model
from .session import Session

if TYPE_CHECKING:
    from concurrent.futures import Executor

BATCH_SIZE: Final = 64
"""Images per run: enough to make the overhead of a call negligible, few enough that activations stay in the cache."""
MIN_IMAGES_PER_THREAD: Final = 32
"""With fewer images for each thread, waking another thread is not worth it."""
_Bound = tuple[Callable[[NDArray[np.uint8]], None], Callable[[], None], NDArray[np.float32]]
"""Functions that lay out a single image and run the session on it, and the array that then holds its logits."""
_REASONS: Final = {0: None, **{int(reason): reason for reason in Reason}}


class Network(Session):
    """Runs a digit network on images, or on windows of them. Threads may share it.

    Each thread keeps the arrays that images are laid out in, 0.3 MB for batches. That of a single image stays bound to
    the session, which saves about 1 of the 18 µs of a call: argument checks and allocation. A call takes them while it
    runs, so that a signal handler may predict meanwhile.
    """

    graph = "digit network"
    inputs: ClassVar = [
        [f"{INPUT} tensor(uint8) [*, 1, {IMAGE_SIZE}, {IMAGE_SIZE}]"],
        [f"{WINDOWS} tensor(uint8) [*, {', '.join(map(str, WINDOWS_SHAPE))}]"],
    ]
    outputs: ClassVar = [f"{OUTPUT} tensor(float) [*, {CLASSES}]"]

    def __init__(self, file: ModelFile, providers: Sequence[str], threads: int) -> None:
        """Open a session that shares batches among threads. Raises as `Session`."""
        super().__init__(file, providers)
        self._input: str = self._session.get_inputs()[0].name
        self._kept = threading.local()
        self._threads = threads
        self._arguments = file, providers, threads

    @cached_property
    def _pool(self) -> "Executor":
        from concurrent.futures import ThreadPoolExecutor  # takes 5 ms, so only when it is needed

        return ThreadPoolExecutor(self._threads - 1, "mnist-edge")

    def logits(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, float32 `[N, 10]`, of pixels uint8 `[N, 28, 28]` or `[N, 1, 28, 28]`.

        Raises:
            ModelError: the model fails or returns another shape.
        """
        if len(batch) == 1:
            return self._logits_of_one(batch)
        batch = batch.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        share = max(MIN_IMAGES_PER_THREAD, -(-len(batch) // self._threads))
        try:
            parts = [batch[start : start + share] for start in range(share, len(batch), share)]
            futures = [self._pool.submit(self._logits_of_batch, part) for part in parts]
        except RuntimeError:  # Python starts no threads once its main thread has ended
            share, futures = len(batch), []
        logits = self._logits_of_batch(batch[:share])
        return np.concatenate([logits, *(future.result() for future in futures)]) if futures else logits

    def _logits_of_batch(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = np.empty((len(batch), CLASSES), np.float32)
        kept = self._kept.__dict__
        inputs = kept.pop("batch", None) or make_input(self._input, BATCH_SIZE)
        for start in range(0, len(batch), BATCH_SIZE):
            images = batch[start : start + BATCH_SIZE]
            inputs.fill(images)
            (result,) = self._run([OUTPUT], {self._input: inputs.array[: len(images)]})
            if result.shape != (len(images), CLASSES):
                raise self._failure(f"logits of shape {list(result.shape)} for {len(images)} images")
            logits[start : start + BATCH_SIZE] = result
        kept["batch"] = inputs
        return logits

    def _logits_of_one(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        kept = self._kept.__dict__
        bound = kept.pop("one", None) or self._bind_one()
        fill, run, logits = bound
        fill(image)
        try:
            run()
        except Exception as error:
            raise self._failure(error) from error
        result = logits.copy()
        kept["one"] = bound
        return result

    def _bind_one(self) -> _Bound:
        inputs, logits = make_input(self._input, 1), np.zeros((1, CLASSES), np.float32)
        return inputs.fill, self._bind(self._input, inputs.array, OUTPUT, logits), logits


class Prepared(NamedTuple):
    """A picture's digit in MNIST's form, uint8 `[28, 28]`, and why it should be rejected (None: no reason)."""

    digit: NDArray[np.uint8]
    reason: Reason | None


class Preparation(Session):
    """Prepares pictures of any size, one at a time, on one thread of the CPU. Threads may share it."""

    graph = "preparation"
    inputs: ClassVar = [[f"{PICTURE} tensor(uint8) [*, *, *]"]]
    outputs: ClassVar = [
        f"{PREPARED} tensor(uint8) [1, 1, {IMAGE_SIZE}, {IMAGE_SIZE}]",
        f"{REJECTION} tensor(int64) [1]",
    ]
    # Optimizing takes longer than all the rest of opening, and made these small operators no faster.
    is_optimized = False

    def prepare(self, picture: NDArray[np.uint8]) -> Prepared:
        """Return the digit in a picture, uint8 `[H, W, C]` as `read_picture` returns it.

        Raises:
            ModelError: the graph fails, or returns other outputs than it declares.
        """
        digit, code = self._run([PREPARED, REJECTION], {PICTURE: picture})
        if digit.shape != (1, 1, IMAGE_SIZE, IMAGE_SIZE) or code.shape != (1,) or code[0] not in _REASONS:
            raise self._failure(f"pixels of shape {list(digit.shape)} and the rejection {code}")
        return Prepared(digit[0, 0], _REASONS[code[0]])

    def explain(self, picture: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the steps by name, in order, the last one `PREPARED`: float32 `[H, W]`, levels 0 to 255."""
        names = [*self.steps, PREPARED]
        images = [step.reshape(step.shape[-2:]).astype(np.float32) for step in self._run(names, {PICTURE: picture})]
        levels = [image * 255 if image.max() <= 1 else image for image in images]  # masks and shares are 0 to 1
        return dict(zip((name.rpartition(".")[2] for name in names), levels, strict=True))


@cache
def open_preparation(path: Path) -> Preparation:
    """Return a preparation that is opened once in a process. Raises as `load_model` and `Session`."""
    return Preparation(load_model(path))
