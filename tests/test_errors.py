"""Both trees of errors: they can be pickled, and their docstrings draw them as they are."""

import copy
import pickle  # noqa: TID251 (pools of processes pickle exceptions)
import re
from types import ModuleType

import pytest

import mnist_edge.errors
import runtime.errors

MODULES = [mnist_edge.errors, runtime.errors]


def errors_of(module: ModuleType) -> list[type[Exception]]:
    return [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize(
    "kind", [kind for module in MODULES for kind in errors_of(module)], ids=lambda kind: kind.__name__
)
def test_an_error_can_be_sent_to_another_process(kind: type[Exception]) -> None:
    error = kind("what is wrong, and what to do")
    for duplicate in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 (pickled here)
        assert type(duplicate) is kind
        assert str(duplicate) == "what is wrong, and what to do"
        assert vars(duplicate) == vars(error)


def drawn_tree(text: str) -> list[tuple[int, str, str]]:
    """Return the depth, the name and the builtin base, if one is named, of each error in a drawn tree."""
    lines = re.findall(r"^    ((?:│   |    |├── |└── )*)(\w+Error)\b(?: \((\w+)\))?", text, re.MULTILINE)
    return [(len(branches) // 4, name, builtin) for branches, name, builtin in lines]


def true_tree(module: ModuleType, kind: type[Exception], depth: int = 0) -> list[tuple[int, str, str]]:
    builtin = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins" and base is not Exception]
    children = [child for child in errors_of(module) if kind in child.__bases__]
    below = [entry for child in children for entry in true_tree(module, child, depth + 1)]
    return [(depth, kind.__name__, ", ".join(builtin)), *below]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_docstring_draws_the_true_tree(module: ModuleType) -> None:
    tree = true_tree(module, errors_of(module)[0])
    assert sorted(name for _, name, _ in tree) == sorted(kind.__name__ for kind in errors_of(module))
    assert drawn_tree(str(module.__doc__)) == tree


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("ModelDigestError", "ModelDigitError"),
        ("    └── SelftestError", "└── SelftestError"),
        (" (FileNotFoundError)", ""),
        ("    PredictorError\n", ""),
    ],
)
def test_a_wrong_drawing_is_noticed(text: str, mistake: str) -> None:
    drawing = str(runtime.errors.__doc__)
    assert text in drawing
    assert drawn_tree(drawing.replace(text, mistake)) != true_tree(runtime.errors, runtime.errors.PredictorError)
