"""Folders are replaced in one step or not at all."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from export.publish import publish, staging
from mnist_edge.errors import ArtifactError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "model").write_text("former")
    (folder / "notes").write_text("the user's")
    return folder


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_appears_with_all_files(tmp_path: Path) -> None:
    with staging(tmp_path / "new" / "v1") as staged:
        (staged / "model").write_text("new")
        publish(staged, tmp_path / "new" / "v1")
    assert _contents(tmp_path / "new" / "v1") == {"model": "new"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v1"]


def _pretend(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process look like one on another system."""
    if system == "old Linux":  # a C library without renameat2
        monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    if system == "macOS":
        monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.parametrize(
    ("system", "former_place"), [("Linux", "v1"), ("old Linux", "v1.former"), ("macOS", "v1.former")]
)
@pytest.mark.parametrize("relative", [False, True])
def test_a_folder_is_replaced_and_other_files_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, system: str, former_place: str, relative: bool
) -> None:
    """Linux exchanges the two in one step, which leaves the former folder under the staged one's path."""
    monkeypatch.chdir(folder.parent)
    _pretend(system, monkeypatch)
    target = Path("v1") if relative else folder
    with staging(target) as staged:
        (staged / "model").write_text("new")
        assert _contents(folder)["model"] == "former"
        publish(staged, target)
        assert _contents(staged.with_name(former_place))["model"] == "former"
        assert [path.name for path in staged.parent.iterdir()] == [former_place]
    assert _contents(folder) == {"model": "new", "notes": "the user's"}
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


def test_files_are_on_disk_before_the_folder_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[str, str]] = []

    def record_flush(descriptor: int) -> None:
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, (folder / "model").read_text()))

    monkeypatch.setattr(os, "fsync", record_flush)

    with staging(folder) as staged:
        (staged / "model").write_text("new")
        publish(staged, folder)
    assert sorted(flushed[:-1]) == [("model", "former"), ("notes", "former"), ("v1", "former")]
    assert flushed[-1] == (folder.parent.name, "new")


def test_an_interruption_leaves_the_folder_unchanged(folder: Path) -> None:
    before = _contents(folder)

    def fail_halfway() -> None:
        with staging(folder) as staged:
            (staged / "model").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert _contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


def test_a_failure_between_two_steps_restores_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend("macOS", monkeypatch)
    before = _contents(folder)
    rename = Path.rename

    def refuse_staged(self: Path, target: Path) -> Path:
        if self.name == "v1" and self.parent.name.startswith("."):
            raise OSError("no space left on device")
        return rename(self, target)

    with staging(folder) as staged:
        monkeypatch.setattr(Path, "rename", refuse_staged)
        with pytest.raises(OSError, match="no space left"):
            publish(staged, folder)
    assert _contents(folder) == before


def test_a_file_of_that_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("the user's")
    with pytest.raises(ArtifactError, match="is a file"), staging(tmp_path / "v1"):
        pass
    assert (tmp_path / "v1").read_text() == "the user's"
