import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.library import Library
from indexer.vectors import VectorIndex
from indexer.verify import verify


def cached(library):
    return VectorIndex.load(library.index.path, library.checkpoint.config.dim)


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_one_process_indexes_the_next_search_of_another_finds(filled, films, clip, videos, found):
    with Library.open(filled.folder) as other:
        added = clip(videos / "new.mp4", 77, seconds=5)
        assert "new.mp4" not in found(other, added)
        filled.add([videos])
        assert found(other, added)[0] == "new.mp4"
        filled.remove([videos])
        assert "new.mp4" not in found(other, added)


def test_a_missing_or_damaged_cache_is_made_anew(filled, films, found):
    sound = cached(filled)
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])):
        damage(filled.index.path)
        with Library.open(filled.folder) as again:
            assert found(again, films / "5.mp4")[0] == "5.mp4"
        assert (cached(filled).ids() == sound.ids()).all()
        assert cached(filled).generation == sound.generation


def test_a_cache_left_behind_catches_up(filled, films, clip, videos, found):
    old = filled.index.path.read_bytes()
    filled.add([clip(videos / "new.mp4", 77, seconds=5)])
    filled.remove([films / "0.mp4"])
    filled.index.path.write_bytes(old)
    with Library.open(filled.folder) as again:
        assert found(again, videos / "new.mp4")[0] == "new.mp4"
        assert "0.mp4" not in found(again, films / "0.mp4")
        assert verify(again).problems == []
    assert (cached(filled).ids() == filled.catalog.clip_ids()).all()


@pytest.mark.parametrize("later", [1, 2])
def test_a_catalog_restored_from_a_backup_does_not_use_the_later_cache(filled, clip, videos, later, found):
    """The same clip ids come again, for other clips; of two videos the generation comes out the same too."""
    filled.close()
    backup = (filled.folder / "catalog.sqlite").read_bytes()
    with Library.open(filled.folder) as before:
        for i in range(2):
            before.add([clip(videos / f"before {i}.mp4", 70 + i)])
    for path in filled.folder.glob("catalog.sqlite*"):
        path.unlink()
    (filled.folder / "catalog.sqlite").write_bytes(backup)
    with Library.open(filled.folder) as after:
        after.add([clip(videos / f"after {i}.mp4", 80 + i) for i in range(later)])
        assert found(after, videos / "after 0.mp4")[0] == "after 0.mp4"
        assert verify(after).problems == []


def test_a_new_library_does_not_use_a_cache_that_lies_there(filled, films, checkpoint, clip, videos):
    filled.close()
    for path in [*filled.folder.glob("catalog.sqlite*"), filled.folder / "encoder.safetensors"]:
        path.unlink()
    with Library.create(filled.folder, checkpoint) as fresh:
        fresh.add([clip(videos / f"{i}.mp4", 80 + i) for i in range(7)])  # up to the generation of the old cache
        assert verify(fresh).problems == []


def test_the_later_cache_of_another_library_is_not_used(filled, library, clip, videos, found):
    library.add([clip(videos / "a.mp4", 1)])
    shutil.copy(filled.index.path, library.index.path)
    with Library.open(library.folder) as again:
        assert found(again, videos / "a.mp4") == ["a.mp4"]
        assert verify(again).problems == []


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_costs_the_cache_and_no_result(library, clip, videos, monkeypatch, where, found):
    clip(videos / "a.mp4", 1)
    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if where == "fsync" else (Path, "replace")), no_room)
        assert library.add([videos]).indexed == 1
        assert found(library, videos / "a.mp4") == ["a.mp4"]
    assert "vectors.faiss could not be written (No space left on device)" in library.index.warning
    assert not library.index.path.exists()
    assert library.add([videos]).unchanged == 1  # there is room again
    assert library.index.warning is None
    assert len(cached(library)) == 2


def test_an_unchanged_library_does_not_write_its_cache_again(filled, films):
    before = filled.index.path.stat()
    assert filled.add([films]).unchanged == 7
    assert filled.index.path.stat().st_mtime_ns == before.st_mtime_ns


def test_what_a_search_catches_up_with_while_another_thread_indexes_gets_into_the_cache(filled, clip, videos):
    clip(videos / "new.mp4", 80)
    with ThreadPoolExecutor(1) as thread:
        filled.add([videos], 1, progress=lambda _: thread.submit(filled.index.refresh).result())
    assert np.array_equal(cached(filled).ids(), filled.catalog.clip_ids())
