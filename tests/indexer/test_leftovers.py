import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from encoder.checkpoint import load_encoder
from indexer import adoption
from indexer.adoption import adopt
from indexer.current import home
from indexer.errors import LibraryError
from indexer.leftovers import delete_leftover, leftovers
from indexer.library import Library
from indexer.verify import verify


@pytest.fixture
def other(other_encoder_file):
    return load_encoder(other_encoder_file)


@pytest.fixture
def folder(library, videos, clip, other):
    """Of a library that has gone over to another encoder; nobody has it open."""
    for number in (1, 2):
        clip(videos / f"{number}.mp4", number)
    library.add([videos])
    adopt(library, library.folder, other).library.close()
    library.close()
    return library.folder


def test_a_library_that_never_had_another_encoder_has_nothing_left_over(library):
    assert leftovers(library.folder) == []


def test_the_library_of_an_earlier_encoder_is_told_with_what_it_holds(folder, checkpoint):
    (one,) = leftovers(folder)
    assert (one.place, one.encoder, one.fingerprint) == (folder, checkpoint.name, checkpoint.fingerprint)
    assert (one.videos, one.bytes > 10_000) == (2, True)


def test_what_is_deleted_is_gone_and_the_library_in_use_is_as_it_was(folder, videos, checkpoint, other):
    (folder / "reports").mkdir()
    (folder / "catalog.sqlite.backup").touch()
    delete_leftover(folder, leftovers(folder)[0])
    assert leftovers(folder) == []
    left = {path.name for path in folder.iterdir()}
    assert left == {f"encoder-{other.fingerprint}", "current", "index.lock", "reports", "catalog.sqlite.backup"}
    with Library.open(folder) as opened:
        assert verify(opened).problems == []
        assert opened.search(videos / "1.mp4", k=1)
        assert adopt(opened, folder, checkpoint).library.folder == folder / f"encoder-{checkpoint.fingerprint}"
    later = leftovers(folder)
    assert [one.fingerprint for one in later] == [other.fingerprint]


def test_a_library_that_is_open_is_not_deleted(folder):
    with Library.open_place(folder), pytest.raises(LibraryError, match="is open somewhere, such as in a server"):
        delete_leftover(folder, leftovers(folder)[0])
    with Library.open_place(folder) as opened:
        assert opened.catalog.totals()[0] == 2


def test_a_library_that_is_in_use_again_is_not_deleted(folder, checkpoint):
    (one,) = leftovers(folder)
    with Library.open(folder) as opened:
        adopt(opened, folder, checkpoint).library.close()
    with pytest.raises(LibraryError, match="is in use again, so its library was not deleted"):
        delete_leftover(folder, one)
    with Library.open(folder) as opened:
        assert opened.catalog.totals()[0] == 2


def test_one_that_was_only_begun_is_left_over_too(library, videos, clip, other, monkeypatch):
    clip(videos / "1.mp4", 1)
    library.add([videos])
    with monkeypatch.context() as patch:
        patch.setattr(adoption, "_take_over", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            adopt(library, library.folder, other)
    (one,) = leftovers(library.folder)
    assert (one.fingerprint, one.videos) == (other.fingerprint, 1)
    delete_leftover(library.folder, one)
    assert not one.place.exists()
    assert home(library.folder) == library.folder


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("done", range(3))
def test_a_deletion_that_is_broken_off_can_be_done_again_or_gone_on_with(
    folder, checkpoint, other, monkeypatch, done, first, tmp_path
):
    if not first:  # go back, so that the later one is left over
        with Library.open(folder) as opened:
            adopt(opened, folder, checkpoint).library.close()
    gone, unlink = (checkpoint if first else other), Path.unlink
    steps = iter(range(done))

    def broken(path, missing_ok=False):
        if path.suffix not in (".part", ".tmp"):
            next(steps)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", broken)
        with pytest.raises((StopIteration, RuntimeError)):
            delete_leftover(folder, leftovers(folder)[0])
    shutil.copytree(folder, tmp_path / "again")
    with Library.open(folder) as opened, adopt(opened, folder, gone).library as back:
        assert verify(back).problems == []
        assert back.catalog.totals()[0] == 2
    delete_leftover(tmp_path / "again", leftovers(tmp_path / "again")[0])
    assert leftovers(tmp_path / "again") == []


def test_one_whose_files_are_damaged_is_told_and_deleted(folder):
    (folder / "encoder.safetensors").write_text("no encoder")
    (folder / "catalog.sqlite").write_bytes(b"no catalog" * 1000)
    (one,) = leftovers(folder)
    assert (one.encoder, one.fingerprint, one.videos) == ("unknown", "unknown", None)
    delete_leftover(folder, one)
    assert leftovers(folder) == []


def test_while_one_is_deleted_nobody_can_open_it(folder, monkeypatch):
    seen, unlink = [], Path.unlink

    def looking(path, missing_ok=False):
        with closing(sqlite3.connect(folder / "catalog.sqlite", timeout=0)) as connection:
            try:
                connection.execute("SELECT * FROM video")
            except sqlite3.OperationalError as error:
                seen.append(str(error))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", looking)
        delete_leftover(folder, leftovers(folder)[0])
    assert seen[0] == "database is locked"


def test_a_folder_without_a_library_is_said(tmp_path):
    with pytest.raises(LibraryError, match="holds no library; make one with"):
        leftovers(tmp_path)
