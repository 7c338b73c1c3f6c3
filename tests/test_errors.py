"""Both trees of errors survive the way back from another process, and are drawn truthfully."""

import copy
import inspect
import pickle  # noqa: TID251 (as pools of processes do)
from types import ModuleType
from typing import Any

import pytest

import mnist_edge.errors
import runtime.errors

_ARGUMENTS = {"contrast": 7.0, "min_contrast": 12.0, "max_pixels": 100}


def errors_of(module: ModuleType) -> list[type[Exception]]:
    return [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def example(kind: type[Exception]) -> Exception:
    if "__init__" not in vars(kind):
        return kind("what is wrong, and what to do")
    names: list[Any] = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    return kind(*(_ARGUMENTS.get(name, f"some {name}") for name in names))


@pytest.mark.parametrize(
    "kind", errors_of(mnist_edge.errors) + errors_of(runtime.errors), ids=lambda kind: kind.__name__
)
def test_an_error_can_be_sent_to_another_process(kind: type[Exception]) -> None:
    error = example(kind)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 (its own)
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


@pytest.mark.parametrize("module", [mnist_edge.errors, runtime.errors], ids=lambda module: module.__name__)
def test_the_tree_in_the_docstring_is_the_tree(module: ModuleType) -> None:
    for kind in errors_of(module):
        assert kind.__name__ in str(module.__doc__)
