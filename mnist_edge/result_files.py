"""Files of measured results: a dataclass each, as JSON that says what it is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mnist_edge.errors import ResultsError
from mnist_edge.files import write_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FORMAT = 1
_Results = TypeVar("_Results", bound="DataclassInstance")


def save_results(path: Path, results: "DataclassInstance") -> None:
    """Write results as JSON, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    content = {"kind": type(results).__name__, "format": _FORMAT, **asdict(results)}
    write_bytes(path, f"{json.dumps(content, indent=1)}\n".encode())


def load_results(path: Path, kind: type[_Results]) -> _Results:
    """Read results of a kind that `save_results` wrote.

    Raises:
        ResultsError: it is no such file.
    """
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict)
        if (content.get("kind"), content.get("format")) != (kind.__name__, _FORMAT):
            raise ResultsError(path, "another kind or format")
        return msgspec.convert(content, kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise ResultsError(path, str(error)) from error
