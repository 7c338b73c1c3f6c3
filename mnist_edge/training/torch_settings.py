"""Process-wide settings that training needs, of PyTorch and of the C library."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from mnist_edge.errors import UnknownNameError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


@dataclass(frozen=True)
class RunSettings:
    """What a training's weights depend on besides its recipe, its data and the versions of packages."""

    seed: int = 0  # of the initial weights, the order of images, augmentation, dropout and the held-out images
    device: str = "cpu"  # as PyTorch names it
    threads: int | None = None  # of the CPU; None for PyTorch's default


def usable_device(name: str) -> torch.device:
    """Return the device of that name.

    Raises:
        UnknownNameError: PyTorch cannot compute on it.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnknownNameError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device


def keep_freed_memory() -> None:
    """Make glibc keep up to 64 MiB of freed memory in the process; other C libraries are left alone.

    Otherwise it returns large blocks to the system after each step, which clears their pages again in the next one: a
    fifth of V2's training time.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


@contextmanager
def reproducible(settings: RunSettings) -> Iterator[None]:
    """Seed PyTorch and fix its threads and algorithms; the caller's settings return when the block ends."""
    threads_before = torch.get_num_threads()
    mode_before = torch.get_deterministic_debug_mode()
    deterministic: Any = torch.utils.deterministic  # the stubs lack its setting
    fill_before = deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads or threads_before)
        torch.set_deterministic_debug_mode("warn")
        # Training reads no uninitialized memory; filling it would take a fifth of the time.
        deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.set_deterministic_debug_mode(mode_before)
            deterministic.fill_uninitialized_memory = fill_before
