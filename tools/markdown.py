"""Pieces of the generated pages."""

from collections.abc import Sequence


def row(name: str, cells: Sequence[str]) -> str:
    """Give a row of a table."""
    return f"| {' | '.join([name, *cells])} |"
