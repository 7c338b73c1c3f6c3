"""Every error that training, data and export raise on purpose.

Each is also the builtin that a caller would catch, and its message says what to do.

    MnistEdgeError
    ├── DataError
    │   ├── DataNotFoundError      (FileNotFoundError)
    │   ├── DataFormatError        (ValueError)
    │   └── DownloadError          (OSError)
    ├── CheckpointError
    │   ├── CheckpointNotFoundError  (FileNotFoundError)
    │   └── CheckpointFormatError    (ValueError)
    ├── UnknownNameError           (LookupError)
    ├── ResumeError                (ValueError)
    ├── DeviceError                (ValueError)
    ├── MissingExtraError          (ImportError)
    ├── CheckoutOnlyError          (ImportError)
    ├── BenchmarkError             (RuntimeError)
    ├── ResultsError               (ValueError)
    └── ExportError
        ├── CalibrationNotFoundError  (FileNotFoundError)
        ├── CalibrationError       (ValueError)
        ├── ArtifactError          (ValueError)
        └── CheckFailedError
            ├── BudgetError        (ValueError)
            ├── SaturationError    (ArithmeticError)
            └── ParityError        (ArithmeticError)

The predictor's own tree stands in `runtime.errors`: `runtime` may be vendored alone.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


class MnistEdgeError(Exception):
    """Base of every error that this package raises on purpose. It can be pickled, for pools of processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how a copy is made: `args` holds the message, not the arguments of `__init__`."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[MnistEdgeError], args: tuple[Any, ...], facts: dict[str, Any]) -> MnistEdgeError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class DataError(MnistEdgeError):
    """The MNIST files are missing, damaged or cannot be fetched."""


class DataNotFoundError(DataError, FileNotFoundError):
    """Files of the data set are not where they were looked for."""

    def __init__(self, directory: Path, missing: Iterable[str], reason: str = "") -> None:
        self.directory = directory
        self.missing = tuple(missing)
        super().__init__(
            f"{directory} lacks {len(self.missing)} of the four MNIST files"
            f"{f' ({reason})' if reason else ''}. Put them there, plain or gzipped: {', '.join(self.missing)}. "
            "Or name another folder with --data DIR or the variable MNIST_EDGE_DATA."
        )


class DataFormatError(DataError, ValueError):
    """A file of the data set does not hold what its name promises."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Replace it with the original MNIST file.")


class DownloadError(DataError, OSError):
    """No mirror delivered a file of the data set."""

    def __init__(self, name: str, attempts: Iterable[tuple[str, str]], directory: Path) -> None:
        self.name = name
        self.attempts = tuple(attempts)
        self.directory = directory
        tried = "; ".join(f"{url}: {problem}" for url, problem in self.attempts)
        super().__init__(
            f"could not download {name} ({tried}). Without a network, put the four MNIST files into "
            f"{directory}, or name the folder that holds them with --data DIR or MNIST_EDGE_DATA: "
            "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
            "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz."
        )


class CheckpointError(MnistEdgeError):
    """A checkpoint cannot be used."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no checkpoint at the path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"there is no checkpoint at {path}. Make one with: mnist-edge train")


class CheckpointFormatError(CheckpointError, ValueError):
    """A checkpoint is damaged, of another format, or does not fit its architecture."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class UnknownNameError(MnistEdgeError, LookupError):
    """An architecture or recipe that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        super().__init__(f"there is no {kind} {name!r}; there are {', '.join(self.known)}")


class ResumeError(MnistEdgeError, ValueError):
    """A training cannot go on from the state of another."""

    def __init__(self, path: Path, what: str, found: object, expected: object) -> None:
        self.path = path
        self.what = what
        super().__init__(
            f"{path} is the state of another training: its {what} is {found}, not {expected}. "
            "Train as it was begun, or anew without --resume."
        )


class DeviceError(MnistEdgeError, ValueError):
    """PyTorch cannot compute on the device asked for."""

    def __init__(self, device: str, problem: str) -> None:
        self.device = device
        super().__init__(f"device {device!r} cannot be used: {problem}")


class MissingExtraError(MnistEdgeError, ImportError):
    """A command needs packages that the base installation does not bring."""

    def __init__(self, package: str | None, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"this command needs the package {package!r}. Install it with: pip install 'mnist-edge[{extra}]'"
        )


class CheckoutOnlyError(MnistEdgeError, ImportError):
    """A command needs a module that the installed package leaves out."""

    def __init__(self, module: str | None) -> None:
        self.module = module
        super().__init__(
            f"this command needs {module}, which is in the project's repository and not in the installed package. "
            "Clone it and run: make install"
        )


class BenchmarkError(MnistEdgeError, RuntimeError):
    """A contender of a benchmark failed."""

    def __init__(self, contender: str, problem: str) -> None:
        self.contender = contender
        self.problem = problem
        super().__init__(f"{contender} failed: {problem}")


class ResultsError(MnistEdgeError, ValueError):
    """A file of results cannot be read."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path} holds no results of this version ({problem}). Measure again.")


class ExportError(MnistEdgeError):
    """An export did not take place; the former artifacts are untouched."""


class CalibrationNotFoundError(ExportError, FileNotFoundError):
    """There is no calibration table for a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"there is no calibration table at {path}. Record one with: mnist-edge calibrate")


class CalibrationError(ExportError, ValueError):
    """A calibration table is damaged or belongs to something else."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Record it again with: mnist-edge calibrate")


class ArtifactError(ExportError, ValueError):
    """A folder of artifacts cannot be read or replaced."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class CheckFailedError(ExportError):
    """A check that an export must pass did not pass."""


class SaturationError(CheckFailedError, ValueError):
    """An int8 model's sums may differ between processors."""

    def __init__(self, weights: str, problem: str) -> None:
        self.weights = weights
        self.problem = problem
        super().__init__(f"{weights}: {problem}. Quantise the weights with 7 bits (reduce_range).")


class BudgetError(CheckFailedError, ValueError):
    """A model has too many parameters or its file too many bytes."""

    def __init__(self, what: str, actual: int, limit: str, remedy: str) -> None:
        self.what = what
        self.actual = actual
        super().__init__(f"{what}: {actual:,}, but the budget is {limit}. {remedy}")


class ParityError(CheckFailedError, ArithmeticError):
    """An exported model does not answer as PyTorch does."""

    def __init__(self, model: str, problem: str) -> None:
        self.model = model
        self.problem = problem
        super().__init__(f"{model} does not answer as PyTorch does: {problem}")
