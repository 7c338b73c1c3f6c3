"""A predictor among threads and processes: shared, pickled, forked, used at exit; and what it leaves alone."""

import multiprocessing
import os
import pickle  # noqa: TID251 (predictors can be pickled; no file is a pickle)
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.drawing import draw_digits
from runtime import Predictor


def test_threads_can_share_a_predictor() -> None:
    images = draw_digits(40).images
    predictor = Predictor()
    expected = predictor.logits(images)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda index: predictor.logits(images[index : index + 1])[0], list(range(40)) * 25))
    assert np.array_equal(np.stack(rows), np.tile(expected, (25, 1)))


def test_a_pickled_predictor_is_independent_of_its_files(model_folder: Path, noise: NDArray[np.uint8]) -> None:
    predictor = Predictor(model_folder, reject=False, reject_below=0.25)
    prediction = predictor.predict(noise[0])
    content = pickle.dumps(predictor)
    shutil.rmtree(model_folder)
    received = pickle.loads(content)  # noqa: S301 (pickled here)
    assert np.array_equal(received.logits(noise), predictor.logits(noise))
    assert received.predict(noise[0]) == prediction
    assert (received.path, received.sha256) == (predictor.path, predictor.sha256)
    assert (received.temperature, received.reject, received.reject_below) == (predictor.temperature, False, 0.25)


def put_digits(predictor: Predictor, images: NDArray[np.uint8], queue: Any) -> None:
    queue.put(predictor.classify(images).digits.tolist())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_predictor_works_in_another_process(method: str, threads: int) -> None:
    images = np.resize(draw_digits(20).images, (64, 28, 28))
    predictor = Predictor(threads=threads)
    expected = predictor.classify(images).digits.tolist()
    context: Any = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=put_digits, args=(predictor, images, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0
    assert predictor.classify(images).digits.tolist() == expected


@pytest.mark.parametrize("use", ["predictor.predict(path)", "del predictor", "None"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_process_ends_normally(root: Path, samples: Path, use: str, threads: int) -> None:
    """Destroying the inherited session, whose threads do not exist in the child, could wait forever."""
    code = f"""
import os, sys
import numpy as np
from runtime import Predictor
path = {str(samples / "seven-28x28.png")!r}
predictor = Predictor(threads={threads})
predictor.classify(np.zeros((256, 28, 28), np.uint8))
predictor.predict(path)
child = os.fork()
{use}
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_predictor_works_at_exit_when_no_thread_starts(root: Path) -> None:
    code = """
import atexit
import numpy as np
from runtime import Predictor
predictor = Predictor(threads=2)
atexit.register(lambda: print(predictor.classify(np.zeros((256, 28, 28), np.uint8)).digits.shape))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(256,)\n", "")


def test_loading_and_predicting_print_nothing(root: Path, samples: Path) -> None:
    code = f"from runtime import Predictor; Predictor('v1').predict({str(samples / 'seven-28x28.png')!r})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_predicting_writes_no_files_and_sends_no_telemetry(root: Path, samples: Path, tmp_path: Path) -> None:
    """onnxruntime's telemetry would start a thread and write to the user's cache."""
    code = f"""
import os
from runtime import Predictor
Predictor().predict({str(samples / "seven-28x28.png")!r})
names = [open(f"/proc/self/task/{{task}}/comm").read().strip() for task in os.listdir("/proc/self/task")]
print(len(names) - int(os.environ["OPENBLAS_NUM_THREADS"]))
"""
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    environment = {**os.environ, **places, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert list(tmp_path.iterdir()) == []
