"""Run `answers.py` on devices, and compare with the golden answers: `python -m tests.devices.measure RESULTS`.

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
from numpy.typing import NDArray

from mnist_edge.files import save_results
from mnist_edge.machine import this_machine
from runtime.contract import (
    CONFIDENCE,
    DIGIT,
    FLOAT_FILE,
    GOLDEN_FILE,
    GOLDEN_PICTURES_FILE,
    INT8_FILE,
    MODELS,
    OPTIMIZED_FILE,
    PLAUSIBILITY,
    PREPARED,
    REJECTION,
)
from tools.devices_page import DeviceResult, DeviceResults

ROOT = Path(__file__).resolve().parents[2]
ARM64, OLDEST = ROOT / ".devices" / "arm64", ROOT / ".devices" / "oldest"


@dataclass(frozen=True)
class Device:
    """How to start Python on a device: the command, folders of packages, and how to install what is missing."""

    command: tuple[str, ...]
    machine: str
    path: tuple[Path, ...] = ()
    install_hint: str = ""

    @property
    def is_emulated(self) -> bool:
        """Whether every host gives the same results."""
        return self.command[0].startswith("qemu")


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


class DeviceError(Exception):
    """A device cannot be started, or gives no answers."""


@cache
def answers_on(name: str) -> dict[str, Any]:
    """Run `answers.py` on a device and return its output.

    Raises:
        DeviceError: the device cannot be started, or the program fails.
    """
    done = run_answers(name, without_openblas_settings(os.environ))
    if done.returncode != 0:
        raise DeviceError(done.stderr)
    return dict(json.loads(done.stdout))


def without_openblas_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of an environment without `OPENBLAS_*`.

    `OPENBLAS_CORETYPE` names the host's processor: OpenBLAS would use instructions that the emulated one lacks.
    """
    return {name: value for name, value in environment.items() if not name.startswith("OPENBLAS_")}


def run_answers(name: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `answers.py` on a device with environment variables; it may fail.

    Raises:
        DeviceError: the device cannot be started.
    """
    device = DEVICES[name]
    if shutil.which(device.command[0]) is None:
        raise DeviceError(f"{device.command[0]} is missing; on Debian and Ubuntu: apt install qemu-user")
    for path in (*device.path, Path(device.command[-1])):
        if not path.exists():
            raise DeviceError(f"{path} is missing: {device.install_hint}")
    if device.machine == "x86_64" and platform.machine() != "x86_64":
        raise DeviceError("qemu-x86_64 needs a Python for x86-64, and this one is not")
    script = Path(__file__).with_name("answers.py")
    return subprocess.run(
        [*device.command, script, ROOT / "artifacts"],
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, (*device.path, ROOT)))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@cache
def golden(model: str, file: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of one of a model's golden files."""
    with np.load(ROOT / "artifacts" / model / file) as arrays:
        return dict(arrays)


def logit_difference(output: dict[str, Any], file: str, case: str) -> float:
    """Return the largest difference between a logit and the golden one."""
    model, name = file.split("/")
    expected = golden(model, GOLDEN_FILE)[INT8_FILE if name == OPTIMIZED_FILE else name]
    logits = np.frombuffer(bytes.fromhex(output["logits"][file][case]), np.float32).reshape(expected.shape)
    return float(np.abs(logits - expected).max())


def other_answers(output: dict[str, Any], model: str, way: str) -> NDArray[np.bool_]:
    """Return for each golden picture whether its digit or its rejection is another, `[N]`."""
    expected, answers = golden(model, GOLDEN_PICTURES_FILE), output["pictures"][model][way]
    others: NDArray[np.bool_] = np.any(
        [expected[name] != np.array(answers[name]) for name in (DIGIT, REJECTION)], axis=0
    )
    return others


def picture_difference(output: dict[str, Any], model: str, way: str, name: str) -> float:
    """Return the largest difference of a prepared pixel or of a score from the golden one."""
    expected = golden(model, GOLDEN_PICTURES_FILE)[name].astype(np.float64)
    return float(np.abs(np.array(output["pictures"][model][way][name]) - expected).max())


def measure(name: str) -> DeviceResult:
    """Return how far a device's answers are from the golden ones. Raises as `answers_on`."""
    output = answers_on(name)
    by_model = output["pictures"]
    ways = [(model, way) for model in MODELS for way in by_model[model]]
    others = [np.any([other_answers(output, model, way) for way in by_model[model]], axis=0) for model in MODELS]

    def largest_logit_difference(file: str) -> float:
        logits = output["logits"]
        return max(
            logit_difference(output, f"{model}/{file}", case) for model in MODELS for case in logits[f"{model}/{file}"]
        )

    return DeviceResult(
        name=name,
        versions=output["versions"],
        pictures=sum(map(len, others)),
        other_answers=int(np.sum(others)),
        prepared_levels=int(max(picture_difference(output, *way, PREPARED) for way in ways)),
        score=max(picture_difference(output, *way, name) for way in ways for name in (CONFIDENCE, PLAUSIBILITY)),
        int8_logit=max(map(largest_logit_difference, (INT8_FILE, OPTIMIZED_FILE))),
        float_logit=largest_logit_difference(FLOAT_FILE),
    )


if __name__ == "__main__":
    save_results(Path(sys.argv[1]), DeviceResults(this_machine(), tuple(map(measure, DEVICES))))
