"""The description of the machine and of the package versions in results."""

import importlib.metadata
import os
import platform
from pathlib import Path

import pytest

from mnist_edge.machine import Machine, describe_machine, describe_versions, installed_versions, this_machine

# Shortened /proc/cpuinfo of an x86 server and of a Raspberry Pi 5: 64-bit ARM kernels give no model name.
X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu vme sse4_1 sse4_2 avx avx2 avx512f avx512_vnni avx512_vp2intersect amx_int8

processor\t: 1
model name\t: of the second core
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd aes atomics asimdrdm asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b

Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "flags"),
    [
        (
            X86,
            "Intel(R) Xeon(R) Processor",
            ("sse4_2", "avx2", "avx512f", "avx512_vnni", "avx512_vp2intersect", "amx_int8"),
        ),
        (ARM, None, ("asimddp",)),
        (ARM.replace("asimddp", "asimddp i8mm sve svei8mm sme"), None, ("asimddp", "i8mm", "svei8mm", "sme")),
        ("", None, ()),
        (None, None, ()),
    ],
    ids=["x86", "ARM", "newer ARM", "empty", "missing"],
)
def test_processor_and_instruction_sets_come_from_cpuinfo(
    tmp_path: Path, cpuinfo: str | None, processor: str | None, flags: tuple[str, ...]
) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo, "utf-8")
    machine = this_machine(path)
    assert machine.processor == (processor or platform.processor() or platform.machine())
    assert machine.flags == flags


def test_this_machine_names_processor_usable_cores_and_python() -> None:
    machine = this_machine()
    assert machine.processor
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert machine.python == platform.python_version()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that restricts cores by process")
def test_only_usable_cores_are_counted() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert this_machine().cores == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_versions_omit_build_tags() -> None:
    versions = installed_versions("torch")
    assert versions.keys() == {"mnist-edge", "torch"}
    assert "+" not in versions["torch"]
    assert importlib.metadata.version("torch").startswith(versions["torch"])


def test_versions_omit_packages_that_are_not_installed() -> None:
    assert installed_versions("no-such-package", "numpy").keys() == {"mnist-edge", "numpy"}


@pytest.mark.parametrize(
    ("flags", "phrase"), [(("avx2", "i8mm"), "a processor with avx2, i8mm, 4 cores"), ((), "a processor, 4 cores")]
)
def test_machine_and_versions_are_described_in_a_phrase(flags: tuple[str, ...], phrase: str) -> None:
    assert describe_machine(Machine("a processor", flags, 4, "Linux x86_64", "3.11.7")) == phrase
    assert describe_versions({"torch": "2.15.0", "numpy": "2.4.6"}) == "torch 2.15.0, numpy 2.4.6"
