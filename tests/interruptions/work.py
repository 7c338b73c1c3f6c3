"""Work that is killed at a given change of a file: `python work.py KIND FOLDER COUNT [ADDRESS]`.

Run as a process of its own, which ends itself with SIGKILL just before its COUNT-th change of a file below FOLDER, or
lives if there are fewer. Prints how many there were.
"""

import hashlib
import os
import signal
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_edge.data import mnist as data
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import IdxFile

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.copyfile")


def small_contents() -> dict[tuple[Any, Any], bytes]:
    """Give the content of four files like MNIST's, of three images each."""
    images, labels = struct.pack(">IIII", 2051, 3, 2, 2) + bytes(range(12)), struct.pack(">II", 2049, 3) + bytes(3)
    return {key: images if key[1] == "images" else labels for key in data.FILES}


def _watch(folder: Path, kill_at: int) -> list[str]:
    changes: list[str] = []

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        # What makes two folders change places has no event of its own; its name is looked up just before.
        exchanges = event == "ctypes.dlsym" and arguments[1] == "renameat2"
        if exchanges or ((event in _CHANGES or writes) and str(folder) in str(arguments[0])):
            changes.append(event)
            if len(changes) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_event)
    return changes


def train(folder: Path, _address: str) -> None:
    """Train for three epochs, or go on with a training that was killed."""
    from mnist_edge.training.checkpoint import save_checkpoint
    from mnist_edge.training.loop import train as train_model
    from mnist_edge.training.recipes import find_recipe
    from mnist_edge.training.resume import STATE_FILE, StateFile

    recipe = replace(find_recipe("v1", "reference"), epochs=3)
    state = StateFile(folder / STATE_FILE, resume=True)
    result = train_model(recipe, draw_digits(128, 1), state=state, seed=1, threads=1)
    save_checkpoint(folder / "checkpoint.safetensors", "v1", result.model, result.facts)
    state.path.unlink(missing_ok=True)


def calibrate(folder: Path, _address: str) -> None:
    """Record the ranges of the checkpoint there."""
    from export.exporter import calibrate as record

    record(folder / "checkpoint.safetensors", draw_digits(600, 2))


def export(folder: Path, _address: str) -> None:
    """Export the checkpoints that lie in a folder beside it."""
    from export.exporter import export_checkpoints

    export_checkpoints(sorted(folder.with_name("sources").glob("*/checkpoint.safetensors")), folder)


def download(folder: Path, address: str) -> None:
    """Fetch four small files."""
    for key, content in small_contents().items():
        shape = (3, 2, 2) if key[1] == "images" else (3,)
        data.FILES[key] = IdxFile(data.FILES[key].name, shape, hashlib.sha256(content).hexdigest())
    data.download(folder, mirrors=[address])


KINDS = {"train": train, "calibrate": calibrate, "export": export, "download": download}

if __name__ == "__main__":
    where = Path(sys.argv[2])
    seen = _watch(where, int(sys.argv[3]))
    KINDS[sys.argv[1]](where, sys.argv[4])
    print(len(seen))
