"""The two networks, variants of the second that its claims are tested with, and the networks to compare with.

All take raw pixels, uint8 `[N, 1, 28, 28]` with ink bright on dark, and give logits, float32
`[N, 10]`. The normalisation, pixel / 255, is part of the network, so that a device hands over the
bytes that it has.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from mnist_edge.data.mnist import DIGITS, IMAGE_SIZE
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

    def __init__(self, *, batch_norm: bool = True, average: bool = True, final_bias: bool = False) -> None:
        """Make V2, or a variant of it.

        Args:
            batch_norm: without it, convolutions have a bias instead.
            average: pool the features of 64 channels before the last layer; without it, that layer takes all
                7×7 of each channel, and 31,360 weights in the place of 640.
            final_bias: of the last layer.
        """
        super().__init__()
        self.unit = PixelsToUnit()
        channels = (1, 16, 32, 64)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, padding=1, bias=not batch_norm),
                    *([nn.BatchNorm2d(after)] if batch_norm else []),
                    nn.ReLU(inplace=True),
                    *([nn.MaxPool2d(2)] if average or after != channels[-1] else []),
                )
                for before, after in pairwise(channels)
            )
        )
        features = channels[-1] if average else channels[-1] * (IMAGE_SIZE // 4) ** 2
        self.head = nn.Sequential(
            *([nn.AdaptiveAvgPool2d(1)] if average else []),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(features, DIGITS, bias=final_bias),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.head(self.blocks(self.unit(pixels)))
        return logits


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max-pooling, as it is mostly written today; 61,706 parameters.

    Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, has other activations,
    trained pooling, and connects only some channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unit = PixelsToUnit()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(inplace=True),
            nn.Linear(120, 84), nn.ReLU(inplace=True),
            nn.Linear(84, DIGITS),
        )  # fmt: skip

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.head(self.features(self.unit(pixels)))
        return logits


class TypicalCNN(nn.Module):
    """Two convolutions and two linear layers, as in most tutorials; 421,642 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = PixelsToUnit()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * (IMAGE_SIZE // 4) ** 2, 128), nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(128, DIGITS),
        )  # fmt: skip

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.head(self.features(self.unit(pixels)))
        return logits


class ResNet18(nn.Module):
    """torchvision's ResNet-18 with one input channel and ten classes; 11,175,370 parameters.

    K. He et al., "Deep Residual Learning for Image Recognition", 2015.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.unit = PixelsToUnit()
        self.network = resnet18(num_classes=DIGITS)
        self.network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Give logits, float32 `[N, 10]`, for pixels, uint8 `[N, 1, 28, 28]`."""
        logits: Tensor = self.network(self.unit(pixels))
        return logits


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "v1": ImageClassifier,
    "v2": EfficientMNIST,
    "lenet5": LeNet5,
    "cnn": TypicalCNN,
    "resnet18": ResNet18,
    "v2-linear": partial(EfficientMNIST, average=False),
    "v2-bias": partial(EfficientMNIST, final_bias=True),
    "v2-no-batchnorm": partial(EfficientMNIST, batch_norm=False),
}


def build_model(architecture: str) -> nn.Module:
    """Make an untrained network by its name.

    Raises:
        UnknownNameError: there is no such network.
    """
    if architecture not in ARCHITECTURES:
        raise UnknownNameError(f"there is no model {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture]()


def count_parameters(model: nn.Module) -> int:
    """Count the trainable values of a network."""
    return sum(parameter.numel() for parameter in model.parameters())
