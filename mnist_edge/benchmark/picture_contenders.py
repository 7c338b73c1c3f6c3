"""The contenders of the benchmark of pictures: this project's models, recipes, and text recognition."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.benchmark import picture_worker
from mnist_edge.benchmark.installed import debian_bytes, path_bytes, python_bytes
from mnist_edge.benchmark.picture_readers import OpenCv, OpenCvLargestContour, RapidOcr, Tesseract, Tutorial
from mnist_edge.benchmark.process import WorkerProcess
from mnist_edge.machine import installed_versions
from runtime.contract import ARTIFACTS, INT8_FILE

OURS = "mnist-edge"
RECIPE_MODEL = "v2"
"""The network of the recipes."""
ROOT = ARTIFACTS.parent
"""The checkout or the folder of installed packages that this version runs from."""
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
_BASE_PACKAGES = ("numpy", "onnxruntime")
_MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL"}
"""The modules of packages that are named differently."""
_PROGRAMS = {"tesseract-ocr": "tesseract"}
"""The program of each Debian package."""


@dataclass(frozen=True)
class PictureContender:
    """One way to read picture files, in a process of its own.

    `opener` is the reader's class, called with `model`, as `module:name`; the project is imported from the folder
    `root`. What it needs on a disk: Python `packages`, Debian packages in `system`, files and folders in `paths`.
    """

    name: str
    opener: str
    model: str = ""
    packages: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    root: Path = ROOT

    def start(self, pictures: Path) -> WorkerProcess:
        """Start its process, which reads the first file of the folder `pictures`.

        Raises:
            BenchmarkError: it could not.
        """
        arguments = ["-P", picture_worker.__file__, self.opener, self.model, str(pictures)]
        return WorkerProcess(self.name, arguments, environment_of(self.root))

    def installed_bytes(self) -> int | None:
        """Return the bytes of all that it needs, None if they cannot be found out."""
        system = debian_bytes(self.system) if self.system else 0
        return None if system is None else system + python_bytes(self.packages) + path_bytes(self.paths)


def environment_of(root: Path) -> dict[str, str]:
    """Return the environment of a process that imports the project from `root` and computes on one thread."""
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}


def picture_contenders(models: Sequence[str]) -> tuple[list[PictureContender], dict[str, str]]:
    """Return every contender that is installed, this project's `models` first, and what adds each missing one."""
    built = [own_contender(model) for model in models]
    missing: dict[str, str] = {}
    recipe_paths = own_contender(RECIPE_MODEL).paths
    opencv, pillow = ("opencv-python-headless", *_BASE_PACKAGES), ("pillow", *_BASE_PACKAGES)
    # Name, class, its Python packages and the packages of its system.
    candidates: list[tuple[str, type, tuple[str, ...], tuple[str, ...]]] = [
        ("OpenCV, all ink", OpenCv, opencv, ()),
        ("OpenCV, largest contour", OpenCvLargestContour, opencv, ()),
        ("Pillow, resized to 28×28", Tutorial, pillow, ()),
        ("Tesseract", Tesseract, opencv[:1], ("tesseract-ocr",)),
        ("RapidOCR", RapidOcr, ("rapidocr", "onnxruntime"), ()),
    ]
    for name, reader, packages, system in candidates:
        if remedy := _what_adds(packages, system):
            missing[name] = remedy
        else:
            paths = recipe_paths if packages[1:] == _BASE_PACKAGES else ()
            opener = f"{reader.__module__}:{reader.__qualname__}"
            built.append(PictureContender(name, opener, RECIPE_MODEL, packages, system, paths))
    return built, missing


def _what_adds(packages: Sequence[str], system: Sequence[str]) -> str:
    """Return the commands that install what is missing; empty if nothing is."""
    absent = [name for name in packages if importlib.util.find_spec(_MODULES.get(name, name)) is None]
    programs = [name for name in system if shutil.which(_PROGRAMS[name]) is None]
    steps = [f"pip install {' '.join(absent)}"] if absent else []
    steps += [f"apt install {' '.join(programs)}"] if programs else []
    return ", and ".join(steps)


def own_contender(model: str, root: Path = ROOT, version: str = "") -> PictureContender:
    """Return the predictor of the project in the folder `root`, with a packaged model."""
    artifacts = root / "artifacts"
    paths = (root / "runtime", artifacts / model / INT8_FILE, *artifacts.glob("*.onnx"))
    name = ", ".join(filter(None, (OURS, model.upper(), version)))
    return PictureContender(name, picture_worker.OWN_READER, model, ("pillow", *_BASE_PACKAGES), (), paths, root)


def contender_versions(contenders: Sequence[PictureContender]) -> dict[str, str]:
    """Return the versions of this project and of what the contenders use, by package."""
    versions = installed_versions(*sorted({package for each in contenders for package in each.packages}))
    if any(each.system for each in contenders):  # Tesseract
        shown = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S607
        versions["tesseract"] = shown.split()[1]
    return versions
