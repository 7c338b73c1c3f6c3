"""The table of the former models' figures beside the shipped ones'."""

from dataclasses import replace
from pathlib import Path

import pytest

from export.manifest import read_manifest
from mnist_edge.errors import ArtifactError
from mnist_edge.files import save_results
from runtime.contract import ARTIFACTS, INT8_FILE
from tools.former_page import Figures, figures, former_table


def test_former_figures_stand_beside_the_shipped_ones(tmp_path: Path) -> None:
    shipped = read_manifest(ARTIFACTS / "v2").accuracy[INT8_FILE]
    assert shipped.correct
    assert shipped.robustness
    names = figures(read_manifest(ARTIFACTS / "v2"))
    former = {model: dict.fromkeys(names, 0.125) for model in ("v1", "v2")}
    save_results(tmp_path / "former.json", Figures(former))
    rows = {
        cells[0]: cells[1:]
        for line in former_table(path=tmp_path / "former.json").splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 5
    }
    assert rows["int8"] == ["V1, before", "V1, now", "V2, before", "V2, now"]
    assert rows["MNIST test, accuracy"][2:] == ["12.50%", f"{shipped.correct / 10_000:.2%}"]
    assert rows["photographs, rejected"][3] == f"{shipped.robustness.rejected.photograph:.2%}"
    assert {"unseen class, rejected", "natural, rejected", "zigzag, accuracy"} <= rows.keys()


def test_all_suites_must_be_recorded() -> None:
    manifest = read_manifest(ARTIFACTS / "v1")
    measured = replace(manifest.accuracy[INT8_FILE], styles=None)
    for accuracy in ({}, {INT8_FILE: measured}):
        with pytest.raises(ArtifactError, match="figures of v1 are missing; record them"):
            figures(replace(manifest, accuracy=accuracy))
