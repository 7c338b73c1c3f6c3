"""Predict digits with a slim ONNX Runtime session.

Needs numpy and onnxruntime, and Pillow where image files are opened. The folder may be vendored
under another name: it imports nothing by an absolute name of its own.

onnxruntime 1.29 and newer start, when they are imported, a thread that reports their use to their
maker, write its data into the user's cache, and hang forked processes when they end. The variable
that turns this off is set before the import, unless the program has set it already.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from .errors import ImageError, ModelError, PredictorError
from .predictor import Classification, Prediction, Predictor, SelftestReport
from .stream import predict_stream

__all__ = [
    "Classification",
    "ImageError",
    "ModelError",
    "Prediction",
    "Predictor",
    "PredictorError",
    "SelftestReport",
    "predict_stream",
]
