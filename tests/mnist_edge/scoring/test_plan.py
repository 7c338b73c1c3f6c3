"""The plan of a scoring: what it lists, when it is refused, and which blocks are left to do. Needs no Ray."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from pyarrow.fs import FileSystem, PyFileSystem

from mnist_edge.errors import ScoringError
from mnist_edge.scoring import plan as plans
from mnist_edge.scoring.plan import (
    PLAN_FILE,
    Plan,
    Settings,
    load_plan,
    open_plan,
    pending_blocks,
    read_block,
    write_whole,
)
from mnist_edge.scoring.sources import Picture, Place, open_place, open_source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of 25 files with the names of images."""
    (tmp_path / "photos").mkdir()
    for index in range(25):
        (tmp_path / "photos" / f"{index:02}.png").write_bytes(b"x" * index)
    return tmp_path / "photos"


def plan_for(photos: Path, out: Place, *, resume: bool = False, **others: Any) -> Plan:
    settings = replace(Settings(str(photos), None, "ab12", "1.0", 10), **others)
    return open_plan(settings, open_source(str(photos)), out, resume=resume)


def test_a_plan_lists_every_picture_and_is_read_back(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    assert load_plan(out) == plan
    assert (plan.pictures, plan.blocks, [plan.pictures_in(block) for block in range(3)]) == (25, 3, [10, 10, 5])
    blocks = [read_block(out, block) for block in range(3)]
    assert [picture for block in blocks for picture in block] == [
        Picture(f"{photos}/{index:02}.png", index) for index in range(25)
    ]
    assert [len(block) for block in blocks] == [10, 10, 5]


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
    write_whole(out, replace(plan, digest="another").file_of(2), b"rows")
    assert pending_blocks(plan, out) == [0, 2]


@pytest.mark.parametrize("end", [0, -1, -100])
def test_planning_that_was_interrupted_starts_again(photos: Path, tmp_path: Path, end: int) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    file = tmp_path / "out" / PLAN_FILE
    file.write_bytes(file.read_bytes()[:end])
    assert load_plan(out) is None
    assert plan_for(photos, out) == plan
    assert len(read_block(out, 2)) == 5


def test_a_list_that_an_error_cut_short_is_no_plan(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    unreadable = photos / "z" / os.fsdecode(b"\xff.png")
    unreadable.parent.mkdir()
    unreadable.touch()
    with pytest.raises(ScoringError, match="not UTF-8"):
        plan_for(photos, out)
    assert parquet.read_metadata(tmp_path / "out" / PLAN_FILE).num_rows == 20
    assert load_plan(out) is None
    unreadable.unlink()
    assert plan_for(photos, out).pictures == 25


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
    assert plan_for(photos, out, resume=True) == plan
    with pytest.raises(ScoringError, match=rf"another plan: {name} was .* and is {value}\. "):
        plan_for(photos, out, resume=True, **{name: value})
    with pytest.raises(ScoringError, match="already has a plan; continue it with --resume"):
        plan_for(photos, out)


def test_blocks_without_their_plan_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = open_place(str(tmp_path / "out"))
    plan = plan_for(photos, out)
    write_whole(out, plan.file_of(1), b"rows")
    (tmp_path / "out" / PLAN_FILE).write_bytes(b"damaged")
    with pytest.raises(ScoringError, match=f"already holds {plan.file_of(1)}; score into an empty folder"):
        plan_for(photos, out, resume=True)


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
    source, out = open_source(f"file://{photos}?secret=hunter2"), open_place(str(tmp_path / "out"))
    plan = open_plan(Settings(str(source), None, "ab12", "1.0", 10), source, out, resume=False)
    assert plan.settings.source == str(photos)
    assert b"hunter2" not in (tmp_path / "out" / PLAN_FILE).read_bytes()
