"""Turn a checkpoint into ONNX files, float and int8, that are checked before they appear."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read by onnxruntime when it is imported; see `runtime`
