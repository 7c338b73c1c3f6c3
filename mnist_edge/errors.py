"""The errors of training, export and benchmark. Each message says what is wrong and, where it can, what to do.

    MnistEdgeError
    ├── DataError            the MNIST files are missing, damaged or cannot be downloaded
    ├── CheckpointError      a checkpoint or a training's saved state cannot be used
    ├── UnknownNameError     an architecture, recipe or device does not exist
    ├── ArtifactError        an exported file or folder cannot be read or replaced
    ├── CalibrationError     a calibration table is missing, damaged or another checkpoint's
    ├── CheckFailedError     a model fails a check of its export: budget, saturation, parity
    ├── BundleError          a bundle cannot have this name or version
    ├── ScoringError         pictures to score cannot be listed, or a scoring cannot be started, resumed or finished
    └── BenchmarkError       an engine failed, or a file of results cannot be read

Reading a model and predicting raise `runtime.errors`.
"""


class MnistEdgeError(Exception):
    """Base of every error that this package raises on purpose."""


class DataError(MnistEdgeError):
    """The MNIST files are missing, damaged or cannot be downloaded."""


class CheckpointError(MnistEdgeError):
    """A checkpoint or a training's saved state is missing, damaged or belongs to something else."""


class UnknownNameError(MnistEdgeError):
    """There is no architecture, recipe or device of this name."""


class ArtifactError(MnistEdgeError):
    """An exported file or folder cannot be read or replaced."""


class CalibrationError(MnistEdgeError):
    """A calibration table is missing, damaged or belongs to another checkpoint."""


class CheckFailedError(MnistEdgeError):
    """A model fails a check of its export: budget, saturation or parity. Nothing was replaced."""


class BundleError(MnistEdgeError):
    """A bundle cannot have this name or version."""


class ScoringError(MnistEdgeError):
    """Pictures to score cannot be listed, or a scoring cannot be started, resumed or finished."""


class BenchmarkError(MnistEdgeError):
    """An engine failed, or a file of results cannot be read."""
