"""Describe the machine and the package versions that a measurement was made with."""

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mnist_edge import __version__

_X86_FLAGS = ("sse4_2", "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_vp2intersect", "amx_int8")
_ARM_FLAGS = ("asimddp", "i8mm", "svei8mm", "sme")
_FLAGS = _X86_FLAGS + _ARM_FLAGS
"""Instruction sets that decide which int8 kernels onnxruntime and XNNPACK run, as Linux names them.

No kernel needs avx512_vp2intersect; it tells newer cores from older ones with the same kernels.
"""
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Machine:
    """A processor's name, its instruction sets out of `_FLAGS`, the usable cores and the system."""

    processor: str
    flags: tuple[str, ...]
    cores: int
    system: str
    python: str


def this_machine(cpuinfo: Path = _CPUINFO) -> Machine:
    """Return the machine that this process runs on; without Linux's `cpuinfo` it has no `flags`."""
    facts: dict[str, str] = {}
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    flags = facts.get("flags", facts.get("Features", "")).split()  # x86 and ARM
    return Machine(
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        cores=usable_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_versions(*packages: str) -> dict[str, str]:
    """Return the versions of mnist-edge and of those packages that are installed, without build tags like `+cpu`."""
    versions = {"mnist-edge": __version__}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[package] = version(package).partition("+")[0]
    return versions


def describe_machine(machine: Machine) -> str:
    """Return the processor, its instruction sets and the number of cores as one phrase."""
    flags = f" with {', '.join(machine.flags)}" if machine.flags else ""
    return f"{machine.processor}{flags}, {machine.cores} core{'' if machine.cores == 1 else 's'}"


def describe_versions(versions: Mapping[str, str]) -> str:
    """Return package names and versions as a comma-separated phrase."""
    return ", ".join(f"{package} {number}" for package, number in versions.items())
