"""Names and versions that a bundle may have, and those that are refused with the reason."""

from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnist_edge.bundling.names import DEPENDENCIES, check_name, check_version
from mnist_edge.errors import BundleError


@pytest.mark.parametrize("name", ["digit_reader", "d", "reader2", "a_1_b", "match"])
def test_ordinary_names_are_allowed(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Digit",
        "digit-reader",
        "digit.reader",
        "2digits",
        "_digits",
        "digits_",
        "a__b",
        "zähler",
        "a b",
        "a/b",
        "a\n",
    ],
)
def test_other_names_are_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(BundleError, match="use lower-case letters a to z, digits and single underscores"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("class", "a keyword of Python"),
        ("json", "Python's standard library"),
        ("pickle", "Python's standard library"),
        ("numpy", "a package that the bundle needs"),
        ("onnxruntime", "a package that the bundle needs"),
        ("pil", "a package that the bundle needs"),
        ("runtime", "mnist-edge itself"),
        ("mnist_edge", "mnist-edge itself"),
    ],
)
def test_names_of_others_are_refused_with_their_owner(name: str, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        check_name(name)


def test_everything_that_the_dependencies_install_is_taken() -> None:
    waiting, packages = ["numpy", "onnxruntime", "pillow"], set()
    while waiting:
        package = canonicalize_name(waiting.pop())
        if package not in packages:
            packages.add(package)
            required = map(Requirement, metadata.requires(package) or ())
            waiting += [each.name for each in required if not each.marker or each.marker.evaluate({"extra": ""})]
    modules = {
        module.lower()
        for module, owners in metadata.packages_distributions().items()
        if packages & set(map(canonicalize_name, owners)) and module.isidentifier() and not module.startswith("_")
    }
    assert {"numpy", "onnxruntime", "pil"} <= modules
    assert modules <= DEPENDENCIES


@pytest.mark.parametrize(
    ("version", "normal"), [("1.0", "1.0"), ("v1.2.3", "1.2.3"), ("1.0-rc1", "1.0rc1"), ("2+Local.1", "2+local.1")]
)
def test_a_version_is_brought_into_its_normal_form(version: str, normal: str) -> None:
    assert check_version(version) == normal


@pytest.mark.parametrize("version", ["", "one", "1.x", "1.0/../2", "1.0 2"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(BundleError, match=r"is not a version of a Python package; use numbers, for example 1\.0\.2"):
        check_version(version)
