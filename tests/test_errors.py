"""Both trees of errors: each is a builtin too, and survives the way back from another process."""

import copy
import inspect
import pickle  # noqa: TID251 (as pools of processes do)
from pathlib import Path
from typing import Any

import pytest

import mnist_edge.errors
import runtime.errors

_VALUES: dict[str, Any] = {"path": Path("a/b"), "directory": Path("a"), "missing": ["x"], "attempts": [("url", "why")]}


def _errors() -> list[Exception]:
    """Give one of every error, with arguments of the names that its constructor has."""
    made = []
    for module in (mnist_edge.errors, runtime.errors):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Exception) and "__init__" in vars(kind):
                names = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
                numbers = {"actual", "max_pixels", "contrast", "min_contrast"}
                made.append(kind(*(_VALUES.get(name, 7 if name in numbers else f"some {name}") for name in names)))
    return made


@pytest.mark.parametrize("error", _errors(), ids=lambda error: type(error).__name__)
def test_an_error_can_be_sent_to_another_process(error: Exception) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 (its own)
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)
