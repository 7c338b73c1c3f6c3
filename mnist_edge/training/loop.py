"""Train a network by a recipe, with all images in memory as one tensor."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mnist_edge.data.mnist import Split
from mnist_edge.evaluation.metrics import Evaluation
from mnist_edge.machine import installed_versions
from mnist_edge.training.augmentation import augment
from mnist_edge.training.checkpoint import TrainingFacts
from mnist_edge.training.drawn import prepared_digits, prepared_outliers
from mnist_edge.training.models import build_model, pooling_before_relu
from mnist_edge.training.optimizers import RecipeOptimizer
from mnist_edge.training.outliers import make_outliers
from mnist_edge.training.progress import MetricsTracker, Step
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.resume import Fingerprint, StateFile, TrainingState
from mnist_edge.training.torch_settings import RunSettings, keep_freed_memory, reproducible, usable_device

_EVALUATION_BATCH = 1_000
_DRAWN_DIGITS, _DRAWN_OUTLIERS = 20_000, 12_000  # at most; drawn once and then chosen from at random


@dataclass(frozen=True)
class TrainingResult:
    """A trained network with its accuracies, all measured in evaluation mode."""

    model: nn.Module  # in evaluation mode, on the CPU
    train: Evaluation  # on the images that were trained on
    validation: Evaluation | None  # on the held-out images; None if the recipe holds none out
    test: Evaluation | None
    seconds: float  # of the training, with what `on_step` and evaluations of held-out images take
    facts: TrainingFacts


def train(
    recipe: Recipe,
    training: Split,
    test: Split | None = None,
    settings: RunSettings | None = None,
    *,
    validate_every: int | None = None,
    state: StateFile | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> TrainingResult:
    """Train a network from scratch, or resume an interrupted training, which gives the same weights.

    The same settings on the same machine with the same versions of packages give the same weights. The caller's random
    state and thread count are restored. Under glibc the process keeps up to 64 MiB of freed memory from then on.

    The recipe may hold out some of the training images; if `on_step` is given, they are evaluated after every
    `validate_every` steps. The test images are evaluated at the end. The state is saved, if wanted, after each epoch.

    Raises:
        UnknownNameError: PyTorch cannot compute on the device.
        CheckpointError: the state is damaged or belongs to another training.
        OSError: the state cannot be written.
    """
    settings = settings or RunSettings()
    device = usable_device(settings.device)
    keep_freed_memory()
    with reproducible(settings):
        kept, held_out = split_held_out(training, recipe.validation_images, settings.seed)
        run = _prepare(recipe, settings, kept, device)
        tracker = None
        if on_step is not None:
            every = validate_every if len(held_out.labels) else None
            tracker = MetricsTracker(on_step, every, lambda: evaluate_model(run.model, held_out).accuracy)
        with pooling_before_relu(run.model):
            seconds = _fit(run, tracker, None if state is None else _training_state(run, state))
        parts = {"train": kept, "validation": held_out if len(held_out.labels) else None, "test": test}
        results = {name: evaluate_model(run.model, part) for name, part in parts.items() if part is not None}
    metrics = {f"{name}_accuracy": result.accuracy for name, result in results.items()}
    facts = TrainingFacts(asdict(recipe), settings.seed, metrics, installed_versions("torch"))
    model = run.model.to("cpu").to(memory_format=torch.contiguous_format)
    return TrainingResult(model, results["train"], results.get("validation"), results.get("test"), seconds, facts)


def split_held_out(data: Split, validation_images: int, seed: int) -> tuple[Split, Split]:
    """Return the images that a training with this seed trains on, and the ones that it holds out."""
    order = np.random.default_rng(seed).permutation(len(data.labels))
    cut = len(order) - validation_images
    kept, held_out = (Split(data.images[part], data.labels[part]) for part in (order[:cut], order[cut:]))
    return kept, held_out


def steps_per_epoch(recipe: Recipe, images: int) -> int:
    """Return how many steps a recipe takes for one pass over a training set of `images`."""
    return math.ceil((images - recipe.validation_images) / recipe.batch_size)


@torch.inference_mode()
def model_logits(model: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a network's logits in evaluation mode, float32 `[N, 10]`, for images uint8 `[N, 28, 28]`."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    pixels = torch.from_numpy(images.copy()).unsqueeze(1).to(device)
    logits = torch.cat([model(batch) for batch in torch.split(pixels, _EVALUATION_BATCH)])
    model.train(training)
    array: NDArray[np.float32] = logits.cpu().numpy()
    return array


def evaluate_model(model: nn.Module, data: Split) -> Evaluation:
    """Evaluate a network on labeled images, in evaluation mode."""
    return Evaluation.of(model_logits(model, data.images).argmax(1), data.labels)


@dataclass(frozen=True)
class _Run:
    """What stays the same throughout a training."""

    recipe: Recipe
    settings: RunSettings
    model: nn.Module
    optimizer: RecipeOptimizer
    steps: int  # of one epoch
    images: Tensor  # uint8 [N, 1, 28, 28], on the device
    labels: Tensor  # int64 [N], on the device
    drawn: Tensor  # digits drawn by code, uint8 [N, 1, 28, 28], on the CPU
    drawn_labels: Tensor  # int64 [N], on the CPU
    outliers: Tensor  # drawn by code, uint8 [N, 1, 28, 28], on the CPU
    generator: torch.Generator  # of the order of images, augmentation and outliers


def _prepare(recipe: Recipe, settings: RunSettings, data: Split, device: torch.device) -> _Run:
    # PyTorch's CPU convolutions are fastest with the channels last.
    model = build_model(recipe.architecture).to(device).to(memory_format=torch.channels_last)
    if recipe.dropout is not None:
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = recipe.dropout
    if recipe.zero_last_layer:
        last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
    steps = math.ceil(len(data.labels) / recipe.batch_size)
    drawn = prepared_digits(min(_DRAWN_DIGITS, recipe.epochs * steps * recipe.drawn_digits), settings.seed)
    outliers = prepared_outliers(min(_DRAWN_OUTLIERS, recipe.epochs * steps * recipe.outliers), settings.seed)
    return _Run(
        recipe,
        settings,
        model,
        RecipeOptimizer(model, recipe, recipe.epochs * steps),
        steps,
        images=torch.from_numpy(data.images.copy()).unsqueeze(1).to(device),
        labels=torch.from_numpy(data.labels.astype(np.int64)).to(device),
        drawn=torch.from_numpy(drawn.images).unsqueeze(1),
        drawn_labels=torch.from_numpy(drawn.labels.astype(np.int64)),
        outliers=torch.from_numpy(outliers).unsqueeze(1),
        generator=torch.Generator().manual_seed(settings.seed),
    )


def _training_state(run: _Run, file: StateFile) -> TrainingState:
    tensors = (run.images, run.labels, run.drawn, run.drawn_labels, run.outliers)
    data = hashlib.sha256(b"".join(tensor.cpu().numpy().tobytes() for tensor in tensors))
    fingerprint = Fingerprint(
        recipe=run.recipe,
        seed=run.settings.seed,
        device=run.settings.device,
        threads=torch.get_num_threads(),
        data_sha256=data.hexdigest(),
        versions=installed_versions("torch"),
    )
    generators = [torch.default_generator, run.generator]
    if run.images.is_cuda:
        generators.append(torch.cuda.default_generators[run.images.device.index])
    return TrainingState(file, fingerprint, run.model, run.optimizer, generators)


def _fit(run: _Run, tracker: MetricsTracker | None, state: TrainingState | None) -> float:
    """Train the network in place and return the seconds it took, including those before a resume."""
    completed, seconds = (0, 0.0) if state is None else state.restore()
    start = time.perf_counter() - seconds
    run.model.train()
    for epoch in range(completed + 1, run.recipe.epochs + 1):
        _train_epoch(run, epoch, tracker)
        if state is not None and epoch < run.recipe.epochs:
            state.save(epoch, epoch * run.steps, time.perf_counter() - start)
    run.model.requires_grad_(True).eval()
    return time.perf_counter() - start


def _train_epoch(run: _Run, epoch: int, tracker: MetricsTracker | None) -> None:
    if tracker is not None:
        tracker.start_epoch(epoch, run.steps)
    order = torch.randperm(len(run.labels), generator=run.generator).to(run.labels.device)
    for step, batch in enumerate(torch.split(order, run.recipe.batch_size), 1):
        _freeze_blocks(run, ((epoch - 1) * run.steps + step - 1) / (run.recipe.epochs * run.steps))
        logits, loss = _logits_and_loss(run, run.images[batch], run.labels[batch])
        run.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if run.recipe.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(run.model.parameters(), run.recipe.max_gradient_norm)
        run.optimizer.step()
        if tracker is not None:
            tracker.after_step(step, loss, logits, run.labels[batch])


def _freeze_blocks(run: _Run, completed_share: float) -> None:
    """Freeze each block whose share of the steps is over, including its batch statistics."""
    for number, share in enumerate(run.recipe.block_shares):
        block = run.model.get_submodule(f"blocks.{number}")
        if completed_share >= share and block.training:  # an evaluation sets it back to training
            block.eval().requires_grad_(False)


def _logits_and_loss(run: _Run, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of the batch's own digits, and the loss over these, the drawn digits and the outliers."""
    recipe, settings, batch, targets, added = run.recipe, run.recipe.augmentation, images, labels, 0
    if settings is not None:
        digits = images.to("cpu").float() / 255
        if recipe.drawn_digits:
            chosen = torch.randint(len(run.drawn), (recipe.drawn_digits,), generator=run.generator)
            digits = torch.cat([digits, run.drawn[chosen].float() / 255])
            targets = torch.cat([labels, run.drawn_labels[chosen].to(labels.device)])
        batch = augment(digits, settings, run.generator)
        if recipe.outliers:
            outliers = make_outliers(digits, targets.to("cpu"), run.outliers, recipe.outliers, settings, run.generator)
            added, batch = len(outliers), torch.cat([batch, outliers])
        batch = (batch * 255).to(images.device)
    logits, outlier_logits = run.model(batch).tensor_split([len(batch) - added])
    loss = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
    if added:
        # The cross-entropy with the uniform distribution, which is the right answer for an outlier.
        uniform = (outlier_logits.logsumexp(1) - outlier_logits.mean(1)).mean()
        loss = loss + recipe.outlier_weight * uniform
    return logits[: len(images)], loss
