"""A process that reads picture files in one way and carries out the commands of `pictures`.

`python -P picture_worker.py OPENER MODEL PICTURES`, where OPENER is the reader's class as `module:name` and PICTURES a
folder. It reads the first picture there, writes a JSON line with its digit, and then answers each JSON line on standard
input with one on standard output.

Run as a script that imports nothing of the project itself, it measures whichever version comes first on PYTHONPATH.
"""

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Reading = tuple[int | None, bool]
"""The best guess, None if there is none, and whether the reader refuses to give it as an answer."""
OWN_READER = "__main__:OwnReader"
"""The opener of this project's predictor."""


class Reader(Protocol):
    """One way to get from a picture file to a digit."""

    def read(self, picture: bytes, /) -> Reading:
        """Return the digit in a picture file."""


class OwnReader:
    """This project's predictor with its default settings, of the version that comes first on the path."""

    def __init__(self, model: str) -> None:
        from runtime import Predictor

        self.predictor = Predictor(model)

    def read(self, picture: bytes | NDArray[np.uint8]) -> Reading:
        """Predict the digit in a file's bytes or an array."""
        prediction = self.predictor.predict(picture)
        rejection = getattr(prediction, "rejection", None) or getattr(prediction, "rejected", None)  # its former name
        return prediction.digit, rejection is not None


def main(opener: str, model: str, pictures: str) -> None:
    """Answer commands until standard input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr  # keeps a reader's own output out of the replies
    try:
        module, _, name = opener.partition(":")
        reader: Reader = getattr(importlib.import_module(module), name)(model)
        print(json.dumps(reader.read(_files(pictures)[0].read_bytes())), file=replies, flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(reader, **json.loads(line))), file=replies, flush=True)
    except Exception as error:  # noqa: BLE001 (every error of a reader is reported)
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=replies, flush=True)
        raise SystemExit(1) from None


def answer(reader: Reader, *, command: str, pictures: str, **arguments: Any) -> Any:
    """Carry out a command on the files of the folder `pictures`, in alphabetical order, and return its result.

    - `read`: the reading of each file;
    - `time`, with `seconds`: milliseconds per file, measured for at least that many seconds and over whole passes;
    - `time_arrays`, with `seconds`: the same for decoded pictures (this project's predictor only);
    - `memory`: by how many bytes the peak memory of the process grows, None where the system does not report it;
    - `stream`, with `workers`: files per second through `predict_stream` (this project's predictor only).
    """
    files = _files(pictures)
    if command == "read":
        return [reader.read(path.read_bytes()) for path in files]
    if command == "time":
        return milliseconds_per_picture(reader.read, [path.read_bytes() for path in files], **arguments)
    if command == "time_arrays":
        return milliseconds_per_picture(reader.read, [_decode(path) for path in files], **arguments)
    if command == "memory":
        return _peak_growth(reader, files)
    return _streamed_per_second(reader, files, **arguments)


def milliseconds_per_picture(read: Callable[[Any], Reading], pictures: Sequence[Any], seconds: float) -> float:
    """Read all pictures again and again for at least that many seconds and return the milliseconds per picture."""
    read(pictures[0])  # warm-up
    passes, elapsed, start = 0, 0.0, perf_counter()
    while not passes or elapsed < seconds:
        for picture in pictures:
            read(picture)
        passes += 1
        elapsed = perf_counter() - start
    return elapsed / (passes * len(pictures)) * 1e3


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).iterdir())


def _decode(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(path) as image:
        return np.array(image)


def _streamed_per_second(reader: Any, files: Sequence[Path], workers: int) -> float:
    from runtime import predict_stream

    start = perf_counter()
    count = sum(1 for _ in predict_stream(reader.predictor, map(str, files), workers))
    return count / (perf_counter() - start)


def _peak_growth(reader: Reader, files: Sequence[Path]) -> int | None:
    before = peak_bytes()
    for path in files:
        reader.read(path.read_bytes())
    after = peak_bytes()
    return None if before is None or after is None else after - before


def peak_bytes() -> int | None:
    """Return the peak memory of this process, None where the system does not report it.

    `getrusage` would include the process that started this one.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    own = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(own.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
