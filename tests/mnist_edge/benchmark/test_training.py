"""Conventional PyTorch code trains the same recipe on the same images."""

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.benchmark.training import OURS, WAYS, measure_training
from mnist_edge.training.recipes import find_recipe


@pytest.mark.slow
def test_every_way_of_training_learns(mnist_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(WAYS, "DataLoader")  # the variant with worker processes covers it
    recipe = replace(find_recipe("v2", "reference"), validation_images=54_000)
    steps: list[str] = []
    ways = measure_training(recipe, mnist_directory, threads=2, rounds=1, on_step=steps.append)
    assert [way.way for way in ways] == list(WAYS)
    assert len(steps) == len(WAYS)
    assert next(way.ratio for way in ways if way.way == OURS) == 1
    for way in ways:
        assert way.seconds.median > 0
        assert way.accuracy > 0.8
