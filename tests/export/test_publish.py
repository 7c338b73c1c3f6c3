"""Folders change in one step or not at all."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from export import publish as publishing
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


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    with staging(tmp_path / "new" / "v1") as staged:
        (staged / "model").write_text("new")
        publish(staged, tmp_path / "new" / "v1")
    assert _contents(tmp_path / "new" / "v1") == {"model": "new"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v1"]


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_replaced_and_other_files_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    if not in_one_step:
        monkeypatch.setattr(publishing, "_exchange", lambda *_: False)
    with staging(folder) as staged:
        (staged / "model").write_text("new")
        assert _contents(folder)["model"] == "former"
        publish(staged, folder)
    assert _contents(folder) == {"model": "new", "notes": "the user's"}
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


def test_without_the_system_call_there_is_no_exchange(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", lambda _: object())
        assert not publishing._exchange(folder, tmp_path / "other")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not publishing._exchange(folder, tmp_path / "other")


@pytest.mark.parametrize("relative", [False, True])
def test_linux_exchanges_folders_in_one_step(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "model").write_text("new")
    assert publishing._exchange(*((Path("other"), Path("v1")) if relative else (other, folder)))
    assert _contents(folder) == {"model": "new"}
    assert _contents(other)["model"] == "former"


def test_all_of_it_has_reached_the_disk_before_it_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[tuple[str, str]] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: reached.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, seen()))
    )

    def seen() -> str:
        return (folder / "model").read_text()

    with staging(folder) as staged:
        (staged / "model").write_text("new")
        publish(staged, folder)
    assert sorted(reached[:-1]) == [("model", "former"), ("notes", "former"), ("v1", "former")]
    assert reached[-1] == (folder.parent.name, "new")


def test_a_failure_leaves_the_folder_as_it_was(folder: Path) -> None:
    before = _contents(folder)

    def fail_halfway() -> None:
        with staging(folder) as staged:
            (staged / "model").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert _contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]


def test_a_failure_between_two_steps_brings_the_former_folder_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_exchange", lambda *_: False)
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


def test_a_file_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("the user's")
    with pytest.raises(ArtifactError, match="is a file"), staging(tmp_path / "v1"):
        pass
    assert (tmp_path / "v1").read_text() == "the user's"
