"""The list of what a bundle contains, as CycloneDX: its software bill of materials (PEP 770)."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from mnist_edge import __version__
from runtime.contract import OPTIMIZED_FILE

TIMESTAMP: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time that an archive can hold, for all that is made: the same model gives the same bytes at any time."""


def bill_of_materials(name: str, version: str, license_expression: str, files: Mapping[str, bytes]) -> bytes:
    """Return a bundle's bill of materials: the predictor and, with its digest, each ONNX file.

    Args:
        name: the bundle's name.
        version: its version.
        license_expression: its license, as SPDX defines them.
        files: the contents of the package by path.
    """
    licenses = [LicenseExpression(license_expression)]
    bundle = Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=name,
        licenses=licenses,
        purl=PackageURL("pypi", name=name.replace("_", "-"), version=version),
    )
    predictor = Component(
        name="mnist-edge",
        version=__version__,
        description="The package `runtime` of mnist-edge.",
        type=ComponentType.LIBRARY,
        bom_ref="mnist-edge",
        licenses=licenses,
        purl=PackageURL("pypi", name="mnist-edge", version=__version__),
    )
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())}
    graphs = [
        Component(
            name=path,
            type=ComponentType.MACHINE_LEARNING_MODEL if path.endswith(OPTIMIZED_FILE) else ComponentType.FILE,
            bom_ref=path,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        )
        for path, digest in digests.items()
        if path.endswith(".onnx")
    ]
    # A random number would make every bundle another one.
    serial_number = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([name, version, digests]))
    bom = Bom(components=[predictor, *graphs], serial_number=serial_number)
    bom.metadata.component = bundle
    bom.metadata.timestamp = TIMESTAMP
    bom.register_dependency(bundle, [predictor, *graphs])
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n".encode()
