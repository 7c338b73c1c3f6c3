"""Predict digits with ONNX Runtime.

Needs only numpy and onnxruntime, and Pillow to open image files. The folder can be vendored under another name: all
imports within it are relative.

Since version 1.29 onnxruntime has telemetry: on import it starts a thread that sends usage data to Microsoft, writes
to the user's cache, and makes forked processes hang when they exit. The variable that disables it is set before the
import, unless the program has already set it.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from .contract import Reason
from .errors import ImageError, ModelError, PredictorError
from .graphs import Prepared
from .predictor import Classification, Prediction, Predictor, Rejection
from .selftest import SelftestReport
from .stream import predict_stream

__all__ = [
    "Classification",
    "ImageError",
    "ModelError",
    "Prediction",
    "Predictor",
    "PredictorError",
    "Prepared",
    "Reason",
    "Rejection",
    "SelftestReport",
    "predict_stream",
]
