"""The windows of images, made by PyTorch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


def unfolded(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what `contract.WINDOWS` says of images uint8 `[N, 28, 28]`: uint8 `[N, 14, 7, 32]`."""
    padded = functional.pad(torch.from_numpy(images)[:, None].float(), (1, 3, 1, 1))
    windows = functional.unfold(padded, (4, 8), stride=(2, 4))
    array: NDArray[np.uint8] = windows.transpose(1, 2).reshape(-1, 14, 7, 32).byte().numpy()
    return array
