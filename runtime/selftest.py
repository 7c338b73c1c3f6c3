"""The self-test: compare a model's answers on this machine with those stored at export."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from . import contract
from .errors import ModelError, SelftestError
from .loading import ModelFile, read_checked

if TYPE_CHECKING:
    from .predictor import Predictor

_MAX_BYTES: Final = 10_000_000
"""The largest golden file that is unpacked, since a small archive can hold any amount."""


@dataclass(frozen=True)
class SelftestReport:
    """The golden images whose logits were compared, the golden pictures that were prepared, and the logits' difference.

    `max_difference` is the largest difference of a logit from its stored value, `tolerance` the one allowed; `pictures`
    is 0 for a model without golden pictures.
    """

    images: int
    max_difference: float
    tolerance: float
    pictures: int


def run_selftest(predictor: "Predictor", file: ModelFile) -> SelftestReport:
    """Compare a predictor's answers with those stored beside its model's file. Raises as `Predictor.selftest`."""
    # The optimized file must give the logits of the one that it was made from.
    name = contract.INT8_FILE if file.path.name == contract.OPTIMIZED_FILE else file.path.name
    if contract.GOLDEN_FILE not in file.digests:
        raise SelftestError(f"{file.path} has no golden logits to compare with: no manifest beside it names any")
    with _golden(file, contract.GOLDEN_FILE) as golden:
        images = golden[contract.GOLDEN_IMAGES]
        # A single image takes a different code path through the session than a batch.
        logits = np.concatenate([predictor.logits(images[:1]), predictor.logits(images[1:])])
        difference = float(np.abs(logits - golden[name]).max())
    if not difference <= contract.LOGIT_TOLERANCE:
        problem = f"its logits differ by up to {difference:.3g} from those of the export"
        raise _failure(file, f"{problem}, and {contract.LOGIT_TOLERANCE:.3g} is allowed")
    pictures = 0
    if name == contract.INT8_FILE and contract.GOLDEN_PICTURES_FILE in file.digests:
        with _golden(file, contract.GOLDEN_PICTURES_FILE) as golden:
            keys = [key for key in golden if key.startswith(contract.GOLDEN_PICTURE_PREFIX)]
            results = [predictor.prepare(golden[key]) for key in keys]
            pictures = len(results)
            prepared = np.stack([result.digit for result in results])
            levels = np.abs(prepared - golden[contract.PREPARED].astype(int)).max(axis=(1, 2))
            codes = np.where(golden[contract.REJECTION] == contract.Reason.IMPLAUSIBLE, 0, golden[contract.REJECTION])
            is_other = (levels > contract.PREPARED_TOLERANCE) | (codes != [result.reason or 0 for result in results])
            is_other |= golden[contract.DIGIT] != predictor.classify(prepared).digits
            plausibilities = predictor.classify(golden[contract.PREPARED]).plausibilities
            differences = np.abs(plausibilities - golden[contract.PLAUSIBILITY])
            is_other |= ~(differences <= contract.PLAUSIBILITY_TOLERANCE)
            others = [key.removeprefix(contract.GOLDEN_PICTURE_PREFIX) for key in np.array(keys)[is_other]]
        if others:
            problem = "golden pictures give other pixels, digits, plausibilities or rejections than at the export"
            raise _failure(file, f"{problem}: {', '.join(others)}")
    return SelftestReport(len(images), difference, contract.LOGIT_TOLERANCE, pictures)


@contextmanager
def _golden(file: ModelFile, name: str) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the arrays in a file beside a model; whatever is wrong with them in the block is a `ModelError`."""
    path = file.path.parent / name
    content, _ = read_checked(path, file.digests)
    try:
        with np.errstate(all="ignore"), np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            unpacked_bytes = sum(entry.file_size for entry in arrays.zip.infolist())
            if unpacked_bytes > _MAX_BYTES:
                raise ValueError(f"{unpacked_bytes:,} bytes of arrays; the limit is {_MAX_BYTES:,}")
            yield dict(arrays)
    except ModelError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise all kinds of exceptions for damaged files
        raise ModelError(f"{path} has other content than a golden file ({error}); export the model again") from error


def _failure(file: ModelFile, problem: str) -> SelftestError:
    return SelftestError(f"{file.path} fails its self-test: {problem}. Do not use it on this machine.")
