"""Convert models to ONNX Runtime's own format, and list what a build of ONNX Runtime for them alone needs.

A minimal build reads no ONNX and has only the operators of a list: see "A smaller ONNX Runtime" in docs/devices.md.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from export.golden_pictures import Answers, joined_answers
from export.parity import gives_same_logits
from mnist_edge.data.drawing import Pixels
from mnist_edge.errors import CheckFailedError
from runtime.contract import INT8_FILE, PICTURE_FILE

INT8_ORT_FILE, PICTURE_ORT_FILE = (str(Path(name).with_suffix(".ort")) for name in (INT8_FILE, PICTURE_FILE))
OPERATORS_FILE = "required_operators_and_types.config"
"""As ONNX Runtime's converter names it: the operators of both files, and the types that they take."""
ORT_FILES = (INT8_ORT_FILE, PICTURE_ORT_FILE, OPERATORS_FILE)


def ort_files(models: Mapping[str, bytes], pictures: Mapping[str, Pixels], answers: Answers) -> dict[str, bytes]:
    """Return the contents of `ORT_FILES` by name.

    Args:
        models: the contents of `INT8_FILE` and `PICTURE_FILE` by name.
        pictures: pictures by name.
        answers: the answers of `PICTURE_FILE` to them, in their order.

    Raises:
        CheckFailedError: ONNX Runtime cannot convert a model, or a result gives other answers.
    """
    with tempfile.TemporaryDirectory() as temporary:
        source, out = Path(temporary) / "onnx", Path(temporary) / "ort"
        source.mkdir()
        for name in (INT8_FILE, PICTURE_FILE):
            (source / name).write_bytes(models[name])
        # In a process of its own, since it configures that process's logging. The style Fixed leaves out layouts that
        # depend on the processor.
        options = ["--optimization_style", "Fixed", "--enable_type_reduction", "--output_dir", str(out), str(source)]
        command = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            problem = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise CheckFailedError(f"ONNX Runtime cannot convert the models to its own format: {problem}")
        contents = {name: (out / name).read_bytes() for name in ORT_FILES}
    # Comments name the files by their paths on this machine.
    contents[OPERATORS_FILE] = re.sub(rb"(?m)^# - .*[/\\]", b"# - ", contents[OPERATORS_FILE])
    if not gives_same_logits(contents[INT8_ORT_FILE], models[INT8_FILE]):
        raise CheckFailedError(f"{INT8_ORT_FILE} gives other logits than {INT8_FILE}")
    given = joined_answers(contents[PICTURE_ORT_FILE], pictures)
    if any(not np.array_equal(getattr(given, field.name), getattr(answers, field.name)) for field in fields(Answers)):
        raise CheckFailedError(f"{PICTURE_ORT_FILE} gives other answers to the golden pictures than {PICTURE_FILE}")
    return contents
