"""Do work that writes files, and be killed before a given change: `python work.py KIND FOLDER KILL_AT ADDRESS`.

The process sends itself SIGKILL just before its KILL_AT-th change to a file below FOLDER. If there are fewer changes,
or KILL_AT is 0, it runs to the end and prints the number of changes.
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

_CHANGE_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.copyfile")


def small_contents() -> dict[tuple[Any, Any], bytes]:
    """Return the contents of four IDX files like MNIST's, with three images each, by the keys of `FILES`."""
    images, labels = struct.pack(">IIII", 2051, 3, 2, 2) + bytes(range(12)), struct.pack(">II", 2049, 3) + bytes(3)
    return {key: images if key[1] == "images" else labels for key in data.FILES}


def _kill_before_change(folder: Path, kill_at: int) -> list[str]:
    """Kill this process just before a change; return a list that grows by one audit event per change."""
    changes: list[str] = []

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        # Exchanging two folders raises no audit event, but looking up renameat2 just before does.
        exchanges = event == "ctypes.dlsym" and arguments[1] == "renameat2"
        if exchanges or ((event in _CHANGE_EVENTS or writes) and str(folder) in str(arguments[0])):
            changes.append(event)
            if len(changes) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_event)
    return changes


def train(folder: Path, _address: str) -> None:
    """Train for three epochs, resuming from the saved state if there is one."""
    from mnist_edge.training.checkpoint import save_checkpoint
    from mnist_edge.training.loop import train as train_model
    from mnist_edge.training.recipes import find_recipe
    from mnist_edge.training.resume import STATE_FILE, StateFile
    from mnist_edge.training.torch_settings import RunSettings

    recipe = replace(find_recipe("v1", "reference"), epochs=3)
    state = StateFile(folder / STATE_FILE, resume=True)
    result = train_model(recipe, draw_digits(128, 1), settings=RunSettings(seed=1, threads=1), state=state)
    save_checkpoint(folder / "checkpoint.safetensors", "v1", result.model, result.facts)
    state.path.unlink(missing_ok=True)


def calibrate(folder: Path, _address: str) -> None:
    """Write the calibration table of the checkpoint in the folder."""
    from export.exporter import calibrate as record

    record(folder / "checkpoint.safetensors", draw_digits(600, 2))


def export(folder: Path, _address: str) -> None:
    """Export the checkpoints in the sibling folder `sources`."""
    from export.exporter import export_checkpoints

    export_checkpoints(sorted(folder.with_name("sources").glob("*/checkpoint.safetensors")), folder)


def download(folder: Path, address: str) -> None:
    """Download four small files from a mirror."""
    for key, content in small_contents().items():
        shape = (3, 2, 2) if key[1] == "images" else (3,)
        data.FILES[key] = IdxFile(data.FILES[key].name, shape, hashlib.sha256(content).hexdigest())
    data.download(folder, mirrors=[address])


KINDS = {"train": train, "calibrate": calibrate, "export": export, "download": download}

if __name__ == "__main__":
    kind, folder, kill_at, address = sys.argv[1:]
    changes = _kill_before_change(Path(folder), int(kill_at))
    KINDS[kind](Path(folder), address)
    print(len(changes))
