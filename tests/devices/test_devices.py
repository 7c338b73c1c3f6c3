"""The logits are the same on every processor, to the bit; emulated by qemu-user. Run by `make test-devices`.

The x86 processors are chosen for the instructions they lack: Haswell has AVX2 but no VNNI, Nehalem SSE4 but no AVX.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.parity import FLOAT_TOLERANCE

ROOT = Path(__file__).resolve().parents[2]
ARM64, OLDEST = ROOT / ".devices" / "arm64", ROOT / ".devices" / "oldest"
CASES = [f"{threads} threads, batch {batch}" for threads in (1, 2) for batch in (1, 64)]

pytestmark = pytest.mark.devices


@dataclass(frozen=True)
class Device:
    """How to start Python on a device: the command, folders of packages, and how to install what is missing."""

    command: tuple[str, ...]
    machine: str
    path: tuple[Path, ...] = ()
    install_hint: str = ""


def _emulated_arm64(processor: str) -> Device:
    pythons = sorted((ARM64 / "root" / "usr" / "bin").glob("python3.*"))
    python = str(pythons[0]) if pythons else str(ARM64 / "python3")
    home = f"PYTHONHOME={ARM64 / 'root' / 'usr'}"
    command = ("qemu-aarch64", "-cpu", processor, "-L", str(ARM64 / "root"), "-E", home, python)
    return Device(command, "aarch64", (ARM64 / "packages",), "make test-devices installs it into .devices/arm64")


DEVICES = {
    "this processor": Device((sys.executable,), platform.machine()),
    "x86, Haswell": Device(("qemu-x86_64", "-cpu", "Haswell", sys.executable), "x86_64"),
    "x86, Nehalem": Device(("qemu-x86_64", "-cpu", "Nehalem", sys.executable), "x86_64"),
    "x86, oldest packages": Device((sys.executable,), platform.machine(), (OLDEST,), "make test-devices installs them"),
    "aarch64, Cortex-A72": _emulated_arm64("cortex-a72"),
    "aarch64, all extensions": _emulated_arm64("max"),
}


@cache
def logits_on(name: str) -> dict[str, Any]:
    """Run `logits.py` on a device and return its output."""
    done = run_logits(name, without_openblas_settings(os.environ))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def without_openblas_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of an environment without `OPENBLAS_*`.

    `OPENBLAS_CORETYPE` names the host's processor: OpenBLAS would use instructions that the emulated one lacks.
    """
    return {name: value for name, value in environment.items() if not name.startswith("OPENBLAS_")}


def run_logits(name: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `logits.py` on a device with environment variables; it may fail."""
    device = DEVICES[name]
    if shutil.which(device.command[0]) is None:
        pytest.fail(f"{device.command[0]} is missing; on Debian and Ubuntu: apt install qemu-user")
    for path in (*device.path, Path(device.command[-1])):
        if not path.exists():
            pytest.fail(f"{path} is missing: {device.install_hint}")
    if device.machine == "x86_64" and platform.machine() != "x86_64":
        pytest.fail("qemu-x86_64 needs a Python for x86-64, and this one is not")
    script = Path(__file__).with_name("logits.py")
    return subprocess.run(
        [*device.command, script, ROOT / "artifacts"],
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, (*device.path, ROOT)))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def largest_difference(output: dict[str, Any], file: str, case: str) -> float:
    """Return the largest difference between a logit and the golden one."""
    model, name = file.split("/")
    with np.load(ROOT / "artifacts" / model / "golden.npz") as golden:
        expected = golden[name]
    logits = np.frombuffer(bytes.fromhex(output["logits"][file][case]), np.float32).reshape(expected.shape)
    return float(np.abs(logits - expected).max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["v1", "v2"])
@pytest.mark.parametrize("device", DEVICES)
class TestLogits:
    def test_int8_is_the_same_to_the_bit(self, device: str, model: str, case: str) -> None:
        assert largest_difference(logits_on(device), f"{model}/model.int8.onnx", case) == 0.0

    def test_float_is_close(self, device: str, model: str, case: str) -> None:
        assert largest_difference(logits_on(device), f"{model}/model.onnx", case) <= FLOAT_TOLERANCE


@pytest.mark.parametrize("device", DEVICES)
def test_the_machine_is_the_emulated_one(device: str) -> None:
    assert logits_on(device)["machine"] == DEVICES[device].machine


def test_the_oldest_packages_are_the_oldest_allowed() -> None:
    versions = logits_on("x86, oldest packages")["versions"]
    requirements = (ROOT / "pyproject.toml").read_text("utf-8")
    for package, number in versions.items():
        assert f'"{package}>={number.rpartition(".")[0]}' in requirements


def test_a_changed_bit_is_noticed() -> None:
    output = json.loads(json.dumps(logits_on("this processor")))
    logits = output["logits"]["v2/model.int8.onnx"]
    case = CASES[0]
    logits[case] = ("0" if logits[case][0] != "0" else "1") + logits[case][1:]
    assert largest_difference(output, "v2/model.int8.onnx", case) > 0


@pytest.mark.parametrize("kept", [False, True])
def test_emulated_runs_need_to_drop_openblas_settings(kept: bool) -> None:
    """With the host's settings, Nehalem meets an instruction that it lacks."""
    host = {**os.environ, "OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_L2_SIZE": "1048576"}
    done = run_logits("x86, Nehalem", host if kept else without_openblas_settings(host))
    assert (done.returncode == 0) is not kept, done.stderr
