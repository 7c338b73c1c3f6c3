"""The tables in README.md and docs/devices.md of how much answers differ between devices and languages."""

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.files import load_results
from mnist_edge.machine import Machine, describe_machine, describe_versions
from runtime.contract import ARTIFACTS, PREPARED_TOLERANCE
from tools.markdown import table

DEVICES = ARTIFACTS.parent / "docs" / "devices.json"
REACH = ARTIFACTS.parent / "docs" / "reach.json"
BROWSER = ARTIFACTS.parent / "docs" / "browser.json"
_CELLS = {
    "this processor": ("Python", None),
    "x86, Haswell": ("Python", "x86, AVX2"),
    "x86, Nehalem": ("Python", "x86, SSE4.2"),
    "aarch64, Cortex-A72": ("Python", "ARM, Cortex-A72"),
    "aarch64, all extensions": ("Python", "ARM, all extensions"),
    "C++": ("C++", None),
    "C++, x86, Haswell": ("C++", "x86, AVX2"),
    "C++, x86, Nehalem": ("C++", "x86, SSE4.2"),
    "C++, aarch64, Cortex-A72": ("C++", "ARM, Cortex-A72"),
    "C++, aarch64, all extensions": ("C++", "ARM, all extensions"),
    "Node": ("Node", None),
    "Node, x86, Haswell": ("Node", "x86, AVX2"),
    "Node, x86, Nehalem": ("Node", "x86, SSE4.2"),
    "browser, Chromium": ("browser, WebAssembly", None),
}
"""The language and the emulated processor of the devices in README.md's table; None is the measuring machine's own."""


@dataclass(frozen=True)
class DeviceResult:
    """How far the answers of a device, or of a program in another language, are from the golden ones, over both models.

    Of `pictures` golden pictures `other_answers` get another digit or rejection. The others are the largest
    differences: of a prepared pixel in grey levels, of a score (a confidence or a plausibility), and of a logit of the
    golden images.
    """

    name: str
    versions: dict[str, str]
    pictures: int
    other_answers: int
    prepared_levels: int
    score: float
    int8_logit: float
    float_logit: float


@dataclass(frozen=True)
class DeviceResults:
    """The results of all devices, and the machine that emulated them."""

    machine: Machine
    devices: tuple[DeviceResult, ...]


def reach_table(devices: Path = DEVICES, reach: Path = REACH, browser: Path = BROWSER) -> str:
    """Return what differs from the golden answers, by language and processor; `devices_table` has more of it."""
    cells: dict[tuple[str, str], str] = {}
    for part in (load_results(path, DeviceResults) for path in (devices, reach, browser)):
        own = "x86, AVX-512 VNNI" if "avx512_vnni" in part.machine.flags else part.machine.processor
        for device in part.devices:
            if device.name in _CELLS:
                language, processor = _CELLS[device.name]
                cells[language, processor or own] = _differences(device)
    languages, processors = (list(dict.fromkeys(key[index] for key in cells)) for index in (0, 1))
    return table(
        ["difference from the answers at export", *processors],
        [[name, *(cells.get((name, column), "not measured") for column in processors)] for name in languages],
        "The comparison covers digits, rejections, scores (confidence and plausibility) and prepared pixels of the "
        "golden pictures, and int8 logits of the golden images; of blank pictures the browser's comparison covers the "
        "rejection alone. Everything that a cell does not name is identical bit for bit. All processors but the first "
        "are emulated. [More figures](docs/devices.md#the-same-answers-everywhere).",
    )


def devices_table(devices: Path = DEVICES, reach: Path = REACH, browser: Path = BROWSER) -> str:
    """Return the largest differences from the golden answers on each device, in Python and in the other languages."""
    results = [load_results(path, DeviceResults) for path in (devices, reach, browser)]
    machines = [describe_machine(part.machine) for part in results]
    return table(
        [
            "device",
            "same digit and rejection",
            "prepared pixel, levels",
            "score",
            "int8 logit",
            "float logit",
            "packages",
        ],
        [
            [
                device.name,
                f"{device.pictures - device.other_answers} of {device.pictures}",
                *map(_difference, (device.prepared_levels, device.score, device.int8_logit, device.float_logit)),
                describe_versions(device.versions),
            ]
            for part in results
            for device in part.devices
        ],
        "The largest differences from the answers at export, over the golden pictures of both models and the logits "
        "of their golden images. `picture_to_digit.onnx` alone reads each picture; except for C++ and Node on most "
        "emulated processors, `Predictor.predict` or a program in [examples/](../examples) reads it too. A score is a "
        f"confidence or a plausibility. The check allows a prepared pixel to differ by {PREPARED_TOLERANCE} level. Of "
        "blank pictures in the browser only the rejection is compared: the rest is rounding noise. The camera loop "
        "skips pictures with opacity, which cameras do not take. Rows that name Haswell, Nehalem or aarch64 are "
        f"emulated by qemu-user; all others ran on {' and '.join(dict.fromkeys(machines))}.",
    )


def _differences(device: DeviceResult) -> str:
    """Return what differs from the golden answers, with the largest differences."""
    differences = {
        f"{device.other_answers} of {device.pictures} answers differ": device.other_answers,
        f"prepared pixels ±{device.prepared_levels}": device.prepared_levels,
        f"int8 logits ±{device.int8_logit:.1g}": device.int8_logit,
        f"score ±{device.score:.1g}": device.score,
    }
    return ", ".join(words for words, amount in differences.items() if amount) or "same bits"


def _difference(largest: float) -> str:
    return f"{largest:.1g}" if largest else "same bits"
