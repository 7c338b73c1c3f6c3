"""The examples of docs/command-line.md, and how a document is compared with them."""

import json
import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "command-line.md").read_text("utf-8")


def sections(page: str = PAGE) -> dict[str, str]:
    """Return the text of each command's section by the command's name."""
    parts = re.split(r"^## `mnist-edge (\w+)`\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples(command: str) -> list[object]:
    """Return the JSON examples of a command's section."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", sections()[command], re.DOTALL)]


def has_shape(document: object, example: object) -> bool:
    """Return whether a document has the keys and types of an example, at every depth.

    In an example `{}` and `[]` stand for any content, null for any value, and the first element of a list for all.
    """
    if isinstance(example, dict) and isinstance(document, dict):
        same_keys = document.keys() == example.keys() or not example
        return same_keys and all(has_shape(document[key], value) for key, value in example.items())
    if isinstance(example, list) and isinstance(document, list):
        return all(has_shape(element, example[0]) for element in document) if example else True
    numbers = (int, float)
    same_type = type(document) is type(example) or (isinstance(document, numbers) and isinstance(example, numbers))
    return example is None or document is None or same_type


def assert_documented(command: str, document: object) -> None:
    """Check that a command's document has the shape of one of the examples in its section."""
    assert any(has_shape(document, example) for example in examples(command)), document
