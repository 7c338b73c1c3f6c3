"""The predictor: digits and probabilities for pictures, or for pixels that are already in MNIST's form."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from . import contract
from .contract import DEFAULT_MODEL, IMAGE_SIZE, INT8_FILE, OPTIMIZED_FILE, REJECT_BELOW, Reason
from .errors import ImageError, ModelError
from .graphs import Network, Preparation, Prepared, open_preparation
from .images import ImageSource, read_picture
from .loading import find_preparation, load_model
from .scores import plausibilities, softmax
from .selftest import SelftestReport, run_selftest

_UINT8: Final = np.dtype(np.uint8)
_SHAPES: Final = ((IMAGE_SIZE, IMAGE_SIZE), (1, IMAGE_SIZE, IMAGE_SIZE))


@dataclass(frozen=True)
class Rejection:
    """Why a picture seems to show no digit: a code for programs and an English sentence for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Prediction:
    """The most probable digit of a picture, and why it is rejected, or None.

    `confidence` is the probability of the digit, and `plausibility`, 0 to 1, how much the picture looks like any digit;
    it is 1 for models of other origin. `probabilities` are those of 0 to 9.
    """

    digit: int
    confidence: float
    plausibility: float
    probabilities: tuple[float, ...]
    rejection: Rejection | None = None

    def top(self, count: int) -> list[tuple[int, float]]:
        """Return the `count` most probable digits with their probabilities, best first."""
        return sorted(enumerate(self.probabilities), key=lambda entry: (-entry[1], entry[0]))[:count]


class Classification(NamedTuple):
    """Digits, int64 `[N]`, probabilities, float32 `[N, 10]`, and plausibilities, float32 `[N]`."""

    digits: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    plausibilities: NDArray[np.float32]


class Predictor:
    """A digit network on ONNX Runtime.

    Threads may share a predictor. It can be pickled, and used after `fork`: another process opens its own session on
    the same bytes.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        reject: bool = True,
        reject_below: float = REJECT_BELOW,
        sha256: str | None = None,
    ) -> None:
        """Load a model and check it.

        Args:
            model: `"v1"` or `"v2"`, the packaged int8 models, or the path of an ONNX file or of a
                folder that holds a `model.int8.onnx`; by default V2, or in a bundle its only model.
            threads: share batches of more than 32 images among this many threads.
            providers: ONNX Runtime's execution providers, in order of preference.
            reject: reject pictures that seem to show no digit. If False, only blank pictures are rejected: they show
                nothing that could be read.
            reject_below: plausibility, 0 to 1, below which a prediction is rejected. Of held-out digits 0.5% are below
                0.5 and half below 0.99. With 0 pictures are still rejected for blankness, noise and the like.
            sha256: hexadecimal digest that the model's bytes must have, whatever its manifest says.

        Raises:
            ModelNotFoundError: there is no such model.
            ModelDigestError: the model's digest is not the manifest's, or not `sha256`.
            ModelSignatureError: the model's inputs or outputs are not those of a digit network.
            ModelError: the model or its manifest is damaged, or the model has custom operators, subgraphs or tensors
                in other files.
            ValueError: `threads`, `providers` or `reject_below` is impossible on this machine.
        """
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        available = onnxruntime.get_available_providers()
        if isinstance(providers, str) or not providers or not set(providers) <= set(available):
            raise ValueError(f"providers must be a list of some of {', '.join(available)}, not {providers!r}")
        if not 0 <= reject_below <= 1:
            raise ValueError(f"reject_below must be a plausibility from 0 to 1, not {reject_below}")
        names = [OPTIMIZED_FILE, INT8_FILE]
        if list(providers) != ["CPUExecutionProvider"]:  # the others know standard operators alone
            names.reverse()
        file = load_model(model, sha256, names)
        try:
            self._network = Network(file, providers, threads)
        except ModelError:
            portable = file.path.with_name(INT8_FILE)
            if file.path.name != OPTIMIZED_FILE or not portable.is_file():
                raise
            file = load_model(portable, sha256)
            self._network = Network(file, providers, threads)
        self._preparation: Preparation | None = None  # opened for the first picture: `classify` needs none
        metadata = self._network.metadata
        try:
            temperature = float(metadata.get(contract.TEMPERATURE_KEY, 1))
            midpoint = float(metadata.get(contract.PLAUSIBILITY_MIDPOINT_KEY, "-inf"))
            slope = float(metadata.get(contract.PLAUSIBILITY_SLOPE_KEY, 1))
            if not (0 < temperature < float("inf") and midpoint < float("inf") and 0 < slope < float("inf")):
                raise ValueError(f"temperature {temperature}, plausibility midpoint {midpoint} and slope {slope}")
        except ValueError as error:
            raise ModelError(f"the metadata of {file.path} is damaged ({error}); export the model again") from error
        self.path: Final = str(file.path)
        """The path of the model's file."""
        self.sha256: Final = file.sha256
        """The SHA-256 of the model's bytes, in hexadecimal."""
        self.temperature: Final = temperature
        """The divisor of the logits that calibrates the probabilities."""
        self.reject: Final = reject
        """Whether pictures that are not blank are rejected too."""
        self.reject_below: Final = reject_below
        """The plausibility below which a prediction is rejected."""
        self.plausibility_midpoint: Final = midpoint
        """The spread of the logits whose plausibility is 0.5; without metadata minus infinity: all are plausible."""
        self.plausibility_slope: Final = slope
        """The factor of a spread's distance from the midpoint."""

    def predict(self, image: ImageSource) -> Prediction:
        """Predict the digit in a picture of any size, dark on light or light on dark.

        If the picture seems to show no digit, the result is still the most probable one, and `Prediction.rejection`
        says why not to trust it.

        Args:
            image: a path, an image file's bytes, a Pillow image, or pixels uint8 `[H, W]` or
                `[H, W, 1..4]` (grey, grey and alpha, RGB, RGBA).

        Raises:
            ImageError: the picture is missing, unreadable, too large or wrongly shaped.
            ModelNotFoundError: there is no preparation in `ARTIFACTS`, nor beside the model's folder.
            ModelError: the preparation cannot be used, or a graph fails or returns other outputs than it declares.
            TypeError: the image is of an unsupported type, or an array is not uint8.
        """
        return self.predict_batch([image])[0]

    def predict_batch(self, images: "Iterable[ImageSource | Prepared]") -> list[Prediction]:
        """Predict the digit in each of several pictures, as `predict` does.

        Each picture is prepared when it is taken from the iterable, and only its 28×28 pixels are kept. What `prepare`
        returned is used as it is. Raises as `predict`, and TypeError if `images` is a single path or file.
        """
        if isinstance(images, str | bytes):
            raise TypeError("predict_batch takes several images: pass a list, or use predict for a single one")
        batch = [item if isinstance(item, Prepared) else self.prepare(item) for item in images]
        if not batch:
            return []
        results = self.classify(np.stack([prepared.digit for prepared in batch]))
        return [
            Prediction(digit, row[digit], plausibility, tuple(row), self._rejection(prepared.reason, plausibility))
            for digit, row, plausibility, prepared in zip(*(each.tolist() for each in results), batch, strict=True)
        ]

    def prepare(self, image: ImageSource) -> Prepared:
        """Return the 28×28 pixels that the network sees of a picture, and why it should be rejected.

        An image that is in MNIST's form, or its negative, comes out unchanged, bright on dark. Raises as `predict`.
        """
        return self._open_preparation().prepare(read_picture(image))

    def explain(self, image: ImageSource) -> dict[str, NDArray[np.float32]]:
        """Return the steps of a picture's preparation by name, in order: float32 `[H, W]`, levels 0 to 255.

        Raises as `predict`.
        """
        return self._open_preparation().explain(read_picture(image))

    def _open_preparation(self) -> Preparation:
        self._preparation = (self._preparation or open_preparation(find_preparation(self._network.file.path))).here()
        return self._preparation

    def _rejection(self, reason: Reason | None, plausibility: float) -> Rejection | None:
        if reason is None and plausibility < self.reject_below:
            reason = Reason.IMPLAUSIBLE
        if reason is None or not (self.reject or reason is Reason.BLANK):
            return None
        return Rejection(reason, reason.detail.format(plausibility=plausibility, threshold=self.reject_below))

    def classify(self, pixels: NDArray[np.uint8]) -> Classification:
        """Return digits, probabilities and plausibilities of images in MNIST's form; prepares and rejects none.

        Args:
            pixels: uint8 `[N, 28, 28]` or `[N, 1, 28, 28]`, bright ink on a dark background.

        Raises:
            ImageError: the array has another shape.
            TypeError: it is not a uint8 array.
            ModelError: the model fails or returns another shape than it declares.
        """
        logits = self.logits(pixels)
        digits = logits.argmax(1)
        plausible = plausibilities(logits, self.plausibility_midpoint, self.plausibility_slope)
        if self.temperature != 1:
            logits *= np.float32(1 / self.temperature)
        return Classification(digits, softmax(logits), plausible)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's output, float32 `[N, 10]`, before temperature and softmax; otherwise as `classify`."""
        if not isinstance(pixels, np.ndarray) or pixels.dtype != _UINT8:
            actual = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise TypeError(f"pixels must be a uint8 array, 0 to 255, not {actual}")
        if pixels.shape[1:] not in _SHAPES:
            raise ImageError(
                f"pixels must have the shape [N, {IMAGE_SIZE}, {IMAGE_SIZE}] or [N, 1, {IMAGE_SIZE}, {IMAGE_SIZE}], "
                f"not {list(pixels.shape)}; for a picture of any size use predict"
            )
        self._network = self._network.here()
        return self._network.logits(pixels)

    def selftest(self) -> SelftestReport:
        """Compare the model's logits, and its answers to pictures, on this machine with those stored at export.

        Raises:
            SelftestError: they differ by more than is allowed, or no logits are stored.
            ModelNotFoundError: a golden file is missing.
            ModelDigestError: its digest is not the manifest's.
            ModelError: it is damaged, or the manifest does not name it.
        """
        return run_selftest(self, self._network.file)

    def __repr__(self) -> str:
        return f"Predictor({self.path!r}, sha256={self.sha256[:12]}…)"
