"""Which names and versions a bundle may have."""

import keyword
import re
import sys
from typing import Final

from packaging.version import InvalidVersion, Version

from mnist_edge.errors import BundleError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DEPENDENCIES: Final = frozenset(
    (
        *("numpy", "onnxruntime", "pil", "pillow"),
        *("coloredlogs", "flatbuffers", "google", "humanfriendly", "mpmath", "packaging", "protobuf", "sympy"),
    )
)
"""The packages that a bundle needs, and those that onnxruntime needs in its versions; file systems may ignore case."""
_PROJECT: Final = frozenset(("artifacts", "export", "mnist_edge", "runtime"))
"""The packages that `pip install mnist-edge` installs."""


def check_name(name: str) -> str:
    """Return a name that an import package and its distribution may have.

    Raises:
        BundleError: it is no such name, or another package's.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"{name!r} cannot be a package's name: use lower-case letters a to z, digits and single underscores "
            "between them, and start with a letter, for example digit_reader"
        )
    if keyword.iskeyword(name):
        raise BundleError(f"{name!r} is a keyword of Python and cannot be imported; choose another name")
    if owner := _owner(name):
        raise BundleError(f"{name!r} is taken: it belongs to {owner}; choose another name")
    return name


def _owner(name: str) -> str | None:
    if name in {module.lower() for module in sys.stdlib_module_names}:
        return "Python's standard library"
    if name in DEPENDENCIES:
        return "a package that the bundle needs"
    return "mnist-edge itself" if name in _PROJECT else None


def check_version(version: str) -> str:
    """Return a version in its normal form, as PEP 440 defines it: `v1.0` becomes `1.0`.

    Raises:
        BundleError: it is not a version.
    """
    try:
        return str(Version(version))
    except InvalidVersion as error:
        raise BundleError(
            f"{version!r} is not a version of a Python package; use numbers, for example 1.0.2"
        ) from error
