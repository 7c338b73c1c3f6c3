"""Changes that make digits look written by other hands and recorded by other devices.

All functions work on whole batches, float32 `[N, 1, 28, 28]` in 0..1, on the CPU, and draw their random numbers from
the given generator.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mnist_edge.data.mnist import IMAGE_SIZE

_BLACK_BELOW = 0.02  # changing the contrast leaves darker pixels black
_INK_ABOVE = 0.2  # pixels that count for a digit's width
_BOX = 20.0  # pixels of MNIST's digits, on the longer side
_WIDEST, _NARROWER = 2.2, 0.4  # a digit's width is at most multiplied by the first, and reduced by the second


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Return a random number for each image, `[N, 1, 1, 1]`."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def stretch(images: Tensor, generator: Generator) -> Tensor:
    """Make digits wider, towards a square box, or narrower; about the middle, where their center of mass is."""
    columns = (images > _INK_ABOVE).any(dim=2, keepdim=True).float()  # [N, 1, 1, W]
    place = torch.arange(IMAGE_SIZE)
    right = (columns * place).amax(3)
    left = IMAGE_SIZE - (columns * (IMAGE_SIZE - place)).amax(3)
    width = right - left + 1  # [N, 1, 1]
    amount = uniform(len(images), -1, 1.5, generator)[:, 0]  # [N, 1, 1]
    wider = (_BOX / width.clamp(min=1)).clamp(1, _WIDEST) ** amount.clamp(0, 1)
    scale = torch.where(amount > 0, wider, 1 + _NARROWER * amount)[:, 0, 0]
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    rows = torch.stack([torch.stack([1 / scale, zero, zero], 1), torch.stack([zero, one, zero], 1)], 1)
    return functional.grid_sample(
        images, functional.affine_grid(rows, list(images.shape), align_corners=False), align_corners=False
    )


def outline(images: Tensor, generator: Generator) -> Tensor:
    """Leave only the edges of strokes, on their inner or on their outer side."""
    inner = images + functional.max_pool2d(-images, 3, 1, 1)
    outer = functional.max_pool2d(images, 3, 1, 1) - images
    edges = torch.where(uniform(len(images), 0, 1, generator) < 0.5, inner, outer)
    return (edges * uniform(len(images), 1, 2, generator)).clamp(0, 1)


def spatter(images: Tensor, generator: Generator) -> Tensor:
    """Add up to six spots of ink with radii of up to two pixels."""
    count = len(images)
    centers = IMAGE_SIZE * torch.rand(count, 6, 2, 1, 1, generator=generator)
    radii = 2.8 * torch.rand(count, 6, 1, 1, generator=generator) - 0.8  # below 0: no spot
    pixels = torch.arange(IMAGE_SIZE)
    distance = ((centers[:, :, 0] - pixels) ** 2 + (centers[:, :, 1] - pixels[:, None]) ** 2).sqrt()
    spots = (0.5 + radii - distance).clamp(0, 1) * (radii > 0)
    return torch.maximum(images, spots.amax(1, keepdim=True) * uniform(count, 0.4, 1, generator))


def change_strokes(images: Tensor, generator: Generator) -> Tensor:
    """Make strokes up to about two pixels wider, which closes loops, or half a pixel narrower, on both sides."""
    twice = uniform(len(images), 0, 1, generator) < 0.15
    images = torch.where(twice, functional.max_pool2d(images, 3, 1, 1), images)
    wider, narrower = functional.max_pool2d(images, 3, 1, 1), -functional.max_pool2d(-images, 3, 1, 1)
    amount = uniform(len(images), 0, 0.9, generator)
    widens = uniform(len(images), 0, 1, generator) < 0.6
    return images + amount * torch.where(widens, wider - images, 0.6 * (narrower - images))


def lower_resolution(images: Tensor, generator: Generator) -> Tensor:
    """Reduce a batch to one random resolution of 8×8 to 17×17 pixels, some to two levels, and enlarge it again."""
    side = int(torch.randint(8, 18, (1,), generator=generator))
    small = functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    two_levels = (small > uniform(len(images), 0.3, 0.5, generator)).float()
    small = torch.where(uniform(len(images), 0, 1, generator) < 0.4, two_levels, small)
    return functional.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)


def leave_gaps(images: Tensor, generator: Generator) -> Tensor:
    """Let strokes fade in places, as a pen with changing pressure leaves them."""
    coarse = torch.randn(len(images), 1, 7, 7, generator=generator)
    pressure = functional.interpolate(coarse, size=images.shape[2:], mode="bicubic", align_corners=True)
    return images * ((pressure + uniform(len(images), 0.6, 1.6, generator)) * 3).clamp(0, 1)


def blur(images: Tensor, generator: Generator) -> Tensor:
    """Blur, from hardly at all to more than a weighted mean of 3×3 pixels."""
    weights = torch.tensor([0.25, 0.5, 0.25])
    blurred = functional.conv2d(images, (weights[:, None] * weights)[None, None], padding=1)
    return (images + uniform(len(images), 0.2, 1.6, generator) * (blurred - images)).clamp(0, 1)


def change_contrast(images: Tensor, generator: Generator) -> Tensor:
    """Make the edges of strokes softer or harder, which also makes strokes a little narrower or wider."""
    gain, middle = uniform(len(images), 0.7, 2.2, generator), uniform(len(images), 0.35, 0.65, generator)
    return ((images - middle) * gain + 0.5).clamp(0, 1) * (images > _BLACK_BELOW)


def add_noise(images: Tensor, generator: Generator) -> Tensor:
    """Add normal noise with a standard deviation of 0.02 to 0.25."""
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * uniform(len(images), 0.02, 0.25, generator)).clamp(0, 1)


def add_line(images: Tensor, generator: Generator) -> Tensor:
    """Draw a piece of a straight line, mostly near an edge, as a ruled line or a frame leaves behind."""
    count = len(images)
    place = torch.randint(IMAGE_SIZE, (count, 1), generator=generator)
    near_edge = torch.where(place < IMAGE_SIZE // 2, place // 4, IMAGE_SIZE - 1 - (place - IMAGE_SIZE // 2) // 4)
    place = torch.where(torch.rand(count, 1, generator=generator) < 0.7, near_edge, place)
    start = torch.randint(20, (count, 1), generator=generator)
    stop = start + torch.randint(3, 20, (count, 1), generator=generator)
    pixels = torch.arange(IMAGE_SIZE)
    line = (pixels == place)[:, None, :, None] & ((pixels >= start) & (pixels < stop))[:, None, None, :]
    upright = uniform(count, 0, 1, generator) < 0.5
    line = torch.where(upright, line.transpose(2, 3), line)
    return torch.maximum(images, line * uniform(count, 0.2, 0.9, generator))


def add_stray_stroke(images: Tensor, generator: Generator) -> Tensor:
    """Draw a thin, fainter scribble over a digit."""
    strokes = scribbles(len(images), generator, -0.4, 0.2)
    return torch.maximum(images, strokes * uniform(len(images), 0.3, 0.9, generator))


def scribbles(count: int, generator: Generator, min_radius_pixels: float, max_radius_pixels: float) -> Tensor:
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
    return (1 + uniform(count, min_radius_pixels, max_radius_pixels, generator) - distance).clamp(0, 1)
