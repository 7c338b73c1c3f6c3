"""What a measurement says of the machine."""

import importlib.metadata
import os
import platform
from pathlib import Path

import pytest

from mnist_edge.machine import installed_versions, this_machine, usable_cores


def test_the_machine_is_described() -> None:
    machine = this_machine()
    assert machine.processor
    assert 1 <= machine.cores == usable_cores() <= (os.cpu_count() or 1)
    assert set(machine.flags) <= set(Path("/proc/cpuinfo").read_text().split())


def test_a_system_without_a_listing_of_processors_names_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    machine = this_machine()
    assert machine.processor in (platform.processor(), platform.machine())
    assert machine.flags == ()


def test_versions_leave_out_the_build() -> None:
    found = installed_versions("torch")
    assert found.keys() == {"mnist-edge", "torch"}
    assert "+" not in found["torch"]
    assert importlib.metadata.version("torch").startswith(found["torch"])
