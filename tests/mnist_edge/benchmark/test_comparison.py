"""Comparisons: seeds in parallel, results that are taken up again, figures by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.benchmark.comparison import (
    ComparedNetwork,
    Comparison,
    Int8,
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


@pytest.fixture
def drawn_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that passes for the data set in this process: 64 drawn digits in each split."""
    drawn = draw_digits(64)
    monkeypatch.setattr("mnist_edge.benchmark.comparison.load_split", lambda *_: Split(drawn.images, drawn.labels))
    return tmp_path


def small(name: str, seeds: int) -> Plan:
    return Plan(name, replace(find_recipe(name, "onepass"), epochs=1), seeds)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run trials here, one after the other, and note them."""
    done: list[str] = []

    def run(trials, directory, checkpoints, _processes, threads):  # type: ignore[no-untyped-def]
        checkpoints.mkdir(exist_ok=True)
        for plan, seed in trials:
            done.append(f"{plan.name} {seed}")
            yield plan, run_trial(plan, seed, directory, checkpoints, threads)

    monkeypatch.setattr("mnist_edge.benchmark.comparison._run", run)
    return done


def test_what_is_done_is_not_done_again(drawn_mnist: Path, in_this_process: list[str]) -> None:
    results, checkpoints = drawn_mnist / "results.json", drawn_mnist / "checkpoints"
    compare([small("v1", 1)], drawn_mnist, results, checkpoints=checkpoints)
    found = compare([small("v1", 2), small("v2", 1)], drawn_mnist, results, checkpoints=checkpoints)
    assert in_this_process == ["v1 0", "v2 0", "v1 1"]
    assert [len(one.trials) for one in found.networks] == [2, 1]
    assert load_results(results, Comparison) == found
    assert (checkpoints / "v2.safetensors").exists()

    changed = replace(small("v1", 1), recipe=replace(small("v1", 1).recipe, batch_size=32))
    compare([changed], drawn_mnist, results, checkpoints=checkpoints)
    assert in_this_process[3:] == ["v1 0"]  # another recipe


def test_what_is_not_asked_for_this_time_stays(drawn_mnist: Path, in_this_process: list[str]) -> None:
    """An hour of `--full` outlives a comparison without it."""
    results, checkpoints = drawn_mnist / "results.json", drawn_mnist / "checkpoints"
    both = compare([small("v1", 1), small("v2", 1)], drawn_mnist, results, checkpoints=checkpoints)
    found = compare([small("v2", 2)], drawn_mnist, results, checkpoints=checkpoints)
    assert found.network("v1") == both.network("v1")
    assert [one.name for one in load_results(results, Comparison).networks] == ["v2", "v1"]
    assert in_this_process == ["v1 0", "v2 0", "v2 1"]


def test_a_recipe_that_was_written_before_it_had_a_field_is_the_same(tmp_path: Path) -> None:
    content = json.loads(ABLATIONS.read_text())
    for one in content["networks"]:
        one["recipe"].pop("block_shares", None)
    (tmp_path / "results.json").write_text(json.dumps(content))
    found = load_results(tmp_path / "results.json", Comparison).networks[0]
    assert found.recipe == find_recipe("v2", "reference")


def test_results_of_other_versions_are_not_taken_over(drawn_mnist: Path, in_this_process: list[str]) -> None:
    results, checkpoints = drawn_mnist / "results.json", drawn_mnist / "checkpoints"
    found = compare([small("v1", 1)], drawn_mnist, results, checkpoints=checkpoints)
    save_results(results, replace(found, versions={**found.versions, "torch": "1.0"}))
    compare([small("v1", 1)], drawn_mnist, results, checkpoints=checkpoints)
    assert in_this_process == ["v1 0", "v1 0"]


@pytest.mark.parametrize(
    "content", ["", "{}", '{"kind": "Comparison", "format": 1}', '{"kind": "Benchmark", "format": 1}']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(BenchmarkError, match="holds no results"):
        load_results(tmp_path / "results.json", Comparison)


@pytest.mark.slow
def test_seeds_are_trained_in_processes_at_once(mnist_directory: Path, tmp_path: Path) -> None:
    told: list[str] = []
    plans = [Plan("v1 onepass", find_recipe("v1", "onepass"), 2)]
    found = compare(
        plans, mnist_directory, tmp_path / "r.json", checkpoints=tmp_path, processes=2, on_trial=told.append
    )
    trials = found.network("v1 onepass").trials
    assert sorted(message.partition(":")[0] for message in told) == ["v1 onepass, seed 0", "v1 onepass, seed 1"]
    assert [trial.seed for trial in trials] == [0, 1]
    assert all(trial.accuracy > 0.985 for trial in trials)
    assert found.processes * found.threads <= found.machine.cores
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["v1 onepass.safetensors"]


def test_figures_by_hand() -> None:
    trials = tuple(Trial(seed, correct, 100, seconds) for seed, correct, seconds in ((0, 97, 5.0), (1, 99, 1.0)))
    one = ComparedNetwork("x", find_recipe("v1", "onepass"), 10, 20, trials)
    assert (one.mean, one.lowest, one.seconds) == (0.98, 0.97, 3.0)
    assert one.deviation == pytest.approx(np.std([0.97, 0.99], ddof=1))
    assert replace(one, trials=trials[:1]).deviation is None


def test_int8_figures_come_beside_the_others() -> None:
    found = load_results(COMPARISON, Comparison)
    int8 = Int8(1, 0.5, 2.0)
    changed = with_int8(found, {"v1 onepass": int8})
    assert changed.network("v1 onepass").int8 == int8
    assert changed.network("v2 onepass") == found.network("v2 onepass")


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
def test_networks_to_compare_with_have_their_parameters(name: str, parameters: int) -> None:
    assert count_parameters(build_model(name)) == parameters


def test_plans_are_of_networks_that_exist_and_are_named_once() -> None:
    plans = compared_plans(10, full=True) + [claim.plan for claim in claims(5)[1:]]
    assert len({plan.name for plan in plans}) == len(plans)
    assert {plan.recipe.architecture for plan in plans} == set(ARCHITECTURES)
    assert set(USUAL_EPOCHS) == {"v1", "v2", "lenet5", "cnn", "resnet18"}


@pytest.mark.slow
@pytest.mark.parametrize("network", ["v1", "v2"])
@pytest.mark.parametrize("recipe", ["reference", "onepass"])
def test_a_seed_trained_anew_is_within_four_deviations(mnist_directory: Path, network: str, recipe: str) -> None:
    """On both sides: a figure that is too good is as wrong as one that is too bad."""
    committed = load_results(COMPARISON, Comparison).network(f"{network} {recipe}")
    assert len(committed.trials) == 10
    plan = Plan(committed.name, find_recipe(network, recipe), 1)
    found = run_trial(plan, 0, mnist_directory, None, threads=1)
    assert committed.deviation is not None
    assert abs(found.accuracy - committed.mean) <= 4 * committed.deviation


def test_the_committed_comparisons_are_of_the_recipes_as_they_are() -> None:
    for path, plans in ((COMPARISON, compared_plans(10, full=True)), (ABLATIONS, [claim.plan for claim in claims(5)])):
        found = load_results(path, Comparison)
        for plan in plans:
            one = found.network(plan.name)
            assert one.recipe == plan.recipe
            assert [trial.seed for trial in one.trials] == list(range(plan.seeds))
            assert all(trial.images == 10_000 for trial in one.trials)
