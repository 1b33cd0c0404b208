import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import event, text

from indexer.errors import LibraryError
from indexer.library import Library
from indexer.vectors import VectorIndex
from indexer.verify import verify


def test_a_full_disk_under_the_catalog_is_said_and_what_was_committed_stays(library, films):
    with library.catalog.engine.begin() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    @event.listens_for(library.catalog.engine, "checkout")
    def limit(connection, *_):
        connection.execute(f"PRAGMA max_page_count={pages + 12}")

    with pytest.raises(LibraryError, match="database or disk is full"):
        library.add([films])
    with Library.open(library.folder) as again:
        videos = again.catalog.totals()[0]
        assert 1 <= videos < 7
        assert verify(again).problems == []
        report = again.add([films])
        assert (report.unchanged, report.indexed) == (videos, 7 - videos)


def test_a_second_process_that_wants_to_change_a_library_is_told_to_wait(library, clip, videos):
    clip(videos / "a.mp4", 1)
    with Library.open(library.folder) as other, other.changing():
        for change in (library.add, library.remove):
            with pytest.raises(
                LibraryError, match=r"another process is changing library .*; try again when it is done"
            ):
                change([videos])
        with pytest.raises(LibraryError, match="another process"):
            verify(library)
    assert library.add([videos]).indexed == 1


def test_the_lock_of_a_killed_process_does_not_stay(library, clip, videos):
    script = "import os, sys, filelock; filelock.FileLock(sys.argv[1]).acquire(); os._exit(1)"
    subprocess.run([sys.executable, "-c", script, library.folder / "index.lock"], check=False)
    assert library.add([clip(videos / "a.mp4", 1)]).indexed == 1


def test_an_error_gives_the_lock_back(library, videos):
    with pytest.raises(LibraryError, match="no such file or folder"):
        library.add([videos / "nothing"])
    with Library.open(library.folder) as other:
        assert other.add([videos]).failed == []


def test_a_damaged_embedding_is_said_in_a_sentence(filled, films):
    with filled.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE clip SET embedding = x'0102' WHERE id < 1000"))
    filled.index.path.unlink()
    with Library.open(filled.folder) as again, pytest.raises(LibraryError, match="verify --repair"):
        again.search(films / "0.mp4")


def test_threads_may_search_while_one_indexes(filled_folder, films, clip, videos, tmp_path, found):
    for i in range(6):
        clip(videos / f"new {i}.mp4", 80 + i)
    shutil.copytree(filled_folder, tmp_path / "filled")
    with Library.open(tmp_path / "filled") as filled, ThreadPoolExecutor(3) as threads:
        adding = threads.submit(filled.add, [videos], 1)
        searches = [threads.submit(found, filled, films / f"{i}.mp4") for i in range(6)]
        assert [search.result()[0] for search in searches] == [f"{i}.mp4" for i in range(6)]
        assert adding.result().indexed == 6
        assert verify(filled).problems == []
        cached = VectorIndex.load(filled.index.path, filled.checkpoint.config.dim)
        assert np.array_equal(cached.ids(), filled.catalog.clip_ids())


def test_a_library_remembers_the_folders_that_were_added_but_not_those_inside_them(library, videos, clip, tmp_path):
    clip(videos / "in" / "a.mp4", 1)
    clip(tmp_path / "other" / "b.mp4", 2)
    library.add([videos / "in", tmp_path / "other" / "b.mp4"])
    assert library.folders() == [str(videos / "in")]
    library.add([videos, tmp_path / "other"])
    assert library.folders() == sorted([str(videos), str(tmp_path / "other")])
    library.remove([videos])
    assert library.folders() == [str(tmp_path / "other")]


def test_a_file_that_could_not_be_indexed_is_tried_again_when_asked_for(library, videos, clip):
    path = str(clip(videos / "a.mp4", 1))
    library.add([videos])
    known = library.catalog.files()[path]
    library.catalog.set_file(known.state, known.content, reason="gave no picture for a minute")
    clip(videos / "new.mp4", 2)
    assert [failure.path for failure in library.add([videos / "a.mp4"]).failed] == [path]
    report = library.add(library.forget_failures([videos]))
    assert (report.indexed, report.failed, library.catalog.files()[path].reason) == (1, [], None)
    assert str(videos / "new.mp4") not in library.catalog.files()


def test_a_file_that_could_not_be_indexed_and_is_gone_is_forgotten_by_another_try(library, videos):
    path = videos / "b.mp4"
    path.write_text("no video")
    library.add([videos])
    path.unlink()
    assert library.add(library.forget_failures([videos])).failed == []
    assert library.catalog.files() == {}
