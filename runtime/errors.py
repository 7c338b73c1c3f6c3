"""The errors of the predictor. Each message says what is wrong and what to do.

    PredictorError
    ├── ImageError (ValueError)                     a picture cannot be read or predicted
    └── ModelError (ValueError)                     a model file, its manifest or its golden file cannot be used
        ├── ModelNotFoundError (FileNotFoundError)  it does not exist
        ├── ModelSignatureError                     its inputs or outputs are not a digit network's
        ├── ModelDigestError                        its SHA-256 is not the expected one
        └── SelftestError                           its logits on this machine are not those of the export

A wrong argument type raises TypeError, and an impossible setting ValueError.
"""


class PredictorError(Exception):
    """Base of every error that this package raises on purpose, except for wrong arguments."""


class ImageError(PredictorError, ValueError):
    """A picture is missing, unreadable, too large or wrongly shaped."""


class ModelError(PredictorError, ValueError):
    """A model file, its manifest or its golden file is damaged or holds what a digit network does not need."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """There is no model of this name or at this path, or a file that its manifest names is missing."""


class ModelSignatureError(ModelError):
    """A model's inputs or outputs differ from those of a digit network."""


class ModelDigestError(ModelError):
    """A file's SHA-256 differs from the one in the manifest or the one that the caller pinned."""


class SelftestError(ModelError):
    """A model's logits on this machine differ from those stored at export, or none are stored."""
