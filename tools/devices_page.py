"""The table in docs/devices.md of how much answers differ between devices and languages, and the results it shows."""

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.files import load_results
from mnist_edge.machine import Machine, describe_machine, describe_versions
from runtime.contract import ARTIFACTS, PREPARED_TOLERANCE
from tools.markdown import table

DEVICES = ARTIFACTS.parent / "docs" / "devices.json"
REACH = ARTIFACTS.parent / "docs" / "reach.json"
BROWSER = ARTIFACTS.parent / "docs" / "browser.json"


@dataclass(frozen=True)
class DeviceResult:
    """How far the answers of a device, or of a program in another language, are from the golden ones, over both models.

    Of `pictures` golden pictures `other_answers` get another digit or rejection. The others are the largest
    differences: of a prepared pixel in grey levels, of a confidence, and of a logit of the golden images.
    """

    name: str
    versions: dict[str, str]
    pictures: int
    other_answers: int
    prepared_levels: int
    confidence: float
    int8_logit: float
    float_logit: float


@dataclass(frozen=True)
class DeviceResults:
    """The results of all devices, and the machine that emulated them."""

    machine: Machine
    devices: tuple[DeviceResult, ...]


def devices_table(devices: Path = DEVICES, reach: Path = REACH, browser: Path = BROWSER) -> str:
    """Return the largest differences from the golden answers on each device, in Python and in the other languages."""
    results = [load_results(path, DeviceResults) for path in (devices, reach, browser)]
    machines = [describe_machine(part.machine) for part in results]
    return table(
        [
            "device",
            "same digit and rejection",
            "prepared pixel, levels",
            "confidence",
            "int8 logit",
            "float logit",
            "packages",
        ],
        [
            [
                device.name,
                f"{device.pictures - device.other_answers} of {device.pictures}",
                *map(_difference, (device.prepared_levels, device.confidence, device.int8_logit, device.float_logit)),
                describe_versions(device.versions),
            ]
            for part in results
            for device in part.devices
        ],
        "Golden pictures of both models, each read by `picture_to_digit.onnx` alone and by `Predictor.predict` or a "
        "program of [examples/](../examples), and the logits of the golden images: the largest differences from the "
        f"answers at export. A prepared pixel may differ by {PREPARED_TOLERANCE} level. Of blank pictures in the "
        "browser only the rejection is compared: the rest is rounding noise. Processors that are named are emulated by "
        f"qemu-user; the others are {' and '.join(dict.fromkeys(machines))}.",
    )


def _difference(largest: float) -> str:
    return f"{largest:.1g}" if largest else "same bits"
