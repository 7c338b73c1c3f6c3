"""The plan of a scoring: what it lists, when it is refused, and which blocks are left to do. Needs no Ray."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import FileSystem, PyFileSystem

from mnist_edge.errors import ScoringError
from mnist_edge.scoring import plan as plans
from mnist_edge.scoring.plan import (
    BLOCKS_FILE,
    PLAN_FILE,
    Plan,
    Settings,
    check_settings,
    load_plan,
    make_plan,
    pending_blocks,
    read_block,
    write_whole,
)
from mnist_edge.scoring.sources import Place, open_place, open_source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of 25 files with the names of images."""
    (tmp_path / "photos").mkdir()
    for index in range(25):
        (tmp_path / "photos" / f"{index:02}.png").write_bytes(b"x" * index)
    return tmp_path / "photos"


def plan_for(photos: Path, out: Place, **others: Any) -> Plan:
    return make_plan(
        replace(Settings(str(photos), None, "ab12", "1.0", 10), **others), open_source(str(photos), None), out
    )


def test_a_plan_lists_every_picture_and_is_read_back(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    assert load_plan(out) == plan
    assert (plan.pictures, plan.blocks, [plan.pictures_in(block) for block in range(3)]) == (25, 3, [10, 10, 5])
    blocks = [read_block(out, block) for block in range(3)]
    assert [span.path for block in blocks for span in block] == [f"{photos}/{index:02}.png" for index in range(25)]
    assert [span.file_bytes for span in blocks[2]] == list(range(20, 25))


def test_the_digest_tells_lists_and_settings_apart(photos: Path, tmp_path: Path) -> None:
    def digest(name: str, **others: Any) -> str:
        return plan_for(photos, open_place(str(tmp_path / name)), **others).digest

    first = digest("1")
    assert digest("2") == first
    assert digest("3", model_sha256="cd34") != first
    assert digest("4", pictures_per_block=9) != first
    (photos / "00.png").write_bytes(b"larger")
    assert digest("5") != first


def test_a_block_is_pending_until_its_file_is_there(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    assert pending_blocks(plan, out) == [0, 1, 2]
    write_whole(out, plan.file_of(1), b"rows")
    write_whole(out, replace(plan, list_sha256="another").file_of(2), b"rows")
    assert pending_blocks(plan, out) == [0, 2]


def test_planning_that_was_interrupted_starts_again(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    (tmp_path / "out" / "_plan").mkdir(parents=True)
    (tmp_path / "out" / BLOCKS_FILE).write_bytes(b"half a li")
    assert load_plan(out) is None
    assert plan_for(photos, out).pictures == 25
    assert len(read_block(out, 2)) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", "elsewhere"),
        ("column", "image"),
        ("model_sha256", "cd34"),
        ("mnist_edge", "2.0"),
        ("pictures_per_block", 11),
    ],
)
def test_a_plan_with_another_setting_is_refused(photos: Path, tmp_path: Path, name: str, value: Any) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    check_settings(plan, plan.settings, out)
    with pytest.raises(ScoringError, match=rf"another plan: {name} was .* and is {value}\. "):
        check_settings(plan, replace(plan.settings, **{name: value}), out)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"settings": 1}'])
def test_a_damaged_plan_is_an_error(photos: Path, tmp_path: Path, content: bytes) -> None:
    out = open_place(str(tmp_path / "out"))
    plan_for(photos, out)
    (tmp_path / "out" / PLAN_FILE).write_bytes(content)
    with pytest.raises(ScoringError, match=r"plan\.json cannot be read"):
        load_plan(out)


def test_a_folder_with_other_files_is_refused(photos: Path) -> None:
    with pytest.raises(ScoringError, match=r"already holds \d\d\.png"):
        plan_for(photos, open_place(str(photos)))


def test_a_source_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ScoringError, match="there are no image files in"):
        plan_for(tmp_path, open_place(str(tmp_path / "out")))
    assert load_plan(open_place(str(tmp_path / "out"))) is None


def test_a_store_that_shows_unfinished_files_is_refused(photos: Path, store: FileSystem) -> None:
    with pytest.raises(ScoringError, match="before they are complete"):
        plan_for(photos, Place(store, "/digits", "memory://"))


def test_a_plan_can_lie_in_a_store(photos: Path, store: PyFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_STORES", (store.type_name,))
    out = Place(store, "/digits", "memory://")
    plan = plan_for(photos, out)
    assert load_plan(out) == plan
    write_whole(out, plan.file_of(0), b"rows")
    assert pending_blocks(plan, out) == [1, 2]
    assert len(read_block(out, 2)) == 5


def test_a_plan_holds_no_secrets_of_an_address(photos: Path, tmp_path: Path) -> None:
    source = open_source(f"file://{photos}?secret=hunter2", None)
    out = open_place(str(tmp_path / "out"))
    make_plan(Settings(str(source), None, "ab12", "1.0", 10), source, out)
    assert json.loads((tmp_path / "out" / PLAN_FILE).read_text())["settings"]["source"] == str(photos)
