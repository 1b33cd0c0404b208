import pytest

from app.holdings import Folder, folders, room
from encoder.checkpoint import load_encoder
from indexer.library import Library


@pytest.fixture
def library(tmp_path, small_encoder):
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as library:
        yield library


def test_each_file_is_in_one_folder_the_one_that_was_added_else_its_own(library, videos, clip, tmp_path):
    clip(videos / "deep" / "a.mp4", 1)
    clip(videos / "copy.mp4", 1)
    (videos / "broken.mp4").write_text("no video")
    clip(tmp_path / "alone" / "b.mp4", 2)
    library.add([videos, tmp_path / "alone" / "b.mp4"], workers=1)
    assert folders(library) == [
        Folder(str(tmp_path / "alone"), 1, pytest.approx(3, abs=0.1), 0, True),
        Folder(str(videos), 2, pytest.approx(3, abs=0.1), 1, True),
    ]
    videos.rename(tmp_path / "moved")
    assert not folders(library)[1].there


def test_a_folder_that_holds_nothing_is_listed_too(library, videos):
    library.add([videos], workers=1)
    assert folders(library) == [Folder(str(videos), 0, 0, 0, True)]


def test_the_room_of_all_parts_is_that_of_the_folder(library):
    (library.folder / "browser").mkdir()
    (library.folder / "browser" / "copy.mp4").write_bytes(bytes(1000))
    parts = room(library, library.folder)
    assert sum(part.bytes for part in parts) == sum(p.stat().st_size for p in library.folder.rglob("*") if p.is_file())
    assert {part.what for part in parts} >= {"catalog", "encoder"}
