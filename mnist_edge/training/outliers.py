"""Make outliers, images that show no digit, from drawn ones, from a batch's digits and from scratch.

All functions work on whole batches, float32 `[N, 1, 28, 28]` in 0..1, on the CPU, and draw their random numbers from
the given generator: the same generator state gives the same batch.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mnist_edge.data.mnist import IMAGE_SIZE
from mnist_edge.training.augmentation import Augmentation, move
from mnist_edge.training.changes import scribbles, uniform

_TURNABLE_DIGITS = (2, 3, 4, 5, 7)  # do not look like a digit when turned by 90 degrees


def make_outliers(
    images: Tensor, labels: Tensor, drawn: Tensor, count: int, settings: Augmentation, generator: Generator
) -> Tensor:
    """Return `count` images that show no digit, three quarters of them chosen from `drawn` and moved.

    The others are made from scratch and of the batch's digits: scribbles, blots, noise, two digits on top of each
    other or side by side, and digits turned by 90 degrees to either side.
    """
    made = count // 4
    chosen_drawn = drawn[torch.randint(len(drawn), (count - made,), generator=generator)].float() / 255
    chosen, partners = (torch.randint(len(images), (made,), generator=generator) for _ in range(2))
    digits, others = (move(images[indices], settings, generator) for indices in (chosen, partners))
    side_by_side = functional.interpolate(
        torch.cat([digits, others], 3), size=images.shape[2:], mode="bilinear", antialias=True, align_corners=False
    )
    turned = digits.transpose(2, 3).flip(3)
    can_turn = torch.isin(labels[chosen], torch.tensor(_TURNABLE_DIGITS))[:, None, None, None]
    first = scribbles(made, generator, 0.7, 2.0)
    kinds = (
        torch.maximum(first, scribbles(made, generator, 0.7, 2.0)),
        _blots(made, generator),
        _noise(made, generator),
        torch.maximum(digits, others.roll(5, 3)),
        side_by_side,
        torch.where(can_turn, turned, first),
        torch.where(can_turn, turned.flip(2).flip(3), first),
    )
    kind = torch.randint(len(kinds), (made,), generator=generator)
    return torch.cat([move(chosen_drawn, settings, generator), torch.stack(kinds)[kind, torch.arange(made)]])


def _blots(count: int, generator: Generator) -> Tensor:
    cells = int(torch.randint(3, 15, (1,), generator=generator))
    coarse = torch.randn(count, 1, cells, cells, generator=generator)
    clouds = functional.interpolate(coarse, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=True)
    level, sharpness = uniform(count, -0.3, 1, generator), uniform(count, 1, 6, generator)
    return ((clouds - level) * sharpness + 0.5).clamp(0, 1)


def _noise(count: int, generator: Generator) -> Tensor:
    """Return noise at every pixel, or bright single pixels."""
    levels = torch.rand(count, 1, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    is_bright = torch.rand(levels.shape, generator=generator) < uniform(count, 0.02, 0.6, generator)
    is_dense = uniform(count, 0, 1, generator) < 0.5
    return torch.where(is_dense, levels * uniform(count, 0.1, 1, generator), is_bright * levels.clamp(min=0.4))
