"""Settings of PyTorch and of the C library that a training needs."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> None:
    """Have glibc keep what one step frees for the next.

    It would give each larger block back to the system, which clears its pages again at the next
    step: a fifth of V2's time. Other C libraries do not know these settings.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Seed PyTorch and fix its threads and algorithms, for the block alone."""
    threads_before = torch.get_num_threads()
    deterministic_before = torch.are_deterministic_algorithms_enabled()
    warn_only_before = torch.is_deterministic_algorithms_warn_only_enabled()
    deterministic: Any = torch.utils.deterministic  # its types do not name its setting
    fill_before = deterministic.fill_uninitialized_memory
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Nothing here reads memory that it has not written; filling it would take a fifth of the time.
        deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.use_deterministic_algorithms(deterministic_before, warn_only=warn_only_before)
            deterministic.fill_uninitialized_memory = fill_before
