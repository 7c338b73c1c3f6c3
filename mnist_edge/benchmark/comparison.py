"""Compare networks and recipes: train each with several seeds.

An interrupted comparison resumes from its results file.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

from mnist_edge.benchmark import StepProgress
from mnist_edge.data.mnist import Split
from mnist_edge.errors import BenchmarkError
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import Machine, installed_versions, this_machine
from mnist_edge.training.checkpoint import save_checkpoint
from mnist_edge.training.layers import layers_of, total_multiply_adds
from mnist_edge.training.loop import train
from mnist_edge.training.models import build_model, count_parameters
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.torch_settings import RunSettings


@dataclass(frozen=True, order=True)
class Trial:
    """One training run: how many test images it classifies correctly, and its duration. Sorts by seed."""

    seed: int
    correct: int
    images: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, a fraction."""
        return self.correct / self.images


@dataclass(frozen=True)
class Int8Result:
    """Size, accuracy and microseconds per single image of the int8 file exported from seed 0."""

    bytes: int
    accuracy: float
    microseconds: float


@dataclass(frozen=True)
class ComparedNetwork:
    """A network with a recipe and its results; `int8` is None where it was not exported."""

    name: str
    recipe: Recipe
    parameters: int
    multiply_adds: int
    trials: tuple[Trial, ...] = ()
    int8: Int8Result | None = None

    @cached_property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return statistics.fmean(trial.accuracy for trial in self.trials)

    @cached_property
    def deviation(self) -> float | None:
        """Sample standard deviation of the accuracy; None for a single seed."""
        return statistics.stdev(trial.accuracy for trial in self.trials) if len(self.trials) > 1 else None

    @property
    def lowest(self) -> float:
        """Lowest accuracy of any seed."""
        return min(trial.accuracy for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Median duration of the training runs."""
        return statistics.median(trial.seconds for trial in self.trials)


@dataclass(frozen=True)
class Comparison:
    """All compared networks and the conditions: `processes` trainings at once, each with `threads`."""

    machine: Machine
    versions: dict[str, str]
    data_set: str
    processes: int
    threads: int
    networks: tuple[ComparedNetwork, ...]

    def network(self, name: str) -> ComparedNetwork:
        """Return a network by name."""
        return next(network for network in self.networks if network.name == name)


@dataclass(frozen=True)
class Plan:
    """A recipe to train with the seeds from 0 to `seeds` - 1."""

    name: str
    recipe: Recipe
    seeds: int


def compare(
    plans: Sequence[Plan],
    training: Split,
    test: Split,
    results: Path,
    *,
    checkpoints: Path,
    processes: int | None = None,
    progress: StepProgress = lambda *_: nullcontext(lambda _: None),
) -> Comparison:
    """Train every plan with each of its seeds and save each result as soon as it is known.

    Training runs share the cores: one process per core, or `processes`, and as many threads in each as leave no core
    with two. Plans alternate seed by seed, so that all are exposed to the same background load. Trials in the results
    file are not repeated if their recipe is the same. Results of other plans are kept. The folder `checkpoints`
    receives `NAME.safetensors` of seed 0.

    Raises:
        BenchmarkError: the results file holds something else, or what was measured under other conditions.
    """
    machine = this_machine()
    at_once = min(processes or machine.cores, machine.cores)
    threads = max(1, machine.cores // at_once)
    versions = installed_versions("torch", "torchvision")
    comparison = Comparison(machine, versions, "MNIST test", at_once, threads, tuple(map(_untrained, plans)))
    if results.exists():
        earlier = load_results(results, Comparison)
        if replace(earlier, networks=()) != replace(comparison, networks=()):
            raise BenchmarkError(
                f"{results} was measured on another machine, with other versions or with another number of processes "
                "or threads, and cannot be continued; name another file with --results, or remove this one"
            )
        comparison = _with_earlier(comparison, earlier, checkpoints)
    networks = {network.name: network for network in comparison.networks}
    pending = [
        (plan, seed)
        for seed in range(max(plan.seeds for plan in plans))
        for plan in plans
        if seed < plan.seeds and seed not in {trial.seed for trial in networks[plan.name].trials}
    ]
    if not pending:
        return comparison
    checkpoints.mkdir(parents=True, exist_ok=True)
    with (
        progress("trainings", len(pending)) as on_trial,
        ProcessPoolExecutor(at_once, get_context("spawn")) as executor,
    ):
        running = {
            executor.submit(run_trial, plan, seed, training, test, checkpoints, threads): plan.name
            for plan, seed in pending
        }
        try:
            for future in as_completed(running):
                name, trial = running[future], future.result()
                on_trial(f"{name}, seed {trial.seed}: {trial.accuracy:.2%}, {trial.seconds:.0f} s")
                networks[name] = replace(networks[name], trials=tuple(sorted((*networks[name].trials, trial))))
                comparison = replace(comparison, networks=tuple(networks.values()))
                save_results(results, comparison)
        finally:
            executor.shutdown(cancel_futures=True)
    return comparison


def with_int8(comparison: Comparison, int8: dict[str, Int8Result]) -> Comparison:
    """Return a comparison with the results of int8 files added, by network name."""
    networks = (replace(network, int8=int8.get(network.name, network.int8)) for network in comparison.networks)
    return replace(comparison, networks=tuple(networks))


def run_trial(plan: Plan, seed: int, training: Split, test: Split, checkpoints: Path | None, threads: int) -> Trial:
    """Train once and measure on the test images; save the checkpoint of seed 0 if there is a folder for it."""
    result = train(plan.recipe, training, test, RunSettings(seed=seed, threads=threads))
    if seed == 0 and checkpoints is not None:
        save_checkpoint(checkpoints / f"{plan.name}.safetensors", plan.recipe.architecture, result.model, result.facts)
    if result.test is None:
        raise AssertionError("train() measures the test images it is given")
    return Trial(seed, result.test.correct, result.test.images, result.seconds)


def _untrained(plan: Plan) -> ComparedNetwork:
    model = build_model(plan.recipe.architecture)
    return ComparedNetwork(plan.name, plan.recipe, count_parameters(model), total_multiply_adds(layers_of(model)))


def _with_earlier(comparison: Comparison, earlier: Comparison, checkpoints: Path) -> Comparison:
    """Add earlier trials of the same recipes, and networks of other plans."""
    networks = {network.name: network for network in (*comparison.networks, *earlier.networks)}
    for network in comparison.networks:
        former = networks[network.name]
        if former.recipe != network.recipe:
            networks[network.name] = network
        elif former.int8 is None and not (checkpoints / f"{network.name}.safetensors").exists():
            # The int8 file is still to be exported from the checkpoint of seed 0, so that trial has to be repeated.
            trials = tuple(trial for trial in former.trials if trial.seed)
            networks[network.name] = replace(network, trials=trials)
        else:
            networks[network.name] = replace(network, trials=former.trials, int8=former.int8)
    return replace(comparison, networks=tuple(networks.values()))
