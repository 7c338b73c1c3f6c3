"""The table in docs/devices.md of how much answers differ between devices, and the results that it shows."""

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.files import load_results
from mnist_edge.machine import Machine, describe_machine, describe_versions
from runtime.contract import ARTIFACTS, PREPARED_TOLERANCE
from tools.markdown import table

DEVICES = ARTIFACTS.parent / "docs" / "devices.json"


@dataclass(frozen=True)
class DeviceResult:
    """How far a device's answers are from the golden ones, over both models.

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


def devices_table(path: Path = DEVICES) -> str:
    """Return the largest differences from the golden answers on each device."""
    results = load_results(path, DeviceResults)
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
                str(device.prepared_levels),
                *(f"{number:.1g}" for number in (device.confidence, device.int8_logit, device.float_logit)),
                describe_versions(device.versions),
            ]
            for device in results.devices
        ],
        "Golden pictures of both models, each read by `picture_to_digit.onnx` alone and by `Predictor.predict`, and "
        "the logits of the golden images: the largest differences from the answers at export. A prepared pixel may "
        f'differ by {PREPARED_TOLERANCE} level. Processors are emulated by qemu-user; "this processor" is '
        f"{describe_machine(results.machine)}.",
    )
