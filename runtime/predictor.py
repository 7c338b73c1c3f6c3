"""The predictor: pictures or prepared pixels in, digits and probabilities out."""

import ctypes
import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .contract import IMAGE_SIZE
from .errors import BlankImageError, ImageShapeError, ImageTypeError, SelftestError, SettingsError
from .images import ImageSource, read_image
from .model_files import load_golden, load_model, read_confidence
from .preprocess import preparation
from .session import Session


@dataclass(frozen=True)
class Prediction:
    """A digit, the probability that it is the right one, and the probabilities of 0 to 9.

    `rejected` says why the picture should not be taken for a digit at all, and is None where it should.
    """

    digit: int
    confidence: float
    probabilities: tuple[float, ...]
    rejected: str | None = None

    def top(self, count: int) -> list[tuple[int, float]]:
        """Give the `count` most probable digits with their probabilities, the best first."""
        ranked = sorted(enumerate(self.probabilities), key=lambda entry: (-entry[1], entry[0]))
        return ranked[:count]


class Classification(NamedTuple):
    """Digits, int64 `[N]`, and probabilities, float32 `[N, 10]`."""

    digits: NDArray[np.int64]
    probabilities: NDArray[np.float32]


class PreparedDigit(NamedTuple):
    """A picture's 28×28 pixels, uint8, and, where they cannot be a digit, why."""

    pixels: NDArray[np.uint8]
    no_digit: str | None


@dataclass(frozen=True)
class SelftestReport:
    """How far the logits of the golden images are from the ones stored at export."""

    images: int
    max_difference: float
    tolerance: float


class Predictor:
    """A digit network on ONNX Runtime.

    One object may be shared between threads. It can be pickled and used after `fork`: a process
    that it comes to builds its own session, from the same bytes, when it first needs one.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "v2",
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        memory_arena: bool = False,
        reject_below: float | None = None,
        sha256: str | None = None,
    ) -> None:
        """Load a model and check it.

        Args:
            model: `"v1"` or `"v2"`, the packaged int8 models, or the path of an ONNX file or of a
                folder that holds a `model.int8.onnx`.
            threads: to share out the images of a call among, where there are more than 32.
            providers: ONNX Runtime's execution providers, in order of preference.
            memory_arena: keep working memory between calls, for large batches; costs memory.
            reject_below: confidence, 0..1, below which a prediction is rejected; by default the model's own
                threshold. With 0 nothing is rejected, and a blank picture is an error.
            sha256: that the model's bytes must have, in hexadecimal, whatever the manifest beside them says.

        Raises:
            ModelNotFoundError: there is no such model.
            ModelFormatError: the file is no ONNX model, or its manifest is damaged.
            ModelDigestError: the file is not the one that its manifest names, or that `sha256` pins.
            ModelSignatureError: the model is for something else.
            ModelGraphError: the model has custom operators, subgraphs or tensors in other files.
            SettingsError: a setting that makes no sense here.
        """
        if threads < 1:
            raise SettingsError(f"threads is {threads}; at least 1 is needed")
        available = onnxruntime.get_available_providers()
        if isinstance(providers, str) or not providers or not set(providers) <= set(available):
            raise SettingsError(f"providers is {providers!r}; give a list of some of {', '.join(available)}")
        if reject_below is not None and not 0 <= reject_below <= 1:
            raise SettingsError(f"reject_below is {reject_below}; a confidence is 0 to 1")
        self._settings = (threads, tuple(providers), memory_arena)
        self._reject_below = reject_below
        self._file = load_model(model, sha256)
        self._start()

    @property
    def path(self) -> str:
        """Where the model was read."""
        return str(self._file.path)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the model's bytes, in hexadecimal."""
        return self._file.sha256

    @property
    def temperature(self) -> float:
        """What the model's logits are divided by to make probabilities that mean what they say."""
        return self._confidence[0]

    @property
    def reject_below(self) -> float:
        """The confidence below which a prediction is rejected."""
        return self._confidence[1] if self._reject_below is None else self._reject_below

    def predict(self, image: ImageSource) -> Prediction:
        """Name the digit in a picture of any size, dark on light or light on dark.

        A picture that seems to show no digit still gets the most probable one; `Prediction.rejected`
        then says why it should not be trusted.

        Args:
            image: a path, an image file's bytes, a Pillow image, or pixels uint8 `[H, W]` or
                `[H, W, 1..4]` (grey, grey and alpha, RGB, RGBA).

        Raises:
            ImageError: the image cannot be used; its subclasses in `runtime.errors` say why.
        """
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Iterable[ImageSource]) -> list[Prediction]:
        """Name the digits in several pictures, each as for `predict`.

        Each picture is prepared as it is taken from the iterable; only its 28×28 pixels are kept.

        Raises:
            ImageError: an image cannot be used.
        """
        if isinstance(images, str | bytes):
            raise ImageTypeError("predict_batch takes several images: give a list, or use predict for one")
        return self.predict_prepared([prepare_source(image, self.reject_below > 0) for image in images])

    def predict_prepared(self, digits: Sequence[PreparedDigit]) -> list[Prediction]:
        """Name digits that `prepare_source` made, perhaps in another process."""
        if not digits:
            return []
        named, probabilities = self.classify(np.stack([digit.pixels for digit in digits]))
        return [
            Prediction(digit, row[digit], tuple(row), self._rejection(prepared, row[digit]))
            for digit, row, prepared in zip(named.tolist(), probabilities.tolist(), digits, strict=True)
        ]

    def _rejection(self, digit: PreparedDigit, confidence: float) -> str | None:
        if not self.reject_below:
            return None
        if digit.no_digit is not None:
            return digit.no_digit
        if confidence < self.reject_below:
            return f"unlike a digit: the confidence of {confidence:.1%} is below {self.reject_below:.1%}"
        return None

    def classify(self, pixels: NDArray[np.uint8]) -> Classification:
        """Classify digits that are prepared already; no preparation takes place.

        Args:
            pixels: uint8 `[N, 28, 28]` or `[N, 1, 28, 28]`, ink bright on dark, as MNIST's.

        Raises:
            ImageTypeError: no uint8 array.
            ImageShapeError: another shape.
            ModelFormatError: the model cannot compute what its contract says.
        """
        logits = self.logits(pixels)
        digits = logits.argmax(1)
        if self.temperature != 1:
            logits *= np.float32(1 / self.temperature)
        return Classification(digits, softmax(logits, digits))

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the network's own output, float32 `[N, 10]`, for pixels as for `classify`."""
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            found = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise ImageTypeError(f"prepared pixels must be a uint8 array, 0 to 255, not {found}")
        if pixels.shape[1:] not in ((IMAGE_SIZE, IMAGE_SIZE), (1, IMAGE_SIZE, IMAGE_SIZE)):
            raise ImageShapeError(
                f"prepared pixels have shape {list(pixels.shape)}; they must be [N, {IMAGE_SIZE}, {IMAGE_SIZE}] or "
                f"[N, 1, {IMAGE_SIZE}, {IMAGE_SIZE}]. For a picture of any size use predict."
            )
        batch = pixels.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)
        return (self._session or self._start()).logits(batch)

    def selftest(self) -> SelftestReport:
        """Compare the model's logits on this machine with those stored beside it at export.

        Raises:
            SelftestError: they differ by more than the manifest allows, or none are stored.
            ModelNotFoundError: the file of golden logits is missing.
            ModelDigestError: it is not the one that the manifest names.
            ModelFormatError: it is damaged.
        """
        golden = load_golden(self._file)
        if golden is None:
            raise SelftestError(self.path, "no manifest lies beside it, so there is nothing to compare with")
        # A single image takes another way through the session than several.
        found = np.concatenate([self.logits(golden.images[:1]), self.logits(golden.images[1:])])
        report = SelftestReport(len(found), float(np.abs(found - golden.logits).max()), golden.tolerance)
        if not report.max_difference <= golden.tolerance:
            raise SelftestError(
                self.path,
                f"its logits differ by up to {report.max_difference:.3g} from those of the export, "
                f"of which {golden.tolerance:.3g} is allowed",
            )
        return report

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy in another process is built from: the model's bytes and the settings."""
        return {"settings": self._settings, "file": self._file, "reject_below": self._reject_below}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the session anew."""
        self._settings, self._file = state["settings"], state["file"]
        self._reject_below = state["reject_below"]
        self._start()

    def __repr__(self) -> str:
        """Name the model and its digest."""
        return f"Predictor({self.path!r}, sha256={self.sha256[:12]}…)"

    def _start(self) -> Session:
        session = Session(self._file, *self._settings)
        self._session: Session | None = session
        self._confidence = read_confidence(self._file, session.metadata)
        _predictors.add(self)
        return session

    def _abandon(self) -> None:
        """Let go of a session that a fork brought along, without ending it.

        Its threads are not in this process and its locks may be in any state; its destructor would
        wait for those threads for ever. One reference too many keeps it from running.
        """
        if self._session is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


_predictors: "weakref.WeakSet[Predictor]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for predictor in list(_predictors):
        predictor._abandon()  # noqa: SLF001 (of this module)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


def prepare_source(image: ImageSource, accept_blank: bool = True) -> PreparedDigit:
    """Read and prepare a picture; needs no model.

    Raises:
        BlankImageError: nothing stands out from the background, and `accept_blank` is False.
        ImageError: the picture cannot be used.
    """
    pixels = read_image(image)
    try:
        prepared = preparation(pixels)
        return PreparedDigit(prepared.digit, prepared.no_digit)
    except BlankImageError as error:
        if not accept_blank:
            raise
        return PreparedDigit(np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8), str(error))


def softmax(logits: NDArray[np.float32], digits: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn logits `[N, 10]` into probabilities that sum to 1, given the largest's column in each row.

    For one row numpy's calls cost more than the arithmetic, and scalars spare some of them.
    """
    if len(logits) == 1:
        powers: NDArray[np.float32] = np.exp(logits - logits[0, digits[0]])
        powers /= np.add.reduce(powers, axis=None)
        return powers
    powers = np.exp(logits - np.take_along_axis(logits, digits[:, None], axis=1))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
