"""Files are written atomically, and temporary files of killed processes are cleaned up."""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from export.publish import staging
from mnist_edge.errors import BenchmarkError
from mnist_edge.files import atomic_write, load_results, save_results, sha256_of, write_bytes

HOURS_AGO = time.time() - 7_200


@dataclass(frozen=True)
class Measurement:
    seconds: tuple[float, ...]


def test_file_appears_complete_when_the_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.json"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_file_stays_unchanged_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_bytes(path, b"former")

    def fail_half_way() -> None:
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def _leave_temporary(path: Path, changed_at: float) -> Path:
    """Create what a process killed at that time leaves behind: a folder if the name is `.v1.…`, else a file."""
    if path.name.startswith(".v1."):
        (path / "v1").mkdir(parents=True)
        (path / "v1" / "model").write_bytes(b"half")
    else:
        path.write_bytes(b"half")
    os.utime(path, (changed_at, changed_at))
    return path


def test_writing_removes_stale_temporary_files_of_that_path(tmp_path: Path) -> None:
    stale = _leave_temporary(tmp_path / ".table.json.abc.part", HOURS_AGO)
    in_use = _leave_temporary(tmp_path / ".table.json.def.part", time.time())
    of_another_path = _leave_temporary(tmp_path / ".other.json.abc.part", HOURS_AGO)
    write_bytes(tmp_path / "table.json", b"whole")
    assert (tmp_path / "table.json").read_bytes() == b"whole"
    assert [path.exists() for path in (stale, in_use, of_another_path)] == [False, True, True]


def test_staging_removes_stale_folders_if_the_target_exists(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    stale = _leave_temporary(tmp_path / ".v1.abc.part", HOURS_AGO)
    in_use = _leave_temporary(tmp_path / ".v1.def.part", time.time())
    with staging(folder):  # without the target, the stale folder may hold the only copy
        assert stale.exists()
    folder.mkdir()
    with staging(folder):
        assert not stale.exists()
    assert in_use.exists()


def test_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"abc")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_results_are_read_back_as_saved(tmp_path: Path) -> None:
    save_results(tmp_path / "results.json", Measurement((1.0, 2.5)))
    assert json.loads((tmp_path / "results.json").read_text()) == {
        "kind": "Measurement",
        "format": 1,
        "seconds": [1.0, 2.5],
    }
    assert load_results(tmp_path / "results.json", Measurement) == Measurement((1.0, 2.5))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"kind": "OtherMeasurement", "format": 1, "seconds": []}', "kind 'OtherMeasurement', format 1"),
        ('{"kind": "Measurement", "format": 2, "seconds": []}', "kind 'Measurement', format 2"),
        ('{"kind": "Measurement", "format": 1}', "seconds"),
        ('{"kind": "Measurement", "format": 1, "seconds": ["a"]}', "seconds"),
        ('{"kind"', "Expecting"),
        ("[]", "no object"),
        (None, "No such file"),
    ],
)
def test_other_files_are_refused_as_results(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BenchmarkError, match=problem) as refusal:
        load_results(path, Measurement)
    assert f"{path} holds no results of type Measurement, format 1" in str(refusal.value)
    assert str(refusal.value).endswith("Measure again, into a new file.")
