"""The tables of devices and languages."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.files import load_results, save_results
from tests.devices.measure import DEVICES as DEVICE_NAMES
from tests.reach.programs import PROGRAMS
from tools.devices_page import DEVICES, REACH, DeviceResults, devices_table, reach_table


def row(table: str, name: str) -> list[str]:
    """Return the cells of a device's row."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|.*$", table, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_device_and_language_has_a_row() -> None:
    names = [line.split("|")[1].strip() for line in devices_table().splitlines() if line.startswith("|")]
    assert names[2:] == [*DEVICE_NAMES, *PROGRAMS, "browser, Chromium"]


def test_a_cell_is_filled_if_and_only_if_it_was_measured(tmp_path: Path) -> None:
    """Each measured processor is in the table in Python, each language on the processor that measured."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in reach_table().splitlines()[:-2]]
    assert lines[0][1:] == ["x86, AVX-512 VNNI", "x86, AVX2", "x86, SSE4.2", "ARM, Cortex-A72", "ARM, all extensions"]
    measured = {line[0]: [cell != "not measured" for cell in line[1:]] for line in lines[2:]}
    assert measured == {
        "Python": [True] * 5,
        "C++": [True] * 5,
        "Node": [True, True, True, False, False],
        "browser, WebAssembly": [True, False, False, False, False],
    }
    results = load_results(REACH, DeviceResults)
    save_results(tmp_path / "reach.json", replace(results, devices=results.devices[:1]))
    fewer = reach_table(reach=tmp_path / "reach.json")
    assert (row(fewer, "C++")[2:], "| Node |" in fewer) == (["not measured"] * 4, False)


@pytest.mark.parametrize(
    ("change", "cell"),
    [
        ({}, "same bits"),
        ({"score": 1.19e-7}, "score ±1e-07"),
        ({"other_answers": 3, "prepared_levels": 2}, "3 of 32 answers differ, prepared pixels ±2"),
        ({"int8_logit": 0.25, "float_logit": 1.0}, "int8 logits ±0.2"),
    ],
)
def test_the_readme_names_what_differs(tmp_path: Path, change: dict[str, float], cell: str) -> None:
    results = load_results(REACH, DeviceResults)
    same = {"other_answers": 0, "prepared_levels": 0, "score": 0.0, "int8_logit": 0.0}
    devices = [replace(device, **(same | change)) for device in results.devices if device.name == "Node"]  # type: ignore[arg-type]
    save_results(tmp_path / "reach.json", replace(results, devices=tuple(devices)))
    assert row(reach_table(reach=tmp_path / "reach.json"), "Node")[1] == cell


@pytest.mark.parametrize(
    ("change", "column", "cell"),
    [
        ({"other_answers": 0}, 1, "32 of 32"),
        ({"other_answers": 3}, 1, "29 of 32"),
        ({"prepared_levels": 0}, 2, "same bits"),
        ({"prepared_levels": 1}, 2, "1"),
        ({"score": 1.19e-7}, 3, "1e-07"),
        ({"int8_logit": 0.0}, 4, "same bits"),
        ({"int8_logit": 0.25}, 4, "0.2"),
    ],
)
def test_a_difference_is_shown(tmp_path: Path, change: dict[str, float], column: int, cell: str) -> None:
    results = load_results(REACH, DeviceResults)
    node = next(device for device in results.devices if device.name == "Node")
    save_results(tmp_path / "reach.json", replace(results, devices=(replace(node, **change),)))  # type: ignore[arg-type]
    assert row(devices_table(DEVICES, tmp_path / "reach.json"), "Node")[column] == cell
