"""Shared fixtures: the MNIST data set if it is available, committed artifacts, and the command line."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import Split, data_directory, load_split, missing_files

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Sealed = Callable[[Path], list[str | Path]]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def artifacts() -> Path:
    return ROOT / "artifacts"


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "artifacts" / "samples"


@pytest.fixture(scope="session", params=["v1", "v2"])
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each packaged model in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def mnist_directory() -> Path:
    directory, source = data_directory()
    if missing_files(directory):
        pytest.skip(f"needs the MNIST data set, which {directory} (from {source}) lacks: set MNIST_EDGE_DATA")
    return directory


@pytest.fixture(scope="session")
def mnist_train(mnist_directory: Path) -> Split:
    return load_split(mnist_directory, "train")


@pytest.fixture(scope="session")
def mnist_test(mnist_directory: Path) -> Split:
    return load_split(mnist_directory, "test")


@pytest.fixture
def noise() -> NDArray[np.uint8]:
    """Return seven images of noise, uint8 `[7, 28, 28]`."""
    return np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="session")
def run() -> Run:
    """Return a function that runs `mnist-edge` in a subprocess."""

    def run_mnist_edge(
        *arguments: object, stdin: bytes | None = None, cwd: Path = ROOT, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "mnist_edge", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(cwd), **environment},
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_mnist_edge


class _Mirror(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self) -> None:
        content = self.files.get(self.path.lstrip("/"))
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


@pytest.fixture
def mirror() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Serve files on loopback; yield the address and the files, which a test may change."""
    files: dict[str, bytes] = {}
    handler = type("Handler", (_Mirror,), {"files": files})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", files
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def namespace() -> list[str]:
    """Return the start of a command line that runs a command in its own mount namespace, with rights to mount."""
    unshare = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("needs Linux with unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1")
    return unshare


@pytest.fixture(scope="session")
def sealed(namespace: list[str]) -> Sealed:
    """Return a function that returns the start of a command line, given a folder.

    The command runs with all disks read-only, and without network, home folder, PATH, docstrings or assertions. It
    exits with 99 if the folder can be written.
    """
    # Remount every writable file system read-only, in the command's mount namespace.
    script = (
        "while read -r _ path kind _; do case $kind in proc|sysfs|cgroup*|devpts|mqueue) ;; "
        '*) mount -o remount,bind,ro "$path" 2>/dev/null || true ;; esac; done < /proc/mounts; '
        'if touch "$0" 2>/dev/null; then exit 99; fi; exec "$@"'
    )
    environment = {"PATH": "/nowhere", "HOME": "/nowhere", "PYTHONOPTIMIZE": "2", "LANG": "C"}
    variables = [f"{name}={value}" for name, value in environment.items()]

    def seal(folder: Path) -> list[str | Path]:
        return [*namespace, "--net", "sh", "-c", script, folder / "written", "/usr/bin/env", "-i", *variables]

    return seal
