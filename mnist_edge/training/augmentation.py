"""Move digits at random, and change some of them; see `changes`.

All functions work on whole batches, float32 `[N, 1, 28, 28]` in 0..1, on the CPU, and draw their random numbers from
the given generator: the same generator state gives the same batch.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from msgspec import Meta
from torch import Generator, Tensor
from torch.nn import functional

from mnist_edge.data.mnist import IMAGE_SIZE
from mnist_edge.training import changes

Share = Annotated[float, Meta(ge=0, le=1)]
_Deviation = Annotated[float, Meta(ge=0)]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often and how strongly a training batch is changed."""

    moved_only_share: Share  # of each batch: these images are moved, but get none of the changes further down

    # Standard deviations of the random movement of every image
    rotation_degrees: _Deviation
    log_scale: _Deviation  # natural logarithm of the factor, drawn for width and height separately
    shear: _Deviation  # horizontal shift in pixels for each pixel of height
    shift_pixels: _Deviation  # horizontally and vertically
    bend_pixels: _Deviation  # displacement of the control points of a smooth distortion, 5x5 over the image
    changed_move: Annotated[float, Meta(ge=1)] = 1.0  # the other images are rotated, scaled and sheared so much more

    # Shares of the other images that get each change, independently of each other
    stroke_share: Share  # thicker or thinner strokes
    low_resolution_share: Share  # 8x8 to 17x17 pixels, enlarged again
    gap_share: Share  # strokes that fade in places
    blur_share: Share
    contrast_share: Share  # harder or softer edges
    noise_share: Share
    line_share: Share  # a piece of a straight line, as of ruled paper
    stray_stroke_share: Share  # a thin, fainter scribble over the digit
    stretch_share: Share = 0.0  # wider, up to a square box, as scans in boxes of one size leave a digit, or narrower
    outline_share: Share = 0.0  # only the edges of strokes
    spatter_share: Share = 0.0  # spots of ink


def augment(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Return an augmented copy of a batch; `moved_only_share` of it, chosen at random, is only moved."""
    count = len(images)
    rest = torch.randperm(count, generator=generator)[round(settings.moved_only_share * count) :]
    strength = torch.ones(count)
    strength[rest] = settings.changed_move
    moved = move(images, settings, generator, strength)
    changed = moved[rest]
    for share, change in (
        (settings.stretch_share, changes.stretch),
        (settings.outline_share, changes.outline),
        (settings.stroke_share, changes.change_strokes),
        (settings.low_resolution_share, changes.lower_resolution),
        (settings.gap_share, changes.leave_gaps),
        (settings.blur_share, changes.blur),
        (settings.contrast_share, changes.change_contrast),
        (settings.noise_share, changes.add_noise),
        (settings.line_share, changes.add_line),
        (settings.stray_stroke_share, changes.add_stray_stroke),
        (settings.spatter_share, changes.spatter),
    ):
        chosen = (torch.rand(len(changed), generator=generator) < share).nonzero()[:, 0]
        if len(chosen):
            changed[chosen] = change(changed[chosen], generator)
    moved[rest] = changed
    return moved


def move(images: Tensor, settings: Augmentation, generator: Generator, strength: Tensor | None = None) -> Tensor:
    """Rotate, scale, shear, shift and bend each image at random, `strength` `[N]` times as far as the settings say."""
    count = len(images)
    strength = torch.ones(count) if strength is None else strength
    angle = torch.randn(count, generator=generator) * math.radians(settings.rotation_degrees) * strength
    shear = torch.randn(count, generator=generator) * settings.shear * strength
    scale = (torch.randn(count, 2, generator=generator) * settings.log_scale * strength[:, None]).exp()
    shift = torch.randn(count, 2, generator=generator) * settings.shift_pixels / (IMAGE_SIZE / 2)
    cosine, sine = angle.cos() * scale[:, 0], angle.sin() * scale[:, 1]
    rows = (
        torch.stack([cosine, shear * scale[:, 1] - sine, shift[:, 0]], 1),
        torch.stack([angle.sin() * scale[:, 0], angle.cos() * scale[:, 1], shift[:, 1]], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    bends = torch.randn(count, 2, 5, 5, generator=generator) * settings.bend_pixels / (IMAGE_SIZE / 2)
    smooth = functional.interpolate(bends, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=True)
    return functional.grid_sample(images, grid + smooth.permute(0, 2, 3, 1), align_corners=False)
