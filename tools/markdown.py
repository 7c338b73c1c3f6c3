"""Markdown tables, and the places in a page that hold them."""

import re
from collections.abc import Callable, Mapping, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> str:
    """Return a table whose first column is aligned left and the others right, with notes under it."""
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    lines.insert(1, f"| --- |{' ---: |' * (len(header) - 1)}")
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def fill(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with each `<!-- NAME -->` … `<!-- /NAME -->` filled anew by the function of that name."""
    for name, make in tables.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if marked.search(page):
            content = make()
            page = marked.sub(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", page)  # type: ignore[misc]
    return page
