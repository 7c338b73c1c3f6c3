"""The two networks.

Both take raw pixels, uint8 `[N, 1, 28, 28]` with ink bright on dark, and give logits, float32
`[N, 10]`. The normalisation, pixel / 255, is part of the network, so that a device hands over the
bytes that it has.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from mnist_edge.data import DIGITS, IMAGE_SIZE
from mnist_edge.errors import UnknownNameError

MAX_PARAMETERS = 25_000
"""A model has fewer parameters than this."""


class PixelsToUnit(nn.Module):
    """Turns uint8 pixels 0..255 into 0..1, of the precision that the network computes in."""

    divisor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("divisor", torch.tensor(255.0), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Divide by 255."""
        return pixels / self.divisor


class ImageClassifier(nn.Module):
    """V1: three convolutions with bias and two linear layers; 24,714 parameters.

    Each block is a 3×3 convolution (padding 1), ReLU and 2×2 max-pooling; 28 → 14 → 7 → 3 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unit = PixelsToUnit()
        channels = (1, 8, 16, 24)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
                for before, after in pairwise(channels)
            )
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels[-1] * (IMAGE_SIZE // 8) ** 2, 88),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(88, DIGITS),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.head(self.blocks(self.unit(pixels)))
        return logits


class EfficientMNIST(nn.Module):
    """V2: three convolutions with batch normalisation and global average pooling; 24,048 parameters.

    No convolution has a bias, since batch normalisation has one, nor has the last layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unit = PixelsToUnit()
        channels = (1, 16, 32, 64)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                    nn.MaxPool2d(2),
                )
                for before, after in pairwise(channels)
            )
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(channels[-1], DIGITS, bias=False),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.head(self.blocks(self.unit(pixels)))
        return logits


ARCHITECTURES: dict[str, type[nn.Module]] = {"v1": ImageClassifier, "v2": EfficientMNIST}


def build_model(architecture: str) -> nn.Module:
    """Make an untrained network by its name, `v1` or `v2`.

    Raises:
        UnknownNameError: there is no such network.
    """
    if architecture not in ARCHITECTURES:
        raise UnknownNameError("model", architecture, ARCHITECTURES)
    return ARCHITECTURES[architecture]()


def count_parameters(model: nn.Module) -> int:
    """Count the trainable values of a network."""
    return sum(parameter.numel() for parameter in model.parameters())
