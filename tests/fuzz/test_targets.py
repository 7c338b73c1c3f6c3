"""A short, seeded version of `make fuzz`, and checks that a target reports what it should."""

import os
import warnings
import zlib

import numpy as np
import pytest

from tests.fuzz.targets import TARGETS, Target

_CASES = 500


def damaged(seed: bytes, random: np.random.Generator) -> bytes:
    """Return a content with some bytes changed, a part removed or repeated, or the end cut off."""
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
def test_damaged_contents_are_read_or_refused(name: str) -> None:
    target, random = TARGETS[name], np.random.default_rng(zlib.crc32(name.encode()))
    for case in range(_CASES):
        target(damaged(target.seeds[case % len(target.seeds)], random))


@pytest.mark.parametrize("stream", [1, 2])
def test_output_of_a_library_is_reported(stream: int) -> None:
    def read(content: bytes) -> None:
        os.write(stream, content)

    target = Target(read, (b"",), (ValueError,))
    target(b"")
    with pytest.raises(AssertionError, match="trying again"):
        target(b"trying again")
    target(b"")


def test_only_stderr_may_be_allowed() -> None:
    def read(content: bytes) -> None:
        os.write(content[0], b"text")

    target = Target(read, (b"",), (ValueError,), stderr_allowed=True)
    target(b"\2")
    with pytest.raises(AssertionError, match="text"):
        target(b"\1")


def test_an_undocumented_error_is_reported() -> None:
    def read(content: bytes) -> None:
        raise KeyError(content)

    with pytest.raises(KeyError):
        Target(read, (b"",), (ValueError,))(b"x")


def test_a_warning_is_reported() -> None:
    def read(content: bytes) -> None:
        warnings.warn(content.decode(), stacklevel=1)

    with pytest.raises(UserWarning, match="deprecated"):
        Target(read, (b"",), (ValueError,))(b"deprecated")


def test_a_type_error_for_uint8_pixels_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is documented for other arrays alone."""

    def fail(_: object) -> None:
        raise TypeError("pixels must be uint8")

    monkeypatch.setattr("tests.fuzz.targets._check_prediction", fail)
    uint8, float32 = (bytes([dtype, 28, 28, 3, 1, 1, 1, 0, 0]) for dtype in (0, 1))
    TARGETS["array"](float32)
    with pytest.raises(TypeError, match="pixels must be uint8"):
        TARGETS["array"](uint8)
