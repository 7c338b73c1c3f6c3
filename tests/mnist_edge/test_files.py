"""Files are whole, and what killed processes left behind does not pile up."""

import os
import time
from pathlib import Path

from export.publish import staging
from mnist_edge.files import write_bytes

HOURS_AGO = time.time() - 7_200


def _leave(path: Path, changed_at: float) -> Path:
    """Make what a process has left that was killed at that time: a file, or for `.v1` a folder."""
    if path.name.startswith(".v1."):
        (path / "v1").mkdir(parents=True)
        (path / "v1" / "model").write_bytes(b"half")
    else:
        path.write_bytes(b"half")
    os.utime(path, (changed_at, changed_at))
    return path


def test_the_next_writing_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    old = _leave(tmp_path / ".table.json.abc.part", HOURS_AGO)
    at_work = _leave(tmp_path / ".table.json.def.part", time.time())
    another = _leave(tmp_path / ".other.json.abc.part", HOURS_AGO)
    write_bytes(tmp_path / "table.json", b"whole")
    assert (tmp_path / "table.json").read_bytes() == b"whole"
    assert [path.exists() for path in (old, at_work, another)] == [False, True, True]


def test_the_next_export_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    old, at_work = (
        _leave(tmp_path / name, at) for name, at in ((".v1.abc.part", HOURS_AGO), (".v1.def.part", time.time()))
    )
    with staging(folder):  # the folder is not there: the old one may hold its last copy
        assert old.exists()
    folder.mkdir()
    with staging(folder):
        assert not old.exists()
    assert at_work.exists()
