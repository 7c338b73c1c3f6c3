"""Score one block of pictures and write its file: a row for each picture, in the order of the plan."""

import platform
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from mnist_edge import __version__
from mnist_edge.errors import ScoringError
from mnist_edge.scoring.plan import Plan, read_block, write_whole
from mnist_edge.scoring.sources import Place, read_pictures
from runtime import ImageError, Predictor

SCHEMA = pyarrow.schema(
    {
        "path": pyarrow.string(),
        "digit": pyarrow.int8(),
        "confidence": pyarrow.float32(),
        "plausibility": pyarrow.float32(),
        "rejection": pyarrow.string(),
        "error": pyarrow.string(),
        "model_sha256": pyarrow.string(),
    }
)
"""The table of results. `rejection` is a reason's name or null. If `error` is not null, no digit was predicted."""


@dataclass(frozen=True)
class Scorer:
    """Scores blocks of a plan, in a process of its own; Ray pickles what it is made of."""

    predictor: Predictor
    source: Place
    out: Place
    plan: Plan

    def __call__(self, batch: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """Score the blocks whose numbers are in `item`, and return their numbers of pictures as `pictures`."""
        return {"pictures": np.array([self.score(block) for block in batch["item"].tolist()])}

    def score(self, block: int) -> int:
        """Write the file of a block and return the number of its pictures.

        Raises:
            ScoringError: this machine has another version of the program, or a file has changed since it was listed.
            ModelError: the model cannot be used on this machine.
            OSError: pictures cannot be read for another reason than theirs, or the file cannot be written.
        """
        settings = self.plan.settings
        if settings.mnist_edge != __version__:
            raise ScoringError(
                f"{platform.node()} has mnist-edge {__version__}, but the plan was made by {settings.mnist_edge}; "
                "install the same version on every host"
            )
        pictures = read_pictures(self.source, settings.column, read_block(self.out, block))
        rows = [{"path": name, "model_sha256": self.predictor.sha256, **self._read(image)} for name, image in pictures]
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), sink, compression="zstd")
        write_whole(self.out, self.plan.file_of(block), sink.getvalue().to_pybytes())
        return len(rows)

    def _read(self, image: bytes | str) -> dict[str, Any]:
        if isinstance(image, str):  # why there is none
            return {"error": image}
        try:
            prediction = self.predictor.predict(image)
        except ImageError as error:
            return {"error": str(error)}
        reason = prediction.rejection and prediction.rejection.reason.label
        return {
            "digit": prediction.digit,
            "confidence": prediction.confidence,
            "plausibility": prediction.plausibility,
            "rejection": reason,
        }
