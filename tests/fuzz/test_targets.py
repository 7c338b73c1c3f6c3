"""A short, seeded run of what `make fuzz` does for long."""

import os
import zlib

import numpy as np
import pytest

from tests.fuzz.targets import TARGETS, Target

_CASES = 500


def _spoilt(seed: bytes, random: np.random.Generator) -> bytes:
    """Change some bytes of a content, cut it, repeat or leave out a part."""
    content = bytearray(seed)
    for _ in range(random.integers(1, 6)):
        position = int(random.integers(len(content) + 1))
        length = int(random.integers(1, 9))
        kind = random.integers(5)
        if kind == 0:
            content[position : position + length] = random.bytes(length)
        elif kind == 1:
            del content[position : position + length]
        elif kind == 2:
            content[position:position] = content[: int(random.integers(64))]
        elif kind == 3 and random.integers(4) == 0:
            del content[position:]
        elif position < len(content):
            content[position] ^= 1 << int(random.integers(8))
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_contents_are_read_or_refused(name: str) -> None:
    target, random = TARGETS[name], np.random.default_rng(zlib.crc32(name.encode()))
    for case in range(_CASES):
        target(_spoilt(target.seeds[case % len(target.seeds)], random))


@pytest.mark.parametrize("stream", [1, 2])
def test_what_a_library_prints_gets_out(stream: int) -> None:
    def read(content: bytes) -> None:
        os.write(stream, content)

    target = Target(read, (b"",), (ValueError,))
    target(b"")
    with pytest.raises(AssertionError, match="trying again"):
        target(b"trying again")
    target(b"")


def test_an_error_that_is_not_documented_gets_out() -> None:
    def read(content: bytes) -> None:
        raise KeyError(content)

    with pytest.raises(KeyError):
        Target(read, (b"",), (ValueError,))(b"x")
