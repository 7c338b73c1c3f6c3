"""Build a bundle's wheel with hatchling, from a project that is written for it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Self

import hatchling  # noqa: F401 (it runs in a process of its own; if it is missing, say so before the work)
from packaging.requirements import Requirement

from mnist_edge.bundling.sbom import TIMESTAMP, bill_of_materials
from mnist_edge.errors import ArtifactError

LICENSE_FILE: Final = "LICENSE"
_METADATA_VERSION: Final = "2.4"
"""The first that knows license expressions; older installers may not know later ones."""
_README: Final = """\
# {name}

Reads the handwritten digit in a picture: the int8 model {model} of mnist-edge, with numpy and ONNX Runtime.

```python
import {name}

prediction = {name}.Predictor().predict(frame)  # uint8 [H, W] or [H, W, 1..4], or the path of an image file
print(prediction.digit, prediction.confidence, prediction.rejection)
```

`python -m {name} selftest` checks that the model answers on this machine as where it was made, and
`python -m {name} photo.jpg` reads a file. Opening files needs Pillow: `pip install '{name}[images]'`.
"""


@dataclass(frozen=True)
class Project:
    """What a bundle takes over from mnist-edge's metadata: license, supported Pythons, requirements by package."""

    license_expression: str
    license_text: str
    requires_python: str
    requirements: Mapping[str, str]

    @classmethod
    def installed(cls) -> Self:
        """Return the installed mnist-edge's.

        Raises:
            ArtifactError: it is not installed, so that its license is missing.
        """
        try:
            distribution = metadata.distribution("mnist-edge")
        except metadata.PackageNotFoundError as error:
            raise ArtifactError("mnist-edge is not installed, only unpacked; run: pip install '.[train]'") from error
        requirements = map(Requirement, distribution.requires or ())
        return cls(
            distribution.metadata["License-Expression"],
            distribution.read_text(f"licenses/{LICENSE_FILE}") or "",
            distribution.metadata["Requires-Python"],
            {each.name: str(each) for each in requirements if each.marker is None},
        )


def write_project(
    folder: Path, name: str, version: str, model: str, project: Project, files: Mapping[str, bytes]
) -> None:
    """Write a package's files, by path in it, and all that hatchling needs to make a wheel of them."""
    fields = {
        "name": name,
        "version": version,
        "description": f"Reads handwritten digits in pictures: the model {model} of mnist-edge.",
        "readme": "README.md",
        "requires-python": project.requires_python,
        "license": project.license_expression,
        "license-files": [LICENSE_FILE],
        "dependencies": [project.requirements["numpy"], project.requirements["onnxruntime"]],
        "optional-dependencies.images": [project.requirements["pillow"]],
    }
    wheel = {
        "core-metadata-version": _METADATA_VERSION,
        "ignore-vcs": True,
        "only-include": [name],
        "sbom-files": [f"{name}.cdx.json"],
    }
    # JSON's strings, booleans and lists are TOML's too.
    lines = [
        line
        for title, table in (("project", fields), ("tool.hatch.build.targets.wheel", wheel))
        for line in (f"[{title}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    ]
    contents = {f"{name}/{path}": content for path, content in files.items()} | {
        "pyproject.toml": "\n".join(lines).encode(),
        "README.md": _README.format(name=name, model=model).encode(),
        LICENSE_FILE: project.license_text.encode(),
        f"{name}.cdx.json": bill_of_materials(name, version, project.license_expression, files),
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def build_wheel(folder: Path) -> tuple[str, bytes]:
    """Return the file name and the content of the wheel of a project.

    Raises:
        ArtifactError: hatchling fails.
    """
    with tempfile.TemporaryDirectory() as out:
        # Without -P, a package of the name of one that hatchling needs would be imported instead.
        command = [sys.executable, "-P", "-m", "hatchling", "build", "--target", "wheel", "--directory", out]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(TIMESTAMP.timestamp()))}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise ArtifactError(f"hatchling cannot build the wheel: {done.stderr.strip()}")
        (path,) = Path(out).iterdir()
        return path.name, path.read_bytes()
