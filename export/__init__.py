"""Export a checkpoint to float and int8 ONNX files, which are checked before they replace the former ones."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read by onnxruntime when it is imported; see `runtime`
