"""The two networks of this project, variants of the second for ablations, and networks for comparison.

Each is a sequence of modules that maps raw pixels, uint8 `[N, 1, 28, 28]`, bright ink on a dark background, to logits,
float32 `[N, 10]`. Normalization (pixel / 255) is part of the network, so that a device passes the bytes it has.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from mnist_edge.data.mnist import DIGITS, IMAGE_SIZE
from mnist_edge.errors import UnknownNameError

MAX_PARAMETERS = 25_000  # a model must have fewer


class PixelsToUnit(nn.Module):
    """Divides uint8 pixels by 255, in the floating-point type that the network computes in."""

    divisor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("divisor", torch.tensor(255.0), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the pixels scaled to 0..1."""
        return pixels / self.divisor


class _Network(nn.Sequential):
    """Scales the pixels and passes them through its modules in turn."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__(OrderedDict(unit=PixelsToUnit(), **modules))


class ImageClassifier(_Network):
    """V1: three convolutions with bias and two linear layers; 24,714 parameters.

    Each block is a 3×3 convolution (padding 1), ReLU and 2×2 max-pooling; 28 → 14 → 7 → 3 pixels.
    """

    def __init__(self) -> None:
        channels = (1, 8, 16, 24)
        blocks = [
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
            for before, after in pairwise(channels)
        ]
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels[-1] * (IMAGE_SIZE // 8) ** 2, 88), nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(88, DIGITS),
        )  # fmt: skip
        super().__init__(blocks=nn.Sequential(*blocks), head=head)


class EfficientMNIST(_Network):
    """V2: three convolutions with batch normalization and global average pooling; 24,048 parameters.

    The convolutions have no bias, because batch normalization adds one; neither has the last layer.
    """

    def __init__(self, *, batch_norm: bool = True, average: bool = True, final_bias: bool = False) -> None:
        """Build V2, or a variant of it.

        Args:
            batch_norm: if False, the convolutions have a bias instead.
            average: average each of the 64 channels before the last layer; if False, that layer takes all 7×7 values
                of each channel and has 31,360 weights instead of 640.
            final_bias: whether the last layer has a bias.
        """
        channels = (1, 16, 32, 64)
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=not batch_norm),
                *([nn.BatchNorm2d(after)] if batch_norm else []),
                nn.ReLU(inplace=True),
                *([nn.MaxPool2d(2)] if average or after != channels[-1] else []),
            )
            for before, after in pairwise(channels)
        ]
        features = channels[-1] if average else channels[-1] * (IMAGE_SIZE // 4) ** 2
        head = nn.Sequential(
            *([nn.AdaptiveAvgPool2d(1)] if average else []),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(features, DIGITS, bias=final_bias),
        )
        super().__init__(blocks=nn.Sequential(*blocks), head=head)


def _lenet5() -> nn.Module:
    """Build LeNet-5 with ReLU and max-pooling, as usually implemented today; 61,706 parameters.

    The original (Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998) has other
    activations, trained pooling, and connects only some of the channels.
    """
    features = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    )  # fmt: skip
    head = nn.Sequential(
        nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(inplace=True),
        nn.Linear(120, 84), nn.ReLU(inplace=True),
        nn.Linear(84, DIGITS),
    )  # fmt: skip
    return _Network(features=features, head=head)


def _tutorial_cnn() -> nn.Module:
    """Build two convolutions and two linear layers, as in most tutorials; 421,642 parameters."""
    features = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    )  # fmt: skip
    head = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64 * (IMAGE_SIZE // 4) ** 2, 128), nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(128, DIGITS),
    )  # fmt: skip
    return _Network(features=features, head=head)


def _resnet18() -> nn.Module:
    """Build torchvision's ResNet-18 with one input channel and ten classes; 11,175,370 parameters.

    K. He et al., "Deep Residual Learning for Image Recognition", 2015.
    """
    from torchvision.models import resnet18

    network = resnet18(num_classes=DIGITS)
    network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return _Network(network=network)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "v1": ImageClassifier,
    "v2": EfficientMNIST,
    "lenet5": _lenet5,
    "cnn": _tutorial_cnn,
    "resnet18": _resnet18,
    "v2-linear": partial(EfficientMNIST, average=False),
    "v2-bias": partial(EfficientMNIST, final_bias=True),
    "v2-no-batchnorm": partial(EfficientMNIST, batch_norm=False),
}


def build_model(architecture: str) -> nn.Module:
    """Build an untrained network.

    Raises:
        UnknownNameError: the architecture does not exist.
    """
    if architecture not in ARCHITECTURES:
        raise UnknownNameError(f"there is no model {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture]()


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


@contextmanager
def pooling_before_relu(model: nn.Module) -> Iterator[None]:
    """Swap each ReLU with the max-pooling after it until the block ends.

    The maximum of rectified values is the rectified maximum, and the gradients are the same, but the ReLU has only a
    quarter of the values to process.
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
