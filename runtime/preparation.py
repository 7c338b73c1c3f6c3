"""Run the graph that turns a picture into the 28×28 pixels of its digit, as MNIST's makers would have made them."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .contract import ARTIFACTS, IMAGE_SIZE, PICTURE, PREPARE_FILE, PREPARED, REJECTION, STEP_PREFIX, Reason
from .errors import ModelNotFoundError
from .loading import ModelFile, load_model
from .session import Session

_INPUTS: Final = [f"{PICTURE} tensor(uint8) [*, *, *]"]
_OUTPUTS: Final = [f"{PREPARED} tensor(uint8) [1, 1, {IMAGE_SIZE}, {IMAGE_SIZE}]", f"{REJECTION} tensor(int64) [1]"]
_REASONS: Final = {0: None, **{int(reason): reason for reason in Reason}}
_opened: Final[dict[Path, "Preparation"]] = {}


class Prepared(NamedTuple):
    """A picture's digit in MNIST's form, uint8 `[28, 28]`, and why it should be rejected (None: no reason)."""

    digit: NDArray[np.uint8]
    reason: Reason | None


class Preparation(Session):
    """Prepares pictures of any size, one at a time, on one thread of the CPU. Threads may share it."""

    def __init__(self, file: ModelFile) -> None:
        """Open a session and check the graph's inputs and outputs.

        Raises:
            ModelSignatureError: they are not those of a preparation.
            ModelError: onnxruntime cannot run the graph.
        """
        # Optimizing takes longer than all the rest of opening, and made these small operators no faster.
        super().__init__((file,), file, optimize=False)
        steps = [output for output in self.outputs if output.startswith(STEP_PREFIX)]
        self._check_signature("preparation", _INPUTS, [*_OUTPUTS, *steps])
        self._steps = [step.partition(" ")[0] for step in steps]

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
        names = [*self._steps, PREPARED]
        images = [step.reshape(step.shape[-2:]).astype(np.float32) for step in self._run(names, {PICTURE: picture})]
        levels = [image * 255 if image.max() <= 1 else image for image in images]  # masks and shares are 0 to 1
        return dict(zip((name.removeprefix(STEP_PREFIX) for name in names), levels, strict=True))


def open_preparation(model: Path) -> Preparation:
    """Return this process's preparation, opened at the first call: from `ARTIFACTS`, or beside a model's folder.

    Raises:
        ModelNotFoundError: it is in neither place.
        ModelError: it cannot be used.
    """
    places = ARTIFACTS, model.resolve().parent.parent
    path = next((folder / PREPARE_FILE for folder in places if (folder / PREPARE_FILE).is_file()), None)
    if path is None:
        raise ModelNotFoundError(f"no {PREPARE_FILE} in {places[0]} or {places[1]}; copy it there from the artifacts")
    if path not in _opened or _opened[path].is_inherited:
        _opened[path] = Preparation(load_model(path))  # two threads may both open one, which does no harm
    return _opened[path]
