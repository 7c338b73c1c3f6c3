"""What a measurement was made on: the processor, the system and the versions of packages."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mnist_edge import __version__

_FLAGS = ("sse4_2", "avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
"""Instructions that decide how fast small networks are."""


@dataclass(frozen=True)
class Machine:
    """A processor by its own name, those of its instructions that matter here, its cores and the system."""

    processor: str
    flags: tuple[str, ...]
    cores: int
    system: str
    python: str


def this_machine() -> Machine:
    """Return the machine that this process runs on, with the cores that it may use."""
    facts: dict[str, str] = {}
    if (listing := Path("/proc/cpuinfo")).exists():
        for line in listing.read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    flags = facts.get("flags", facts.get("Features", "")).split()
    return Machine(
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        cores=usable_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_versions(*packages: str) -> dict[str, str]:
    """Give this package's version and those of others, without what names a build (`2.15.0`, not `2.15.0+cpu`)."""
    return {"mnist-edge": __version__, **{package: version(package).partition("+")[0] for package in packages}}


def describe_machine(machine: Machine) -> str:
    """Return a machine as one phrase: processor, instruction sets and cores."""
    flags = f" with {', '.join(machine.flags)}" if machine.flags else ""
    return f"{machine.processor}{flags}, {machine.cores} cores"


def describe_versions(versions: Mapping[str, str]) -> str:
    """Return packages and their versions as one phrase."""
    return ", ".join(f"{package} {number}" for package, number in versions.items())
