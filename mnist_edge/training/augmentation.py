"""Make digits look written by other hands and recorded by other devices, and make outliers: images without a digit.

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

Share = Annotated[float, Meta(ge=0, le=1)]
_Deviation = Annotated[float, Meta(ge=0)]

_BLACK_BELOW = 0.02  # changing the contrast leaves darker pixels black
_LETTER_WEIGHT = 4  # letters are four times as likely as each other kind of outlier
_TURNABLE_DIGITS = (2, 3, 4, 5, 7)  # do not look like a digit when turned by 90 degrees


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

    # Shares of the other images that get each change, independently of each other
    stroke_share: Share  # thicker or thinner strokes
    low_resolution_share: Share  # 8x8 to 17x17 pixels, enlarged again
    gap_share: Share  # strokes that fade in places
    blur_share: Share
    contrast_share: Share  # harder or softer edges
    noise_share: Share
    line_share: Share  # a piece of a straight line, as of ruled paper
    stray_stroke_share: Share  # a thin, fainter scribble over the digit


def augment(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Return an augmented copy of a batch; the first `moved_only_share` of it are only moved."""
    moved = move(images, settings, generator)
    changed = moved[round(settings.moved_only_share * len(images)) :]  # a view of `moved`
    for share, change in (
        (settings.stroke_share, _change_strokes),
        (settings.low_resolution_share, _lower_resolution),
        (settings.gap_share, _leave_gaps),
        (settings.blur_share, _blur),
        (settings.contrast_share, _change_contrast),
        (settings.noise_share, _add_noise),
        (settings.line_share, _add_line),
        (settings.stray_stroke_share, _add_stray_stroke),
    ):
        chosen = (torch.rand(len(changed), generator=generator) < share).nonzero()[:, 0]
        if len(chosen):
            changed[chosen] = change(changed[chosen], generator)
    return moved


def move(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Rotate, scale, shear, shift and bend each image at random."""
    count = len(images)
    angle = torch.randn(count, generator=generator) * math.radians(settings.rotation_degrees)
    shear = torch.randn(count, generator=generator) * settings.shear
    scale = (torch.randn(count, 2, generator=generator) * settings.log_scale).exp()
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


def make_outliers(
    images: Tensor, labels: Tensor, letters: Tensor, count: int, settings: Augmentation, generator: Generator
) -> Tensor:
    """Return `count` images that show no digit: drawn from scratch, made of letters, or made of a batch's digits.

    The kinds are scribbles, letters, blots, noise, two digits on top of each other, two digits side by side, and digits
    turned by 90 degrees to either side.
    """
    chosen, partners = (torch.randint(len(images), (count,), generator=generator) for _ in range(2))
    digits, others = (move(images[indices], settings, generator) for indices in (chosen, partners))
    side_by_side = functional.interpolate(
        torch.cat([digits, others], 3), size=images.shape[2:], mode="bilinear", antialias=True, align_corners=False
    )
    turned = digits.transpose(2, 3).flip(3)
    can_turn = torch.isin(labels[chosen], torch.tensor(_TURNABLE_DIGITS))[:, None, None, None]
    scribbles = _scribbles(count, generator, 0.7, 2.0)
    chosen_letters = letters[torch.randint(len(letters), (count,), generator=generator)]
    kinds = (
        scribbles,
        torch.maximum(scribbles, _scribbles(count, generator, 0.7, 2.0)),
        *(move(chosen_letters, settings, generator) for _ in range(_LETTER_WEIGHT)),
        _blots(count, generator),
        _noise(count, generator),
        torch.maximum(digits, others.roll(5, 3)),
        side_by_side,
        torch.where(can_turn, turned, scribbles),
        torch.where(can_turn, turned.flip(2).flip(3), scribbles),
    )
    kind = torch.randint(len(kinds), (count,), generator=generator)
    return torch.stack(kinds)[kind, torch.arange(count)]


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Return a random number for each image, `[N, 1, 1, 1]`."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def _change_strokes(images: Tensor, generator: Generator) -> Tensor:
    """Make strokes up to about a pixel wider, or half a pixel narrower, on both sides."""
    wider, narrower = functional.max_pool2d(images, 3, 1, 1), -functional.max_pool2d(-images, 3, 1, 1)
    amount = _uniform(len(images), 0, 0.9, generator)
    widens = _uniform(len(images), 0, 1, generator) < 0.6
    return images + amount * torch.where(widens, wider - images, 0.6 * (narrower - images))


def _lower_resolution(images: Tensor, generator: Generator) -> Tensor:
    """Reduce a batch to one random resolution of 8×8 to 17×17 pixels, and enlarge it again."""
    side = int(torch.randint(8, 18, (1,), generator=generator))
    small = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)


def _leave_gaps(images: Tensor, generator: Generator) -> Tensor:
    """Let strokes fade in places, as a pen with changing pressure leaves them."""
    coarse = torch.randn(len(images), 1, 7, 7, generator=generator)
    pressure = functional.interpolate(coarse, size=images.shape[2:], mode="bicubic", align_corners=True)
    return images * ((pressure + _uniform(len(images), 0.6, 1.6, generator)) * 3).clamp(0, 1)


def _blur(images: Tensor, generator: Generator) -> Tensor:
    weights = torch.tensor([0.25, 0.5, 0.25])
    blurred = functional.conv2d(images, (weights[:, None] * weights)[None, None], padding=1)
    return (images + _uniform(len(images), 0.2, 1.6, generator) * (blurred - images)).clamp(0, 1)


def _change_contrast(images: Tensor, generator: Generator) -> Tensor:
    """Make the edges of strokes softer or harder, which also makes strokes a little narrower or wider."""
    gain, middle = _uniform(len(images), 0.7, 2.2, generator), _uniform(len(images), 0.35, 0.65, generator)
    return ((images - middle) * gain + 0.5).clamp(0, 1) * (images > _BLACK_BELOW)


def _add_noise(images: Tensor, generator: Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * _uniform(len(images), 0.02, 0.25, generator)).clamp(0, 1)


def _add_line(images: Tensor, generator: Generator) -> Tensor:
    """Draw a piece of a straight line, mostly near an edge, as a ruled line or a frame leaves behind."""
    count = len(images)
    place = torch.randint(IMAGE_SIZE, (count, 1), generator=generator)
    near_edge = torch.where(place < IMAGE_SIZE // 2, place // 4, IMAGE_SIZE - 1 - (place - IMAGE_SIZE // 2) // 4)
    place = torch.where(torch.rand(count, 1, generator=generator) < 0.7, near_edge, place)
    start = torch.randint(20, (count, 1), generator=generator)
    stop = start + torch.randint(3, 20, (count, 1), generator=generator)
    pixels = torch.arange(IMAGE_SIZE)
    line = (pixels == place)[:, None, :, None] & ((pixels >= start) & (pixels < stop))[:, None, None, :]
    upright = _uniform(count, 0, 1, generator) < 0.5
    line = torch.where(upright, line.transpose(2, 3), line)
    return torch.maximum(images, line * _uniform(count, 0.2, 0.9, generator))


def _add_stray_stroke(images: Tensor, generator: Generator) -> Tensor:
    """Draw a thin, fainter scribble over a digit."""
    strokes = _scribbles(len(images), generator, -0.4, 0.2)
    return torch.maximum(images, strokes * _uniform(len(images), 0.3, 0.9, generator))


def _scribbles(count: int, generator: Generator, min_radius_pixels: float, max_radius_pixels: float) -> Tensor:
    """Draw a Bézier curve or a polygonal line of six random points in each image, with a pen of random radius."""
    points = 3 + 22 * torch.rand(count, 6, 2, generator=generator)
    steps = torch.linspace(0, 1, 40)
    order = points.shape[1] - 1
    bernstein = torch.stack([math.comb(order, k) * steps**k * (1 - steps) ** (order - k) for k in range(order + 1)], 1)
    place = (steps * order).clamp(max=order - 1e-4)
    hats = (1 - (place[:, None] - torch.arange(order + 1.0)).abs()).clamp(min=0)
    middle = IMAGE_SIZE / 2
    is_curve = torch.rand(count, 1, 1, generator=generator) < 0.5
    path = torch.where(is_curve, middle + 1.6 * (bernstein @ points - middle), hats @ points)
    pixels = torch.arange(IMAGE_SIZE)
    across = (path[:, :, None, None, 0] - pixels) ** 2
    down = (path[:, :, None, None, 1] - pixels[:, None]) ** 2
    distance = (across + down).amin(1, keepdim=True).sqrt()
    return (1 + _uniform(count, min_radius_pixels, max_radius_pixels, generator) - distance).clamp(0, 1)


def _blots(count: int, generator: Generator) -> Tensor:
    cells = int(torch.randint(3, 15, (1,), generator=generator))
    coarse = torch.randn(count, 1, cells, cells, generator=generator)
    clouds = functional.interpolate(coarse, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=True)
    level, sharpness = _uniform(count, -0.3, 1, generator), _uniform(count, 1, 6, generator)
    return ((clouds - level) * sharpness + 0.5).clamp(0, 1)


def _noise(count: int, generator: Generator) -> Tensor:
    """Return noise at every pixel, or bright single pixels."""
    levels = torch.rand(count, 1, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    is_bright = torch.rand(levels.shape, generator=generator) < _uniform(count, 0.02, 0.6, generator)
    is_dense = _uniform(count, 0, 1, generator) < 0.5
    return torch.where(is_dense, levels * _uniform(count, 0.1, 1, generator), is_bright * levels.clamp(min=0.4))
