"""Train a network by a recipe, with all images in memory as one tensor."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mnist_edge.data.drawing import draw_letters
from mnist_edge.data.mnist import Split
from mnist_edge.errors import UnknownNameError
from mnist_edge.evaluation.metrics import Evaluation
from mnist_edge.machine import installed_versions
from mnist_edge.training.augmentation import augment, make_outliers
from mnist_edge.training.checkpoint import TrainingFacts
from mnist_edge.training.models import build_model
from mnist_edge.training.optimizers import RecipeOptimizer
from mnist_edge.training.progress import MetricsTracker, Step
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.resume import StateFile, TrainingState
from mnist_edge.training.torch_settings import keep_freed_memory, reproducible

_EVALUATION_BATCH = 1_000
_OUTLIER_WEIGHT = 0.1
"""Of the loss of images that show no digit. D. Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure",
2019, give it 0.5; on held-out images that cost 0.4 points of accuracy, and 0.1 none."""
_LETTERS = 1_000
"""Letters that outliers are made of."""


@dataclass(frozen=True)
class TrainingResult:
    """A trained network in evaluation mode, on the CPU, and what was measured on the way.

    `train` is counted in evaluation mode on the images that were trained on; `validation` is None
    where the recipe holds none out.
    """

    model: nn.Module
    train: Evaluation
    validation: Evaluation | None
    test: Evaluation | None
    seconds: float
    facts: TrainingFacts


def train(
    recipe: Recipe,
    training: Split,
    test: Split | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    validate_every: int | None = None,
    state: StateFile | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> TrainingResult:
    """Train a network from scratch.

    The same seed on the same machine, with the same threads and versions, gives the same weights.
    The caller's random state and thread count are what they were when this returns. Under glibc the
    process keeps up to 64 MiB of freed memory from then on. A training that goes on from its state gives the weights
    of an unbroken one.

    Args:
        recipe: the hyper-parameters.
        training: images to train on, of which the recipe may hold some out.
        test: images for the final measurement; no choice depends on them.
        seed: of the weights, the order of images, dropout and the held-out images.
        epochs: instead of the recipe's.
        device: as PyTorch names it.
        threads: of the CPU; PyTorch's own choice by default.
        validate_every: measure the held-out images after every so many steps.
        state: where to keep how far it is after each epoch, and perhaps to go on from; not kept by default.
        on_step: called after every step.

    Raises:
        UnknownNameError: PyTorch cannot compute on the device.
        CheckpointError: the state is damaged or another training's.
        OSError: the state cannot be written.
    """
    target = _usable_device(device)
    keep_freed_memory()
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    threads = threads or torch.get_num_threads()
    with reproducible(seed, threads):
        kept, held_out = split_held_out(training, recipe.validation_images, seed)
        # Channels last is the order that PyTorch's CPU convolutions are fastest in.
        model = build_model(recipe.architecture).to(target).to(memory_format=torch.channels_last)
        if recipe.dropout is not None:
            _set_dropout(model, recipe.dropout)
        if recipe.zero_last_layer:
            _zero_last_layer(model)
        with _pooling_before_relu(model):
            follower = None
            if on_step is not None:
                every = validate_every if len(held_out.labels) else None
                follower = MetricsTracker(on_step, every, lambda: evaluate_model(model, held_out).accuracy)
            described = {} if state is None else _run_fingerprint(recipe, kept, seed, target, threads)
            seconds = _fit(model, recipe, kept, seed, target, follower, state, described)
        train_result = evaluate_model(model, kept)
        validation_result = evaluate_model(model, held_out) if len(held_out.labels) else None
        test_result = evaluate_model(model, test) if test is not None else None
    measured = {"train": train_result, "validation": validation_result, "test": test_result}
    facts = TrainingFacts(
        recipe=asdict(recipe),
        seed=seed,
        metrics={f"{name}_accuracy": result.accuracy for name, result in measured.items() if result is not None},
        versions=installed_versions("torch"),
    )
    model.to("cpu").to(memory_format=torch.contiguous_format)
    return TrainingResult(model, train_result, validation_result, test_result, seconds, facts)


def split_held_out(data: Split, validation_images: int, seed: int) -> tuple[Split, Split]:
    """Give the images that a training with this seed learns from, and those that it holds out."""
    order = np.random.default_rng(seed).permutation(len(data.labels))
    cut = len(order) - validation_images
    kept, held_out = (Split(data.images[part], data.labels[part]) for part in (order[:cut], order[cut:]))
    return kept, held_out


def steps_per_epoch(recipe: Recipe, images: int) -> int:
    """Count the steps in which a recipe goes once through a training set of `images`."""
    return math.ceil((images - recipe.validation_images) / recipe.batch_size)


def _run_fingerprint(recipe: Recipe, data: Split, seed: int, device: torch.device, threads: int) -> dict[str, Any]:
    """Describe, in what JSON can tell, all that the trained weights depend on."""
    digest = hashlib.sha256(data.images.tobytes() + data.labels.tobytes()).hexdigest()
    recipe_values = {f"recipe's {name}": value for name, value in asdict(recipe).items()}
    others = {"seed": seed, "device": str(device), "number of threads": threads, "data's SHA-256": digest}
    return {
        **recipe_values,
        **others,
        **{f"{name} version": number for name, number in installed_versions("torch").items()},
    }


def _fit(
    model: nn.Module,
    recipe: Recipe,
    data: Split,
    seed: int,
    device: torch.device,
    follower: MetricsTracker | None,
    state: StateFile | None,
    described: dict[str, Any],
) -> float:
    """Train in place and give the seconds that it took."""
    images, labels = as_tensors(data, device)
    steps = steps_per_epoch(recipe, len(labels) + recipe.validation_images)
    optimizer = RecipeOptimizer(model, recipe, recipe.epochs * steps)
    shuffle = torch.Generator().manual_seed(seed)
    letters = torch.from_numpy(draw_letters(_LETTERS if recipe.outliers else 1, seed)).unsqueeze(1).float() / 255
    generators = [torch.default_generator, shuffle]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[torch.cuda.current_device()])
    progress = TrainingState(model, optimizer, generators)
    done, seconds = 0, 0.0
    if state is not None and state.resume and state.path.exists():
        done, seconds = progress.restore(state.path, described)
    start = time.perf_counter() - seconds
    model.train()
    for epoch in range(done + 1, recipe.epochs + 1):
        if follower is not None:
            follower.start_epoch(epoch, steps)
        order = torch.randperm(len(labels), generator=shuffle).to(device)
        for step, batch in enumerate(torch.split(order, recipe.batch_size), 1):
            _freeze_blocks(model, recipe, ((epoch - 1) * steps + step - 1) / (recipe.epochs * steps))
            logits, loss = _logits_and_loss(model, recipe, images[batch], labels[batch], letters, shuffle)
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.max_gradient_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), recipe.max_gradient_norm)
            optimizer.step()
            if follower is not None:
                follower.after_step(step, loss, logits, labels[batch])
        if state is not None and epoch < recipe.epochs:
            progress.save(state.path, described, epoch, epoch * steps, time.perf_counter() - start)
    model.requires_grad_(True)
    model.eval()
    return time.perf_counter() - start


def _freeze_blocks(model: nn.Module, recipe: Recipe, done: float) -> None:
    """Keep those of the network's first blocks as they are, statistics too, whose share of all steps is done."""
    for number, share in enumerate(recipe.block_shares):
        block = model.get_submodule(f"blocks.{number}")
        if done >= share and block.training:  # at first, and after a measurement
            block.eval().requires_grad_(False)


def _logits_and_loss(
    model: nn.Module, recipe: Recipe, images: Tensor, labels: Tensor, letters: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Give the logits of a batch's digits, augmented by the recipe, and the loss of all that it shows."""
    shown = images
    if recipe.augmentation is not None:
        digits = images.to("cpu").float() / 255
        changed = augment(digits, recipe.augmentation, generator)
        if recipe.outliers:
            strange = make_outliers(digits, labels.to("cpu"), letters, recipe.outliers, recipe.augmentation, generator)
            changed = torch.cat([changed, strange])
        shown = (changed * 255).to(images.device)
    logits, undecided = model(shown), None
    if len(shown) > len(images):
        logits, undecided = logits.split([len(images), len(shown) - len(images)])
    loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if undecided is not None:
        # The cross-entropy of each with the even distribution, the best that such an image can be given.
        loss = loss + _OUTLIER_WEIGHT * (undecided.logsumexp(1) - undecided.mean(1)).mean()
    return logits, loss


def as_tensors(data: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Give images uint8 `[N, 1, 28, 28]` and labels int64 `[N]` on a device."""
    images = torch.from_numpy(data.images.copy()).unsqueeze(1).to(device)
    return images, torch.from_numpy(data.labels.astype(np.int64)).to(device)


@torch.inference_mode()
def model_logits(model: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give a network's logits, float32 `[N, 10]`, for images uint8 `[N, 28, 28]`, in evaluation mode."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    pixels = torch.from_numpy(images.copy()).unsqueeze(1).to(device)
    logits: NDArray[np.float32] = (
        torch.cat([model(batch) for batch in torch.split(pixels, _EVALUATION_BATCH)]).cpu().numpy()
    )
    model.train(training)
    return logits


def evaluate_model(model: nn.Module, data: Split) -> Evaluation:
    """Count what a network gets right of images it is shown in evaluation mode."""
    return Evaluation.of(model_logits(model, data.images).argmax(1), data.labels)


def _usable_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnknownNameError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device


def _set_dropout(model: nn.Module, rate: float) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = rate


def _zero_last_layer(model: nn.Module) -> None:
    last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


@contextmanager
def _pooling_before_relu(model: nn.Module) -> Iterator[None]:
    """Change the places of each ReLU and the max-pooling behind it, for the block alone.

    The largest of rectified values is the rectified largest, and the gradients are the same; but
    ReLU has a quarter of the values to go through, forward and back.
    """
    pairs = [
        (layers, index)
        for layers in model.modules()
        if isinstance(layers, nn.Sequential)
        for index, (first, second) in enumerate(pairwise(layers))
        if isinstance(first, nn.ReLU) and isinstance(second, nn.MaxPool2d)
    ]

    def swap() -> None:
        for layers, index in pairs:
            layers[index], layers[index + 1] = layers[index + 1], layers[index]

    swap()
    try:
        yield
    finally:
        swap()
