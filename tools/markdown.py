"""Pieces of the generated pages."""

from collections.abc import Mapping, Sequence

from mnist_edge.machine import Machine


def row(name: str, cells: Sequence[str]) -> str:
    """Give a row of a table."""
    return f"| {' | '.join([name, *cells])} |"


def describe_machine(machine: Machine) -> str:
    """Name a machine as readers compare it."""
    return f"{machine.processor} with {', '.join(machine.flags)}, {machine.cores} cores"


def describe_versions(versions: Mapping[str, str]) -> str:
    """List packages with their versions."""
    return ", ".join(f"{package} {number}" for package, number in versions.items())
