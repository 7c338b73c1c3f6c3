"""What a measurement says of the machine."""

import importlib.metadata
import os
from pathlib import Path

from mnist_edge.machine import describe_machine, installed_versions, usable_cores


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.processor
    assert 1 <= machine.cores == usable_cores() <= (os.cpu_count() or 1)
    assert set(machine.flags) <= set(Path("/proc/cpuinfo").read_text().split())


def test_versions_leave_out_the_build() -> None:
    found = installed_versions("torch")
    assert found.keys() == {"mnist-edge", "torch"}
    assert "+" not in found["torch"]
    assert importlib.metadata.version("torch").startswith(found["torch"])
