"""How much a contender takes on disk: Python packages, Debian packages and files, each counted once."""

import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_DEBIAN_BASE = "libstdc++6"
"""What this needs, the libraries of C and C++, is needed by Python packages too and not counted."""


def python_bytes(packages: Iterable[str]) -> int:
    """Return the bytes of the files of Python packages and of all that they require, as far as they are installed."""
    return sum(map(_distribution_bytes, _closure(map(canonicalize_name, packages), _requirements)))


def path_bytes(paths: Iterable[Path]) -> int:
    """Return the bytes of files and of the Python files in folders."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    return sum(file.stat().st_size for file in files)


def debian_bytes(packages: Collection[str]) -> int | None:
    """Return the bytes of installed Debian packages and of all that they depend on, None on other systems."""
    if shutil.which("dpkg-query") is None:
        return None
    fields = "${Package}\t${Installed-Size}\t${Depends}\n"  # the size is in KiB
    listed = subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, text=True, check=True)  # noqa: S603, S607
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    sizes = {name: int(size or 0) * 1024 for name, size, _ in rows}
    if not sizes.keys() >= set(packages):
        return None  # installed in another way
    depends = {name: _dependencies(field, sizes) for name, _, field in rows}
    needed = _closure(packages, depends.__getitem__) - _closure({_DEBIAN_BASE} & sizes.keys(), depends.__getitem__)
    return sum(sizes[name] for name in needed)


def _dependencies(field: str, sizes: Mapping[str, int]) -> list[str]:
    """Return the installed packages that a field such as `libc6 (>= 2.34), a | b` names."""
    names = re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]*)", field)
    return [name for name in names if name in sizes]


def _requirements(package: str) -> list[str]:
    """Return the packages that an installed package requires here, without extras; none if it is not installed."""
    try:
        requirements = map(Requirement, distribution(package).requires or ())
    except PackageNotFoundError:
        return []
    return [
        canonicalize_name(each.name) for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})
    ]


def _distribution_bytes(package: str) -> int:
    try:
        paths = [Path(str(file.locate())) for file in distribution(package).files or ()]
    except PackageNotFoundError:
        return 0
    return sum(path.stat().st_size for path in paths if path.is_file())


def _closure(names: Iterable[str], needs: Callable[[str], Iterable[str]]) -> set[str]:
    """Return names with all that they need, directly or not."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += needs(name)
    return reached
