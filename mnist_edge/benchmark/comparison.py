"""Networks and recipes compared: each trained with several seeds.

A comparison that was interrupted goes on where it stopped.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

from mnist_edge.data.mnist import load_split
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import Machine, installed_versions, this_machine
from mnist_edge.training.checkpoint import save_checkpoint
from mnist_edge.training.layers import layers_of, total_multiply_adds
from mnist_edge.training.loop import train
from mnist_edge.training.models import build_model, count_parameters
from mnist_edge.training.recipes import Recipe


@dataclass(frozen=True)
class Trial:
    """One training: what it got right of the test images, and the seconds that it took."""

    seed: int
    correct: int
    images: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, a fraction."""
        return self.correct / self.images


@dataclass(frozen=True)
class Int8:
    """What the int8 file of the first seed is: its bytes, its accuracy, microseconds an image one at a time."""

    bytes: int
    accuracy: float
    microseconds: float


@dataclass(frozen=True)
class ComparedNetwork:
    """A network with a recipe, and what was measured of them; `int8` is None where it was not exported."""

    name: str
    recipe: Recipe
    parameters: int
    multiply_adds: int
    trials: tuple[Trial, ...] = ()
    int8: Int8 | None = None

    @cached_property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return statistics.fmean(trial.accuracy for trial in self.trials)

    @cached_property
    def deviation(self) -> float | None:
        """Sample deviation of the accuracy; None of a single seed."""
        return statistics.stdev(trial.accuracy for trial in self.trials) if len(self.trials) > 1 else None

    @property
    def lowest(self) -> float:
        """The worst seed's accuracy."""
        return min(trial.accuracy for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Median of the trainings' seconds."""
        return statistics.median(trial.seconds for trial in self.trials)


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared, and on what: each training had `threads`, `processes` went on at once."""

    machine: Machine
    versions: dict[str, str]
    data_set: str
    processes: int
    threads: int
    networks: tuple[ComparedNetwork, ...]

    def network(self, name: str) -> ComparedNetwork:
        """Give a network by its name."""
        return next(found for found in self.networks if found.name == name)


@dataclass(frozen=True)
class Plan:
    """A recipe to be tried with a number of seeds, from 0 on."""

    name: str
    recipe: Recipe
    seeds: int


def compare(
    plans: Sequence[Plan],
    directory: Path,
    results: Path,
    *,
    checkpoints: Path,
    processes: int | None = None,
    on_trial: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Train every plan with every seed and write each result as it comes.

    Trainings share the cores: as many processes as there are cores, or `processes`, and so many threads in
    each that no core has two. What the file of results holds already, of the same recipe and on the same versions,
    is not trained again; what it holds of other plans stays.

    Args:
        plans: what to train; seeds take turns, so that noise falls on all alike.
        directory: holds the four MNIST files.
        results: the file to write.
        checkpoints: folder that gets `NAME.safetensors`, of the seed 0.
        processes: at once.
        on_trial: told of each that is finished.

    Raises:
        ResultsError: the file of results is another thing.
    """
    machine = this_machine()
    at_once = min(processes or machine.cores, machine.cores)
    threads = max(1, machine.cores // at_once)
    versions = installed_versions("torch", "torchvision")
    found = Comparison(machine, versions, "MNIST test", at_once, threads, tuple(map(_untried, plans)))
    if results.exists():
        found = _with_earlier(found, load_results(results, Comparison), checkpoints)
    missing = [
        (plan, seed)
        for seed in range(max(plan.seeds for plan in plans))
        for plan in plans
        if seed < plan.seeds and seed not in {trial.seed for trial in found.network(plan.name).trials}
    ]
    for plan, trial in _run(missing, directory, checkpoints, at_once, threads):
        on_trial(f"{plan.name}, seed {trial.seed}: {trial.accuracy:.2%}, {trial.seconds:.0f} s")
        found = _with_trial(found, plan.name, trial)
        save_results(results, found)
    return found


def with_int8(found: Comparison, measured: dict[str, Int8]) -> Comparison:
    """Add what was measured of the int8 files, by network."""
    changed = (replace(one, int8=measured.get(one.name, one.int8)) for one in found.networks)
    return replace(found, networks=tuple(changed))


def _untried(plan: Plan) -> ComparedNetwork:
    model = build_model(plan.recipe.architecture)
    return ComparedNetwork(plan.name, plan.recipe, count_parameters(model), total_multiply_adds(layers_of(model)))


def _with_earlier(found: Comparison, earlier: Comparison, checkpoints: Path) -> Comparison:
    """Take over the trials that would come out the same, and networks that are not of these plans."""
    if replace(earlier, networks=()) != replace(found, networks=()):  # another machine, or other versions
        return found
    former = {one.name: one for one in earlier.networks}

    def kept(one: ComparedNetwork) -> ComparedNetwork:
        same = former.get(one.name)
        if same is None or same.recipe != one.recipe:
            return one
        has_checkpoint = (checkpoints / f"{one.name}.safetensors").exists()
        trials = tuple(trial for trial in same.trials if trial.seed or has_checkpoint or same.int8 is not None)
        return replace(one, trials=trials, int8=same.int8)

    now = tuple(map(kept, found.networks))
    others = tuple(one for one in earlier.networks if one.name not in {planned.name for planned in now})
    return replace(found, networks=now + others)


def _with_trial(found: Comparison, name: str, trial: Trial) -> Comparison:
    def added(one: ComparedNetwork) -> ComparedNetwork:
        trials = sorted((*one.trials, trial), key=lambda tried: tried.seed)
        return replace(one, trials=tuple(trials)) if one.name == name else one

    return replace(found, networks=tuple(map(added, found.networks)))


def _run(
    trials: Sequence[tuple[Plan, int]], directory: Path, checkpoints: Path, processes: int, threads: int
) -> Iterator[tuple[Plan, Trial]]:
    """Run trials in processes and give each with its plan as it ends."""
    if not trials:
        return
    checkpoints.mkdir(parents=True, exist_ok=True)
    executor = ProcessPoolExecutor(processes, get_context("spawn"))
    try:
        running: dict[Future[Trial], Plan] = {}
        for plan, seed in trials:
            running[executor.submit(run_trial, plan, seed, directory, checkpoints, threads)] = plan
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        executor.shutdown(cancel_futures=True)


def run_trial(plan: Plan, seed: int, directory: Path, checkpoints: Path | None, threads: int) -> Trial:
    """Train once and measure on the test images; the seed 0 leaves its checkpoint, if there is a folder for it."""
    test = load_split(directory, "test")
    result = train(plan.recipe, load_split(directory, "train"), test, seed=seed, threads=threads)
    if seed == 0 and checkpoints is not None:
        save_checkpoint(checkpoints / f"{plan.name}.safetensors", plan.recipe.architecture, result.model, result.facts)
    if result.test is None:
        raise AssertionError("the test images were given")
    return Trial(seed, result.test.correct, result.test.images, result.seconds)
