"""Digits as other people write them and other devices see them, and things that are no digit.

Everything works on whole batches, float32 `[N, 1, 28, 28]` in 0..1, on the CPU, and draws from the
generator that it is given: the same state gives the same batch.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mnist_edge.data.mnist import IMAGE_SIZE

_CUT_OFF = 0.02
_LETTER_KINDS = 4
"""As many of the outliers are letters as of so many other kinds."""
_TURNED_DIGITS = (2, 3, 4, 5, 7)
"""Digits that are none when they lie on their side."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far images are changed: deviations of the movements, and shares of the images that the rest happens to.

    `moved_only_share` of each batch is moved and bent, and otherwise left as it is.
    """

    moved_only_share: float
    rotation_degrees: float
    log_scale: float
    shear: float
    shift_pixels: float
    bend_pixels: float
    stroke_share: float
    low_resolution_share: float
    gap_share: float
    blur_share: float
    contrast_share: float
    noise_share: float
    line_share: float
    stray_stroke_share: float


def augment(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Give a batch of changed images; the first `moved_only_share` are only moved."""
    moved = move(images, settings, generator)
    kept = round(settings.moved_only_share * len(images))
    changed = moved[kept:]
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
    """Turn, scale, slant, shift and bend each image in its own way."""
    count = len(images)
    angle, shear = (torch.randn(count, generator=generator) for _ in range(2))
    angle, shear = angle * math.radians(settings.rotation_degrees), shear * settings.shear
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


def outliers(
    images: Tensor, labels: Tensor, letters: Tensor, count: int, settings: Augmentation, generator: Generator
) -> Tensor:
    """Make `count` images that show no digit, of code, of letters, and of pieces of a batch of digits.

    Letters, scribbles, blots, noise, two digits over each other, two side by side, and digits on their side.
    """
    first, second = (torch.randint(len(images), (count,), generator=generator) for _ in range(2))
    one, other = (move(images[chosen], settings, generator) for chosen in (first, second))
    pair = functional.interpolate(
        torch.cat([one, other], 3), size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True, align_corners=False
    )
    lying = one.transpose(2, 3).flip(3)
    can_lie = torch.isin(labels[first], torch.tensor(_TURNED_DIGITS))[:, None, None, None]
    scribbled = _scribbles(count, generator, 0.7, 2.0)
    lettered = letters[torch.randint(len(letters), (count,), generator=generator)]
    kinds = (
        scribbled,
        torch.maximum(scribbled, _scribbles(count, generator, 0.7, 2.0)),
        *(move(lettered, settings, generator) for _ in range(_LETTER_KINDS)),
        _blots(count, generator),
        _noise(count, generator),
        torch.maximum(one, other.roll(5, 3)),
        pair,
        torch.where(can_lie, lying, scribbled),
        torch.where(can_lie, lying.flip(2).flip(3), scribbled),
    )
    kind = torch.randint(len(kinds), (count,), generator=generator)
    return torch.stack(kinds)[kind, torch.arange(count)]


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Give a number for each image, `[N, 1, 1, 1]`."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def _change_strokes(images: Tensor, generator: Generator) -> Tensor:
    """Make strokes up to a pixel wider on both sides, or half a pixel narrower."""
    wider, narrower = functional.max_pool2d(images, 3, 1, 1), -functional.max_pool2d(-images, 3, 1, 1)
    amount = _uniform(len(images), 0, 0.9, generator)
    widens = _uniform(len(images), 0, 1, generator) < 0.6
    return images + amount * torch.where(widens, wider - images, 0.6 * (narrower - images))


def _lower_resolution(images: Tensor, generator: Generator) -> Tensor:
    """Show images as 8×8 to 17×17 pixels would have, the same for the batch."""
    side = int(torch.randint(8, 18, (1,), generator=generator))
    small = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)


def _leave_gaps(images: Tensor, generator: Generator) -> Tensor:
    """Let strokes fade here and there."""
    coarse = torch.randn(len(images), 1, 7, 7, generator=generator)
    pressure = functional.interpolate(coarse, size=images.shape[2:], mode="bicubic", align_corners=True)
    return images * ((pressure + _uniform(len(images), 0.6, 1.6, generator)) * 3).clamp(0, 1)


def _blur(images: Tensor, generator: Generator) -> Tensor:
    weights = torch.tensor([0.25, 0.5, 0.25])
    blurred = functional.conv2d(images, (weights[:, None] * weights)[None, None], padding=1)
    return (images + _uniform(len(images), 0.2, 1.6, generator) * (blurred - images)).clamp(0, 1)


def _change_contrast(images: Tensor, generator: Generator) -> Tensor:
    """Make the edges of strokes softer or harder, and strokes a little narrower or wider by it."""
    gain, middle = _uniform(len(images), 0.7, 2.2, generator), _uniform(len(images), 0.35, 0.65, generator)
    return ((images - middle) * gain + 0.5).clamp(0, 1) * (images > _CUT_OFF)


def _add_noise(images: Tensor, generator: Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * _uniform(len(images), 0.02, 0.25, generator)).clamp(0, 1)


def _add_line(images: Tensor, generator: Generator) -> Tensor:
    """Draw a piece of a straight line, mostly near an edge: what is left of a rule or a frame."""
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


def _scribbles(count: int, generator: Generator, least_radius: float, largest_radius: float) -> Tensor:
    """Draw a bent or a broken line through six points each, with a pen of random radius in pixels."""
    points = 3 + 22 * torch.rand(count, 6, 2, generator=generator)
    steps = torch.linspace(0, 1, 40)
    order = points.shape[1] - 1
    bent = torch.stack([math.comb(order, k) * steps**k * (1 - steps) ** (order - k) for k in range(order + 1)], 1)
    place = (steps * order).clamp(max=order - 1e-4)
    broken = (1 - (place[:, None] - torch.arange(order + 1.0)).abs()).clamp(min=0)
    middle = IMAGE_SIZE / 2
    is_bent = torch.rand(count, 1, 1, generator=generator) < 0.5
    path = torch.where(is_bent, middle + 1.6 * (bent @ points - middle), broken @ points)
    pixels = torch.arange(IMAGE_SIZE)
    across = (path[:, :, None, None, 0] - pixels) ** 2
    down = (path[:, :, None, None, 1] - pixels[:, None]) ** 2
    distance = (across + down).amin(1, keepdim=True).sqrt()
    return (1 + _uniform(count, least_radius, largest_radius, generator) - distance).clamp(0, 1)


def _blots(count: int, generator: Generator) -> Tensor:
    cells = int(torch.randint(3, 15, (1,), generator=generator))
    coarse = torch.randn(count, 1, cells, cells, generator=generator)
    clouds = functional.interpolate(coarse, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=True)
    level, sharpness = _uniform(count, -0.3, 1, generator), _uniform(count, 1, 6, generator)
    return ((clouds - level) * sharpness + 0.5).clamp(0, 1)


def _noise(count: int, generator: Generator) -> Tensor:
    """Give even noise, or single pixels."""
    levels = torch.rand(count, 1, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    struck = torch.rand(levels.shape, generator=generator) < _uniform(count, 0.02, 0.6, generator)
    even = _uniform(count, 0, 1, generator) < 0.5
    return torch.where(even, levels * _uniform(count, 0.1, 1, generator), struck * levels.clamp(min=0.4))
