"""Comparisons train in parallel, resume from their results file and compute correct statistics."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.benchmark.comparison import (
    ComparedNetwork,
    Comparison,
    Int8Result,
    Plan,
    Trial,
    compare,
    run_trial,
    with_int8,
)
from mnist_edge.benchmark.plans import USUAL_EPOCHS, claims, compared_plans
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError
from mnist_edge.files import load_results, save_results
from mnist_edge.training.models import ARCHITECTURES, build_model, count_parameters
from mnist_edge.training.recipes import find_recipe
from tools.challenge_page import ABLATIONS, COMPARISON


def small_plan(name: str, seeds: int, **changes: Any) -> Plan:
    return Plan(name, replace(find_recipe(name, "onepass"), epochs=1, **changes), seeds)


class Session:
    """Runs comparisons on 64 drawn digits in one folder and notes what is trained and the announced totals."""

    def __init__(self, folder: Path) -> None:
        self.results, self.checkpoints = folder / "results.json", folder / "checkpoints"
        self.trained: list[str] = []
        self.totals: list[int] = []

    def compare(self, *plans: Plan) -> Comparison:
        drawn = draw_digits(64)
        return compare(plans, drawn, drawn, self.results, checkpoints=self.checkpoints, progress=self._progress)

    @contextmanager
    def _progress(self, _title: str, total: int) -> Iterator[Callable[[str], None]]:
        self.totals.append(total)
        yield lambda message: self.trained.append(message.partition(":")[0])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    session = Session(folder)
    session.compare(small_plan("v1", 1), small_plan("v2", 1))
    assert sorted(session.trained) == ["v1, seed 0", "v2, seed 0"]
    assert session.totals == [2]
    return folder


@pytest.fixture
def resumed(finished: Path, tmp_path: Path) -> Session:
    """A session that finds seed 0 of v1 and v2 finished."""
    return Session(Path(shutil.copytree(finished, tmp_path / "resumed")))


def test_compare_trains_and_counts_only_what_is_missing(resumed: Session) -> None:
    comparison = resumed.compare(small_plan("v1", 2), small_plan("v2", 1))
    assert resumed.trained == ["v1, seed 1"]
    assert resumed.totals == [1]
    assert [[trial.seed for trial in network.trials] for network in comparison.networks] == [[0, 1], [0]]
    assert load_results(resumed.results, Comparison) == comparison
    assert {path.name for path in resumed.checkpoints.iterdir()} == {"v1.safetensors", "v2.safetensors"}


def test_a_finished_comparison_trains_nothing(resumed: Session) -> None:
    before = resumed.results.read_bytes()
    comparison = resumed.compare(small_plan("v1", 1), small_plan("v2", 1))
    assert not resumed.trained
    assert not resumed.totals
    assert load_results(resumed.results, Comparison) == comparison
    assert resumed.results.read_bytes() == before


def test_compare_keeps_results_of_other_plans(resumed: Session) -> None:
    """So that results of `--full`, which take an hour, outlive a comparison without it."""
    before = load_results(resumed.results, Comparison)
    comparison = resumed.compare(small_plan("v2", 2))
    assert resumed.trained == ["v2, seed 1"]
    assert comparison.network("v1") == before.network("v1")
    assert [network.name for network in load_results(resumed.results, Comparison).networks] == ["v2", "v1"]


@pytest.mark.slow
def test_a_changed_recipe_is_trained_again(resumed: Session) -> None:
    comparison = resumed.compare(small_plan("v1", 1, batch_size=32), small_plan("v2", 1))
    assert resumed.trained == ["v1, seed 0"]
    assert comparison.network("v1").recipe.batch_size == 32


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"versions": {"torch": "1.0"}}, {"threads": 99}])
def test_results_under_other_conditions_are_not_replaced(resumed: Session, change: dict[str, Any]) -> None:
    save_results(resumed.results, replace(load_results(resumed.results, Comparison), **change))
    before = resumed.results.read_bytes()
    with pytest.raises(BenchmarkError, match="name another file with --results, or remove this one"):
        resumed.compare(small_plan("v1", 1))
    assert not resumed.trained
    assert resumed.results.read_bytes() == before


@pytest.mark.slow
def test_a_lost_checkpoint_is_trained_again_until_exported(resumed: Session) -> None:
    for path in resumed.checkpoints.iterdir():
        path.unlink()
    earlier = load_results(resumed.results, Comparison)
    save_results(resumed.results, with_int8(earlier, {"v2": Int8Result(1, 0.5, 2.0)}))
    resumed.compare(small_plan("v1", 1), small_plan("v2", 1))
    assert resumed.trained == ["v1, seed 0"]
    assert [path.name for path in resumed.checkpoints.iterdir()] == ["v1.safetensors"]


def test_results_without_a_newer_recipe_field_are_read(tmp_path: Path) -> None:
    content = json.loads(ABLATIONS.read_text())
    for network in content["networks"]:
        network["recipe"].pop("block_shares", None)
    (tmp_path / "results.json").write_text(json.dumps(content))
    network = load_results(tmp_path / "results.json", Comparison).networks[0]
    assert network.recipe == find_recipe("v2", "reference")


@pytest.mark.slow
def test_seeds_are_trained_in_parallel(mnist_train: Split, mnist_test: Split, tmp_path: Path) -> None:
    plans = [Plan("v1 onepass", find_recipe("v1", "onepass"), 2)]
    comparison = compare(plans, mnist_train, mnist_test, tmp_path / "r.json", checkpoints=tmp_path, processes=2)
    trials = comparison.network("v1 onepass").trials
    assert [trial.seed for trial in trials] == [0, 1]
    assert all(trial.accuracy > 0.985 for trial in trials)
    assert comparison.processes * comparison.threads <= comparison.machine.cores
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["v1 onepass.safetensors"]


def test_statistics_equal_those_computed_by_hand() -> None:
    trials = tuple(Trial(seed, correct, 100, seconds) for seed, correct, seconds in ((0, 97, 5.0), (1, 99, 1.0)))
    network = ComparedNetwork("x", find_recipe("v1", "onepass"), 10, 20, trials)
    assert (network.mean, network.lowest, network.seconds) == (0.98, 0.97, 3.0)
    assert network.deviation == pytest.approx(np.std([0.97, 0.99], ddof=1))
    assert replace(network, trials=trials[:1]).deviation is None


def test_int8_results_are_added_by_network_name() -> None:
    comparison = load_results(COMPARISON, Comparison)
    int8 = Int8Result(1, 0.5, 2.0)
    changed = with_int8(comparison, {"v1 onepass": int8})
    assert changed.network("v1 onepass").int8 == int8
    assert changed.network("v2 onepass") == comparison.network("v2 onepass")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lenet5", 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85),
        ("cnn", 32 * 10 + 64 * 289 + 128 * 3137 + 10 * 129),
        ("resnet18", 11_689_512 - 64 * 3 * 49 + 64 * 49 - 1000 * 513 + 10 * 513),  # of torchvision's, for ImageNet
        ("v2-linear", 24_048 - 640 + 31_360),
        ("v2-bias", 24_058),
        ("v2-no-batchnorm", 24_048 - 2 * 112 + 112),
    ],
)
def test_compared_networks_have_the_published_parameters(name: str, parameters: int) -> None:
    assert count_parameters(build_model(name)) == parameters


def test_plans_have_unique_names_and_cover_all_networks() -> None:
    plans = compared_plans(10, full=True) + list(claims(5).values())[1:]
    assert len({plan.name for plan in plans}) == len(plans)
    assert {plan.recipe.architecture for plan in plans} == set(ARCHITECTURES)
    assert set(USUAL_EPOCHS) == {"v1", "v2", "lenet5", "cnn", "resnet18"}


@pytest.mark.slow
@pytest.mark.parametrize("network", ["v1", "v2"])
@pytest.mark.parametrize("recipe", ["reference", "onepass"])
def test_a_new_trial_is_within_four_deviations_of_the_mean(
    mnist_train: Split, mnist_test: Split, network: str, recipe: str
) -> None:
    """Above or below: an accuracy that is too high is as suspicious as one that is too low."""
    committed = load_results(COMPARISON, Comparison).network(f"{network} {recipe}")
    assert len(committed.trials) == 10
    plan = Plan(committed.name, find_recipe(network, recipe), 1)
    trial = run_trial(plan, 0, mnist_train, mnist_test, None, threads=1)
    assert committed.deviation is not None
    assert abs(trial.accuracy - committed.mean) <= 4 * committed.deviation


def test_committed_comparisons_used_the_current_recipes() -> None:
    for path, plans in ((COMPARISON, compared_plans(10, full=True)), (ABLATIONS, list(claims(5).values()))):
        comparison = load_results(path, Comparison)
        for plan in plans:
            network = comparison.network(plan.name)
            assert network.recipe == plan.recipe
            assert [trial.seed for trial in network.trials] == list(range(plan.seeds))
            assert all(trial.images == 10_000 for trial in network.trials)
