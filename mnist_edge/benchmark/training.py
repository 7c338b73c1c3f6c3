"""Compare one epoch of this project's training loop with the same recipe in conventional PyTorch.

The conventional code follows PyTorch's own examples: torchvision's data set, `ToTensor` and `Normalize` for every
image, a `DataLoader`, and the default optimizer settings and memory format.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset

from mnist_edge.benchmark import StepProgress
from mnist_edge.benchmark.results import Spread, TrainingBenchmark, TrainingTiming
from mnist_edge.data.mnist import FILES, load_split
from mnist_edge.machine import installed_versions, this_machine
from mnist_edge.training.loop import train
from mnist_edge.training.models import build_model
from mnist_edge.training.recipes import Recipe, find_recipe
from mnist_edge.training.torch_settings import RunSettings

OURS = "mnist-edge"
WAYS = {OURS: None, "DataLoader": 0, "DataLoader, 2 processes": 2}
"""Each way of training with the number of worker processes of its `DataLoader`; None for this project's loop."""
_MEAN, _DEVIATION = (0.1307,), (0.3081,)


def benchmark_training(
    models: Sequence[str], directory: Path, rounds: int, progress: StepProgress
) -> TrainingBenchmark:
    """Measure one epoch of each architecture with the recipe `reference`; `directory` holds the four MNIST files."""
    machine = this_machine()
    with progress("training", len(models) * rounds * len(WAYS)) as on_step:
        timings = {
            model: measure_training(
                find_recipe(model, "reference"), directory, threads=machine.cores, rounds=rounds, on_step=on_step
            )
            for model in models
        }
    return TrainingBenchmark(
        machine=machine,
        versions=installed_versions("torch", "torchvision"),
        data_set="MNIST",
        rounds=rounds,
        threads=machine.cores,
        models=timings,
    )


def measure_training(
    recipe: Recipe,
    directory: Path,
    *,
    threads: int,
    rounds: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[TrainingTiming, ...]:
    """Train one epoch in each of the `WAYS`, alternating, with a new seed in every round.

    Each training runs in its own process, so that none inherits another's memory or settings.
    """
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for seed in range(rounds):
        for way, processes in WAYS.items():
            on_step(f"{recipe.architecture}, seed {seed}: {way}")
            train_once = _train_here if processes is None else partial(_train_with_data_loader, processes=processes)
            with ProcessPoolExecutor(1, get_context("spawn")) as executor:
                runs[way].append(executor.submit(train_once, recipe, directory, seed, threads).result())
    results = []
    for way in WAYS:
        seconds, accuracies = np.transpose(runs[way])
        ratio = float(np.median(seconds / np.transpose(runs[OURS])[0]))
        results.append(TrainingTiming(way, Spread.of(seconds), ratio, float(accuracies.mean())))
    return tuple(results)


def _train_here(recipe: Recipe, directory: Path, seed: int, threads: int) -> tuple[float, float]:
    """Train one epoch as `mnist-edge train` does; return its seconds and test accuracy."""
    training, test = load_split(directory, "train"), load_split(directory, "test")
    result = train(
        replace(recipe, epochs=1), training, test, RunSettings(seed=seed, threads=threads), on_step=lambda _: None
    )
    return result.seconds, result.facts.metrics["test_accuracy"]


def _train_with_data_loader(
    recipe: Recipe, directory: Path, seed: int, threads: int, processes: int
) -> tuple[float, float]:
    """Train one epoch with conventional PyTorch code; return its seconds and test accuracy."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import Compose, Normalize, ToTensor

    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    transform = Compose([ToTensor(), Normalize(_MEAN, _DEVIATION)])
    with tempfile.TemporaryDirectory() as folder:
        _write_for_torchvision(Path(folder), directory)
        whole, test = (MNIST(folder, train=train, transform=transform) for train in (True, False))
    kept = len(whole) - recipe.validation_images
    training = Subset(whole, torch.randperm(len(whole))[:kept].tolist()) if recipe.validation_images else whole
    loader = DataLoader(training, recipe.batch_size, shuffle=True, num_workers=processes)
    model = build_model(recipe.architecture)
    model.unit = nn.Identity()  # the data set normalizes images
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.peak_learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(loader), eta_min=recipe.final_learning_rate)
    loss_sum, correct = 0.0, 0  # which usual loops keep to report them
    start = time.perf_counter()
    for batch, labels in loader:
        optimizer.zero_grad()
        logits = model(batch)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.max_gradient_norm)
        optimizer.step()
        schedule.step()
        loss_sum += loss.item()
        correct += int((logits.argmax(1) == labels).sum())
    elapsed = time.perf_counter() - start
    model.eval()
    with torch.inference_mode():
        shares = [(model(batch).argmax(1) == labels).float().mean().item() for batch, labels in DataLoader(test, 1_000)]
    return elapsed, float(np.mean(shares))


def _write_for_torchvision(folder: Path, directory: Path) -> None:
    """Write the four files unpacked where torchvision looks for them."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for (split, kind), file in FILES.items():
        values = getattr(load_split(directory, split), kind)
        (raw / file.name).write_bytes(file.header + values.tobytes())
