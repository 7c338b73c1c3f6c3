"""Every error that the predictor raises on purpose.

Each is also the builtin that a caller would catch, and its message says what to do.

    PredictorError
    ├── ImageError
    │   ├── ImageNotFoundError     (FileNotFoundError)
    │   ├── UnreadableImageError   (ValueError)
    │   ├── ImageTooLargeError     (ValueError)
    │   ├── ImageTypeError         (TypeError)
    │   ├── ImageShapeError        (ValueError)
    │   └── BlankImageError        (ValueError)
    └── ModelError
        ├── ModelNotFoundError     (FileNotFoundError)
        ├── ModelFormatError       (ValueError)
        ├── ModelSignatureError     (ValueError)
        ├── ModelGraphError        (ValueError)
        ├── ModelDigestError       (ValueError)
        ├── SettingsError          (ValueError)
        └── SelftestError          (ArithmeticError)
"""

from typing import Any


class PredictorError(Exception):
    """Base of every error that this package raises on purpose. It can be pickled, for pools of processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how a copy is made: `args` holds the message, not the arguments of `__init__`."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[PredictorError], args: tuple[Any, ...], facts: dict[str, Any]) -> PredictorError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class ImageError(PredictorError):
    """An image cannot be predicted."""


class ImageNotFoundError(ImageError, FileNotFoundError):
    """There is no image file at the path."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"there is no image file {path}")


class UnreadableImageError(ImageError, ValueError):
    """A file or its bytes are no image, or a damaged one."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"{name} cannot be read as an image: {problem}")


class ImageTooLargeError(ImageError, ValueError):
    """An image has more pixels than will be decoded."""

    def __init__(self, name: str, size: str, max_pixels: int) -> None:
        self.name = name
        self.size = size
        super().__init__(f"{name} has {size} pixels; at most {max_pixels:,} are decoded. Scale it down first.")


class ImageTypeError(ImageError, TypeError):
    """A value is of a type that no image has."""


class ImageShapeError(ImageError, ValueError):
    """An array has a shape that no image has."""


class BlankImageError(ImageError, ValueError):
    """An image shows nothing that stands out from its background."""

    def __init__(self, contrast: float, min_contrast: float) -> None:
        self.contrast = contrast
        super().__init__(
            f"the image is blank: its darkest and brightest parts differ by {contrast:.0f} of 255 grey levels, "
            f"and a digit needs {min_contrast:.0f}"
        )


class ModelError(PredictorError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """There is no model at the path or of the name."""

    def __init__(self, path: str, hint: str) -> None:
        self.path = path
        super().__init__(f"there is no model {path}. {hint}")


class ModelFormatError(ModelError, ValueError):
    """A model file, its manifest or its golden file is damaged."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class ModelSignatureError(ModelError, ValueError):
    """A model takes or gives something else than the digit networks do."""

    def __init__(self, path: str, what: str, found: str, expected: str) -> None:
        self.path = path
        self.found = found
        self.expected = expected
        super().__init__(f"{path}: its {what} is {found}; a digit network's is {expected}")


class ModelGraphError(ModelError, ValueError):
    """A model's graph holds what could reach beyond the model's own file."""

    def __init__(self, path: str, holds: str) -> None:
        self.path = path
        self.holds = holds
        super().__init__(
            f"{path} holds {holds}; a digit network needs none, and they could reach beyond it. "
            "Export the model with mnist-edge export, or with standard operators and all tensors in the file."
        )


class ModelDigestError(ModelError, ValueError):
    """A file is not the one that its manifest names, or that the caller pinned."""

    def __init__(self, path: str, found: str, expected: str, expected_by: str) -> None:
        self.path = path
        self.found = found
        self.expected = expected
        super().__init__(
            f"{path} is damaged or was replaced: its SHA-256 is {found}, {expected_by} says {expected}. "
            "Copy the whole folder again, or export it anew."
        )


class SettingsError(ModelError, ValueError):
    """A setting of the predictor makes no sense on this machine."""


class SelftestError(ModelError, ArithmeticError):
    """A model does not give the logits on this machine that it gave where it was exported."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        super().__init__(f"{path} fails its self-test: {problem}")
