"""Killed, or on a full or read-only disk, each command leaves its files complete: the former or the new ones."""

import gzip
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from export.exporter import calibrate
from mnist_edge.data import mnist as data
from mnist_edge.data.drawing import draw_digits
from mnist_edge.training.checkpoint import load_checkpoint, save_checkpoint
from runtime import Predictor
from runtime.loading import load_model
from tests.interruptions.work import KINDS, small_contents

Snapshot = dict[str, str]
MODELS = ("v1", "v2")
WORK = Path(__file__).with_name("work.py")


def _snapshot(folder: Path) -> Snapshot:
    """Return the digests of a folder's files, without hidden ones: a killed process may leave temporary files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _files_of(model: str, files: Snapshot) -> Snapshot:
    """Return the part of an export's snapshot that belongs to one model."""
    return {name: digest for name, digest in files.items() if name.startswith(model)}


@pytest.fixture(scope="module")
def sources(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of checkpoints whose weights differ from the committed ones, with calibration tables."""
    folder = tmp_path_factory.mktemp("interrupted") / "sources"
    for name in MODELS:
        checkpoint = load_checkpoint(artifacts / name / "checkpoint.safetensors")
        with torch.no_grad():
            next(checkpoint.model.parameters()).mul_(0.99)
        path = folder / name / "checkpoint.safetensors"
        save_checkpoint(path, name, checkpoint.model, checkpoint.facts)
        calibrate(path, draw_digits(600, 3))
    return folder


@pytest.fixture
def address(mirror: tuple[str, dict[str, bytes]]) -> str:
    """Return the address of a mirror that serves four small files."""
    mirror_address, files = mirror
    files.update({f"{data.FILES[key].name}.gz": gzip.compress(content) for key, content in small_contents().items()})
    return mirror_address


@dataclass(frozen=True)
class InterruptedWork:
    """One kind of work, run and killed in fresh folders."""

    kind: str
    prepare: Callable[[], Path]
    address: str

    def run(self, folder: Path, kill_at: int) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(WORK), self.kind, str(folder), str(kill_at), self.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done

    def check_nothing_is_lost(self, kill_at: int, former: Snapshot, new: Snapshot) -> None:
        """Kill the work, check the files that are left, and if it can be resumed, run it again to the end."""
        folder = self.prepare()
        assert self.run(folder, kill_at).returncode == -signal.SIGKILL
        left = _snapshot(folder)
        if self.kind == "train":
            left.pop("training-state.safetensors", None)
        if self.kind == "export":  # each model's folder is replaced as a whole
            for model in MODELS:
                assert _files_of(model, left) in (_files_of(model, former), _files_of(model, new))
                Predictor(folder / model).selftest()
            load_model(folder / "prepare.onnx")  # checks it against the manifest beside it
        elif self.kind == "download":  # each file is replaced as a whole
            assert left.items() <= new.items()
        else:
            assert left in (former, new)
        if self.kind in ("train", "download"):
            assert self.run(folder, 0).returncode == 0
            assert _snapshot(folder) == new


@pytest.fixture
def work(
    request: pytest.FixtureRequest, artifacts: Path, sources: Path, tmp_path: Path, address: str
) -> InterruptedWork:
    kind = str(request.param)

    def prepare() -> Path:
        parent = tmp_path / f"{time.monotonic_ns()}"
        folder = parent / "out"
        if kind == "export":
            shutil.copytree(artifacts, folder, ignore=shutil.ignore_patterns("samples"))
            (parent / "sources").symlink_to(sources)
        else:
            folder.mkdir(parents=True)
        if kind in ("train", "calibrate"):
            shutil.copy(artifacts / "v1" / "checkpoint.safetensors", folder)
        if kind == "calibrate":
            shutil.copy(artifacts / "v1" / "calibration.json", folder)
        return folder

    return InterruptedWork(kind, prepare, address)


def _run_uninterrupted(work: InterruptedWork) -> tuple[Snapshot, Snapshot, int]:
    """Return the files before and after the work, and the number of changes it makes."""
    folder = work.prepare()
    former = _snapshot(folder)
    done = work.run(folder, 0)
    new = _snapshot(folder)
    assert former != new
    return former, new, int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "work",
    [pytest.param(kind, marks=[] if kind == "download" else [pytest.mark.slow]) for kind in KINDS],
    indirect=True,
)
def test_no_file_is_lost_when_killed_at_one_change(work: InterruptedWork) -> None:
    former, new, changes = _run_uninterrupted(work)
    kill_at = {"export": changes * 3 // 4, "calibrate": changes}.get(work.kind, changes // 2)
    work.check_nothing_is_lost(kill_at, former, new)


@pytest.mark.long
@pytest.mark.parametrize("work", KINDS, indirect=True)
def test_no_file_is_lost_when_killed_at_any_change(work: InterruptedWork) -> None:
    former, new, changes = _run_uninterrupted(work)
    for kill_at in range(1, changes + 1):
        work.check_nothing_is_lost(kill_at, former, new)


@pytest.mark.long
@pytest.mark.parametrize("work", ["export"], indirect=True)
def test_export_killed_at_random_moments_loses_no_model(work: InterruptedWork, root: Path) -> None:
    former, new, _ = _run_uninterrupted(work)
    generator = np.random.default_rng(0)
    for _ in range(25):
        folder = work.prepare()
        process = subprocess.Popen([sys.executable, str(WORK), work.kind, str(folder), "0", ""], cwd=root)
        time.sleep(generator.uniform(1, 8))
        process.kill()
        process.wait()
        left = _snapshot(folder)
        for model in MODELS:
            assert _files_of(model, left) in (_files_of(model, former), _files_of(model, new))


@pytest.mark.long
def test_training_killed_repeatedly_ends_with_the_same_weights(
    root: Path, mnist_directory: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "mnist_edge", "train", "v1", "--epochs", "4", "--threads", "1"]
    command += ["--data", str(mnist_directory)]
    uninterrupted, killed = (tmp_path / folder / "checkpoint.safetensors" for folder in ("uninterrupted", "killed"))
    subprocess.run([*command, "--out", str(uninterrupted.parent)], cwd=root, check=True, capture_output=True)
    generator, kills = np.random.default_rng(0), 0
    while not killed.exists():
        resume = [*command, "--out", str(killed.parent), "--resume"]
        process = subprocess.Popen(resume, cwd=root, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            process.wait(generator.uniform(8, 14))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert kills > 1
    assert killed.read_bytes() == uninterrupted.read_bytes()


# Shell commands that make `disk` of the former files and then break it, by the error message to expect.
_PREPARE_DISK = {
    "No space left on device": 'mount -t tmpfs -o size=1m none "$1/disk" && cp "$1"/former/* "$1/disk" && '
    '! dd if=/dev/zero of="$1/disk/.fill" 2>/dev/null',
    "Read-only file system": 'cp "$1"/former/* "$1/disk" && mount --bind "$1/disk" "$1/disk" && '
    'mount -o remount,bind,ro "$1/disk"',
}


def _run_on_broken_disk(
    namespace: list[str], problem: str, folder: Path, command: list[str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a mount namespace where `folder`/disk is broken, then copy its files to `folder`/left."""
    (folder / "disk").mkdir()
    script = f'{_PREPARE_DISK[problem]} && shift && "$@"; code=$?; mkdir {folder}/left; '
    script += f"cp -r {folder}/disk/. {folder}/left; exit $code"
    isolated = [*namespace, "sh", "-c", script, "sh", str(folder), *command]
    return subprocess.run(isolated, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("problem", _PREPARE_DISK)
@pytest.mark.parametrize("command", ["train v1 --out", "calibrate", "export --checkpoint SOURCE --out"])
def test_broken_disk_is_reported_and_keeps_the_former_files(
    namespace: list[str], sources: Path, mnist_directory: Path, tmp_path: Path, problem: str, command: str
) -> None:
    former = tmp_path / "former"
    shutil.copytree(sources / "v1", former)
    (former / "training.log").write_text("former\n")
    target = tmp_path / "disk" / ("checkpoint.safetensors" if command == "calibrate" else "")
    arguments = command.replace("SOURCE", str(sources / "v1" / "checkpoint.safetensors")).split()
    full_command = [sys.executable, "-m", "mnist_edge", *arguments, str(target)]
    if "export" not in command:
        full_command += ["--data", str(mnist_directory.resolve())]
    done = _run_on_broken_disk(namespace, problem, tmp_path, full_command)
    assert done.returncode == 1, done.stderr
    assert problem in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    left = {path.name: path.read_bytes() for path in (tmp_path / "left").glob("[!.]*.*")}
    assert left.pop("training.log").startswith(b"former\n")  # a full disk's last page may still take some lines
    assert left == {path.name: path.read_bytes() for path in sources.joinpath("v1").iterdir()}
