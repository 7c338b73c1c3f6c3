"""Listing and reading pictures: folders, patterns and columns of parquet files. Needs no Ray."""

import os
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import parquet
from pyarrow.fs import FSSpecHandler, PyFileSystem

from mnist_edge.errors import ScoringError
from mnist_edge.scoring import sources
from mnist_edge.scoring.sources import Picture, Place, list_pictures, open_source, read_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b/2.png",
        "b/10.JPG",
        "b/notes.txt",
        "b-2/1.webp",
        "a.tif",
        "c/d/e.pgm",
        "c/f.parquet",
        "photo [1].png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def names(source: str, folder: Path) -> list[str]:
    return [str(Path(picture.path).relative_to(folder)) for picture in list_pictures(open_source(source), None)]


def test_a_folder_stands_for_the_images_below_it_in_order(folder: Path) -> None:
    expected = ["a.tif", "b/10.JPG", "b/2.png", "b-2/1.webp", "c/d/e.pgm", "photo [1].png"]
    assert names(str(folder), folder) == expected
    first, *_ = list_pictures(open_source(str(folder)), None)
    assert first == Picture((folder / "a.tif").as_posix(), 5)


def test_a_relative_path_is_listed_with_full_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names("b", folder) == ["b/10.JPG", "b/2.png"]
    assert names("*/*.png", folder) == ["b/2.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("b/*.png", ["b/2.png"]),
        ("b*/*", ["b/10.JPG", "b/2.png", "b/notes.txt", "b-2/1.webp"]),
        ("**/*.p?m", ["c/d/e.pgm"]),
        ("*.[pt]*", ["a.tif", "photo [1].png"]),
        ("b/2.png", ["b/2.png"]),
        ("photo [1].png", ["photo [1].png"]),
        ("b/notes.txt", ["b/notes.txt"]),
        ("z*", []),
    ],
)
def test_a_pattern_or_a_file_names_exactly_what_matches(folder: Path, pattern: str, expected: list[str]) -> None:
    assert names(f"{folder}/{pattern}", folder) == expected


def test_names_hold_any_character(tmp_path: Path) -> None:
    picture = tmp_path / "50%20?" / "é#1.png"
    picture.parent.mkdir()
    picture.touch()
    for location in (picture, picture.parent, f"{tmp_path}/5*/*.png"):
        assert [each.path for each in list_pictures(open_source(str(location)), None)] == [str(picture)]


def test_the_root_is_a_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (file,) = open_source(str(folder)).filesystem.get_file_info([str(folder / "b" / "2.png")])
    monkeypatch.setattr(sources, "_walk", lambda _, path: iter([file] if path == "/" else []))
    for location in ("/", "/*/**/2.png"):
        assert [each.path for each in list_pictures(open_source(location), None)] == [file.path]


def test_a_link_to_a_folder_above_is_not_followed(folder: Path) -> None:
    (folder / "c" / "loop").symlink_to(folder / "c")
    (folder / "c" / "other").symlink_to(folder / "b")
    assert names(f"{folder}/c", folder) == ["c/d/e.pgm", "c/other/10.JPG", "c/other/2.png"]


@pytest.mark.parametrize("location", ["nowhere", "nowhere/*.png", "moon://bucket/x", "s3://a b/x"])
def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, location: str) -> None:
    with pytest.raises(ScoringError, match=r"there is nothing at|cannot be opened"):
        list(list_pictures(open_source(location if "://" in location else f"{tmp_path}/{location}"), None))


def test_a_file_name_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    with pytest.raises(ScoringError, match="whose name is not UTF-8"):
        list(list_pictures(open_source(str(tmp_path)), None))


def test_files_are_read_in_order_and_missing_ones_are_told(folder: Path) -> None:
    source = open_source(str(folder))
    pictures = list(list_pictures(source, None)) * 10
    (folder / "b" / "2.png").unlink()
    contents = list(read_pictures(source, None, pictures))
    assert [name for name, _ in contents] == [picture.path for picture in pictures]
    assert list(read_pictures(source, None, pictures[:3])) == contents[:3]
    assert contents[0] == (f"{folder}/a.tif", b"a.tif")
    assert [content for name, content in contents if name.endswith("2.png")] == [contents[2][1]] * 10
    assert str(contents[2][1]).startswith("the file cannot be read: ")


def test_a_file_that_is_too_large_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 5)
    source = open_source(str(folder))
    contents = dict(read_pictures(source, None, list(list_pictures(source, None))))
    assert contents[f"{folder}/a.tif"] == b"a.tif"
    assert contents[f"{folder}/b/2.png"] == "the file has more than 5 bytes"


class _BrokenStore(MemoryFileSystem):  # type: ignore[misc]
    def isfile(self, _path: str) -> bool:
        return True

    def _open(self, path: str, *_arguments: Any, **_options: Any) -> Any:
        raise FileNotFoundError(path) if "gone" in path else OSError("the store is down")


def test_a_failing_store_is_no_fault_of_the_picture() -> None:
    source = Place(PyFileSystem(FSSpecHandler(_BrokenStore(skip_instance_cache=True))), "/photos", "memory://")
    ((name, content),) = read_pictures(source, None, [Picture("/photos/gone.png", 1)])
    assert name == "memory:///photos/gone.png"
    assert str(content).startswith("the file cannot be read")
    with pytest.raises(OSError, match="the store is down"):
        list(read_pictures(source, None, [Picture("/photos/1.png", 1)]))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a parquet file of 250 rows in row groups of 100, with images in a column and in a struct."""
    images = [b"%d" % index if index % 50 else None for index in range(250)]
    columns = {
        "image": images,
        "photo": [{"bytes": image, "path": "x"} for image in images],
        "many": [[image] for image in images],
        "text": ["x"] * 250,
        "number": list(range(250)),
    }
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table(columns), path, row_group_size=100)
    return path


@pytest.mark.parametrize("column", ["image", "photo.bytes"])
@pytest.mark.parametrize(("first", "count"), [(0, 250), (0, 1), (99, 2), (100, 100), (130, 120), (249, 1), (17, 40)])
def test_rows_of_parquet_files_are_read_exactly(table: Path, column: str, first: int, count: int) -> None:
    source = open_source(str(table))
    pictures = list(list_pictures(source, column))
    assert pictures == [Picture(str(table), table.stat().st_size, row) for row in range(250)]
    contents = list(read_pictures(source, column, pictures[first : first + count]))
    assert contents == [
        (f"{table}#{row}", b"%d" % row if row % 50 else "the row has no image") for row in range(first, first + count)
    ]


@pytest.mark.parametrize("column", ["missing", "number", "text", "many", "photo", "photo.path"])
def test_a_column_that_holds_no_images_is_refused(table: Path, column: str) -> None:
    with pytest.raises(ScoringError, match=r"has no column '[\w.]+' of encoded images; it has image, photo\.bytes$"):
        list(list_pictures(open_source(str(table)), column))


def test_parquet_files_are_taken_from_a_folder_if_asked(table: Path) -> None:
    (table.parent / "picture.png").touch()
    (table.parent / "a.parquet").write_bytes(table.read_bytes())
    source = open_source(str(table.parent))
    pictures = list(list_pictures(source, "image"))
    assert [picture.path for picture in pictures] == [f"{table.parent}/a.parquet"] * 250 + [str(table)] * 250
    contents = list(read_pictures(source, "image", pictures[249:252]))
    expected = [(f"{table.parent}/a.parquet#249", b"249"), (f"{table}#0", "the row has no image"), (f"{table}#1", b"1")]
    assert contents == expected
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(ScoringError, match="cannot be read as parquet"):
        list(list_pictures(source, "image"))


def test_a_parquet_file_that_has_changed_is_refused(table: Path) -> None:
    source = open_source(str(table))
    pictures = list(list_pictures(source, "image"))
    parquet.write_table(pyarrow.table({"image": [b"1"] * 250}), table)
    with pytest.raises(ScoringError, match="has changed since"):
        list(read_pictures(source, "image", pictures))
