"""The table of devices and languages."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.files import load_results, save_results
from tests.devices.measure import DEVICES as DEVICE_NAMES
from tests.reach.programs import PROGRAMS
from tools.devices_page import DEVICES, REACH, DeviceResults, devices_table


def row(table: str, name: str) -> list[str]:
    """Return the cells of a device's row."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|.*$", table, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_device_and_language_has_a_row() -> None:
    names = [line.split("|")[1].strip() for line in devices_table().splitlines() if line.startswith("|")]
    assert names[2:] == [*DEVICE_NAMES, *PROGRAMS, "browser, Chromium"]


@pytest.mark.parametrize(
    ("change", "column", "cell"),
    [
        ({"other_answers": 0}, 1, "32 of 32"),
        ({"other_answers": 3}, 1, "29 of 32"),
        ({"prepared_levels": 0}, 2, "same bits"),
        ({"prepared_levels": 1}, 2, "1"),
        ({"confidence": 1.19e-7}, 3, "1e-07"),
        ({"int8_logit": 0.0}, 4, "same bits"),
        ({"int8_logit": 0.25}, 4, "0.2"),
    ],
)
def test_a_difference_is_shown(tmp_path: Path, change: dict[str, float], column: int, cell: str) -> None:
    results = load_results(REACH, DeviceResults)
    node = next(device for device in results.devices if device.name == "Node")
    save_results(tmp_path / "reach.json", replace(results, devices=(replace(node, **change),)))  # type: ignore[arg-type]
    assert row(devices_table(DEVICES, tmp_path / "reach.json"), "Node")[column] == cell
