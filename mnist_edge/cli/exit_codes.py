"""Exit codes, and what a user is told about each error."""

from mnist_edge.errors import BundleError, CheckFailedError, MnistEdgeError, UnknownNameError

DONE, FAILED, USAGE, REFUSED, NO_DIGIT, BUG, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 70, 130, 143
EXIT_CODES = {
    DONE: "done",
    FAILED: "failed (or one of several inputs did)",
    USAGE: "wrong usage",
    REFUSED: "refused by a check (budget, parity, self-test)",
    NO_DIGIT: "an image shows no digit",
    BUG: "a bug",
    INTERRUPTED: "interrupted",
    TERMINATED: "terminated",
}
EXTRAS = {
    **dict.fromkeys(
        ("google", "msgspec", "onnx", "onnxscript", "platformdirs", "safetensors", "torch", "torchvision"), "train"
    ),
    **dict.fromkeys(("cyclonedx", "hatchling", "packageurl", "packaging"), "train"),
    **dict.fromkeys(("ai_edge_litert", "ncnn", "openvino", "pnnx"), "bench"),
    "matplotlib": "report",
    "skimage": "suites",
    **dict.fromkeys(("fsspec", "pyarrow", "ray"), "scale"),
}
"""The extra that installs each importable package which the base installation lacks."""


def explain(error: Exception) -> tuple[int, str]:
    """Return an error's exit code and the message for the user."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if extra := EXTRAS.get(package):
            return FAILED, (
                f"this command needs the package {package!r}. Install it with: pip install 'mnist-edge[{extra}]'"
            )
        if package == "PIL":  # required, but a device program may do without; the message says what to install
            return FAILED, str(error)
    from runtime.errors import PredictorError, SelftestError  # starts onnxruntime

    codes = {
        UnknownNameError: USAGE,
        BundleError: USAGE,
        CheckFailedError: REFUSED,
        SelftestError: REFUSED,
        MnistEdgeError: FAILED,
        PredictorError: FAILED,
        OSError: FAILED,
    }
    for kind in type(error).__mro__:  # the most specific class comes first
        if kind in codes:
            return codes[kind], str(error)
    return BUG, f"{type(error).__name__}: {error}. This is a bug; rerun with `--debug` for a traceback."
