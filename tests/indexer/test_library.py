import errno
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import av
import numpy as np
import pytest
from sqlalchemy import event, text

from encoder.checkpoint import load_encoder
from encoder.clips import Span
from encoder.decoding import DecodePool
from encoder.errors import VideoError
from encoder.video import read_clips
from indexer.errors import LibraryError
from indexer.footage import Film, sketches
from indexer.library import Library
from indexer.requests import Example, Filters, VideoRef
from indexer.search import align_videos
from indexer.vectors import VectorIndex
from indexer.verify import verify


def path_of(library, match):
    return Path(library.catalog.paths([match.video_id])[match.video_id][0])


def found(library, clip, span=None):
    return [path_of(library, match).name for match in library.search(Example(clip, span))]


def cached(library):
    return VectorIndex.load(library.cache_path, library.checkpoint.config.dim)


def decoded(path):
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="session")
def films(moving_video, tmp_path_factory):
    """Six moving videos of 20 s and one of 60 s."""
    folder = tmp_path_factory.mktemp("films")
    for seed in range(6):
        moving_video(folder / f"{seed}.mp4", 20, seed, fps=12)
    moving_video(folder / "long.mp4", 60, 9, fps=12)
    return folder


@pytest.fixture(scope="session")
def filled_folder(films, checkpoint, tmp_path_factory, pool):
    folder = tmp_path_factory.mktemp("filled") / "library"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.library.DecodePool", lambda *_: pool)
        with Library.create(folder, checkpoint) as made:
            assert made.add([films]).indexed == 7
    return folder


@pytest.fixture
def filled(filled_folder, tmp_path, pool, monkeypatch):
    """A library of those films, free to be changed."""
    monkeypatch.setattr("indexer.library.DecodePool", lambda *_: pool)
    shutil.copytree(filled_folder, tmp_path / "filled")
    with Library.open(tmp_path / "filled") as opened:
        yield opened


# Searching


@pytest.mark.parametrize("name", ["0.mp4", "4.mp4", "long.mp4"])
def test_a_video_of_the_library_answers_first_with_all_of_itself(filled, films, name):
    best = filled.search(films / name)[0]
    duration = 60 if name == "long.mp4" else 20
    assert path_of(filled, best).name == name
    assert best.score == pytest.approx(1, abs=0.01)
    for span in (best.segments[0].video, best.segments[0].query):
        assert (span.start, span.end) == pytest.approx((0, duration), abs=0.1)


@pytest.mark.parametrize("start", [7.0625, 21.31, 40.8125])
def test_a_cut_between_two_grid_frames_is_found_as_the_same_footage_within_a_grid_frame(filled, films, start):
    best = filled.search(Example(films / "long.mp4", Span(start, start + 3)))[0]
    assert path_of(filled, best).name == "long.mp4"
    assert best.score > 0.99
    assert best.segments[0].video.start == pytest.approx(start, abs=0.13)


def test_a_library_keeps_a_sketch_of_every_picture_of_the_grid(filled, films):
    ((video_id, _),) = [pair for pair in filled.catalog.paths().items() if pair[1] == [str(films / "2.mp4")]]
    film = Film.from_sketches(filled.catalog.sketches(video_id, Span(0, 60)), filled.checkpoint.spec.fps)
    assert film.times == pytest.approx(np.arange(80) / 4)
    clips = list(read_clips(films / "2.mp4", replace(filled.checkpoint.spec, frames=1, hop=1)))
    assert np.array_equal(film.pictures, sketches(np.concatenate([clip.frames for clip in clips])))


def test_the_footage_of_a_query_comes_before_what_is_more_alike_by_its_embeddings(filled, films, monkeypatch):
    found = filled.search(Example(films / "3.mp4", Span(2, 8)))
    monkeypatch.setattr("indexer.combine.align_videos", partial(_others_first, films))
    again = filled.search(Example(films / "3.mp4", Span(2, 8)))
    assert path_of(filled, found[0]) == path_of(filled, again[0]) == films / "3.mp4"
    assert again[0].score > 0.9
    assert len(again) == len(found)


def _others_first(films, query, usual, catalog, video_ids, spec):
    """Alignments by embeddings that are wrong: the right video scores least."""
    made = align_videos(query, usual, catalog, video_ids, spec)
    right = next(i for i, paths in catalog.paths().items() if paths == [str(films / "3.mp4")])
    return [
        replace(one, segments=[replace(part, score=0.4 if one.video_id == right else 0.6) for part in one.segments])
        for one in made
    ]


def test_an_opened_library_calls_its_encoder_by_the_name_it_was_built_with(filled, checkpoint):
    assert filled.checkpoint.name == checkpoint.name != "encoder.safetensors"


def test_warming_up_makes_the_network_and_the_index_ready(filled):
    filled.warm_up()
    assert "encoder" in vars(filled.checkpoint)
    assert filled._index.generation == filled.catalog.generation()


@pytest.mark.parametrize("start", [0.0, 21.3, 40.5, 57.0])
def test_three_seconds_of_a_long_video_are_found_at_their_time(filled, films, start):
    best = filled.search(Example(films / "long.mp4", Span(start, start + 3)))[0]
    assert path_of(filled, best).name == "long.mp4"
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((start, start + 3), abs=1)
    assert (best.segments[0].query.start, best.segments[0].query.end) == pytest.approx((start, start + 3), abs=1)


def test_a_cut_saved_as_a_file_of_its_own_is_found_at_its_time(filled, films, tmp_path, make_video):
    pictures = decoded(films / "long.mp4")[360:396]
    cut = make_video(
        tmp_path / "cut.mp4", [i / 12 for i in range(36)], pictures, codec="libx264", clock=12, last_s=1 / 12
    )
    best = filled.search(cut)[0]
    assert path_of(filled, best).name == "long.mp4"
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((30, 33), abs=1)


def test_a_query_longer_than_every_video_finds_the_part_it_shares(library, clip, videos, tmp_path, make_video):
    scenes = [clip(videos / f"scene {i}.mp4", 30 + i, seconds=5) for i in range(5)]
    pictures = [picture for scene in scenes for picture in decoded(scene)]
    times = [i / 12 for i in range(len(pictures))]
    film = make_video(tmp_path / "film.mp4", times, pictures, codec="libx264", clock=12, last_s=1 / 12)
    library.add([scenes[2], *(clip(videos / f"other {i}.mp4", i) for i in range(8))])
    best = library.search(film)[0]
    assert path_of(library, best).name == "scene 2.mp4"
    assert best.segments[0].query.start == pytest.approx(10, abs=1)  # and may seem to run slower, see align
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((0, 5), abs=1)
    assert best.score < 0.5


def test_a_query_shorter_than_a_window_finds_its_video(filled, films):
    best = filled.search(Example(films / "3.mp4", Span(10.0, 10.5)))[0]
    assert path_of(filled, best).name == "3.mp4"
    assert best.segments[0].video.start == pytest.approx(10, abs=1)


def test_an_empty_library_finds_nothing(library, films):
    assert library.search(films / "0.mp4") == []


def test_no_more_videos_are_listed_than_asked_for_and_scores_descend(filled, films):
    matches = filled.search(films / "1.mp4", k=3)
    assert len(matches) == 3
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert len(filled.search(films / "1.mp4", k=100)) == 7


def test_a_query_that_cannot_be_read_is_said(filled, films, tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        filled.search(tmp_path / "nothing.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        filled.search(films)
    with pytest.raises(VideoError, match=r"lasts 20\.0 s, so nothing lies at or after 30 s"):
        filled.search(Example(films / "0.mp4", Span(30.0, 40.0)))
    assert found(filled, films / "0.mp4")[0] == "0.mp4"  # and the next query works


def test_what_is_removed_is_not_found_any_more(filled, films):
    assert filled.remove([films / "2.mp4"]) == 1
    assert "2.mp4" not in found(filled, films / "2.mp4")
    assert verify(filled).problems == []
    assert filled.remove([films]) == 6
    assert filled.search(films / "2.mp4") == []
    with pytest.raises(LibraryError, match="is not in library"):
        filled.remove([films])


def test_a_video_that_disappears_between_lookup_and_alignment_is_left_out(filled, films, monkeypatch):
    from indexer import combine as searching

    candidates = searching.candidates

    def lose_one(*args, **how):
        videos = candidates(*args, **how)
        filled.catalog.drop_video(videos[0])
        return videos

    monkeypatch.setattr(searching, "candidates", lose_one)
    assert "0.mp4" not in found(filled, films / "0.mp4")


# The cache


def test_what_one_process_indexes_the_next_search_of_another_finds(filled, films, clip, videos):
    with Library.open(filled.folder) as other:
        added = clip(videos / "new.mp4", 77, seconds=5)
        assert "new.mp4" not in found(other, added)
        filled.add([videos])
        assert found(other, added)[0] == "new.mp4"
        filled.remove([videos])
        assert "new.mp4" not in found(other, added)


def test_a_missing_or_damaged_cache_is_made_anew(filled, films):
    sound = cached(filled)
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])):
        damage(filled.cache_path)
        with Library.open(filled.folder) as again:
            assert found(again, films / "5.mp4")[0] == "5.mp4"
        assert (cached(filled).ids() == sound.ids()).all()
        assert cached(filled).generation == sound.generation


def test_a_cache_left_behind_catches_up(filled, films, clip, videos):
    old = filled.cache_path.read_bytes()
    filled.add([clip(videos / "new.mp4", 77, seconds=5)])
    filled.remove([films / "0.mp4"])
    filled.cache_path.write_bytes(old)
    with Library.open(filled.folder) as again:
        assert found(again, videos / "new.mp4")[0] == "new.mp4"
        assert "0.mp4" not in found(again, films / "0.mp4")
        assert verify(again).problems == []
    assert (cached(filled).ids() == filled.catalog.clip_ids()).all()


@pytest.mark.parametrize("later", [1, 2])
def test_a_catalog_restored_from_a_backup_does_not_use_the_later_cache(filled, clip, videos, later):
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


def test_the_later_cache_of_another_library_is_not_used(filled, library, clip, videos):
    library.add([clip(videos / "a.mp4", 1)])
    shutil.copy(filled.cache_path, library.cache_path)
    with Library.open(library.folder) as again:
        assert found(again, videos / "a.mp4") == ["a.mp4"]
        assert verify(again).problems == []


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_costs_the_cache_and_no_result(library, clip, videos, monkeypatch, where):
    clip(videos / "a.mp4", 1)
    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if where == "fsync" else (Path, "replace")), no_room)
        assert library.add([videos]).indexed == 1
        assert found(library, videos / "a.mp4") == ["a.mp4"]
    assert "vectors.faiss could not be written (No space left on device)" in library.warning
    assert not library.cache_path.exists()
    assert library.add([videos]).unchanged == 1  # there is room again
    assert library.warning is None
    assert len(cached(library)) == 2


def test_an_unchanged_library_does_not_write_its_cache_again(filled, films):
    before = filled.cache_path.stat()
    assert filled.add([films]).unchanged == 7
    assert filled.cache_path.stat().st_mtime_ns == before.st_mtime_ns


# The catalog


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


def test_a_library_goes_on_with_its_own_encoder_and_refuses_others(library, checkpoint, other_encoder_file):
    with Library.open(library.folder) as opened:
        opened.require_encoder(checkpoint)
        with pytest.raises(
            LibraryError, match=f"built by encoder {checkpoint.fingerprint}, not .*; leave --encoder out"
        ):
            opened.require_encoder(load_encoder(other_encoder_file))
    shutil.copy(other_encoder_file, library.folder / "encoder.safetensors")
    with pytest.raises(LibraryError, match=r"its encoder\.safetensors is .*; put the right file back"):
        Library.open(library.folder)


def test_a_library_is_made_once_and_opened_only_where_there_is_one(library, checkpoint, tmp_path):
    with pytest.raises(LibraryError, match="already holds a library"):
        Library.create(library.folder, checkpoint)
    with pytest.raises(LibraryError, match="holds no library; make one with: reelseek index FOLDER"):
        Library.open(tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LibraryError, match="file is a file or lies in one; give a folder"):
        Library.create(tmp_path / "file", checkpoint)


def test_making_a_library_can_be_broken_off_anywhere(tmp_path, checkpoint, monkeypatch):
    for name in ("indexer.schema.upgrade", "indexer.catalog.Catalog.set_meta", "indexer.library.Checkpoint.write"):
        with monkeypatch.context() as patch:
            patch.setattr(name, Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                Library.create(tmp_path / "new", checkpoint)
    Library.create(tmp_path / "new", checkpoint).close()


@pytest.mark.parametrize("found", ["0", "2", None])
def test_a_library_of_another_format_is_refused(library, found):
    with library.catalog.engine.begin() as connection:
        if found is None:
            connection.execute(text("DELETE FROM meta WHERE key = 'format'"))
        else:
            connection.execute(text("UPDATE meta SET value = :found WHERE key = 'format'"), {"found": found})
    with pytest.raises(LibraryError, match=f"has format {found}, this version reads 1"):
        Library.open(library.folder)


def test_a_library_with_a_later_schema_is_refused(library):
    with library.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LibraryError, match="can't be opened: its catalog has schema 9999, newer than this version's"):
        Library.open(library.folder)


def test_a_damaged_catalog_or_encoder_is_said_in_a_sentence(filled):
    filled.close()
    for name in ("catalog.sqlite", "encoder.safetensors"):
        sound = (filled.folder / name).read_bytes()
        (filled.folder / name).write_bytes(b"damaged" * 1000)
        with pytest.raises(LibraryError, match=r"not a database|not an encoder checkpoint"):
            Library.open(filled.folder)
        (filled.folder / name).write_bytes(sound)


@pytest.mark.parametrize("url", ["nonsense", "nonsense://x", "postgresql+nonsense://x"])
def test_a_catalog_address_that_is_none_is_said_in_a_sentence(tmp_path, checkpoint, url):
    with pytest.raises(LibraryError, match=r"catalog"):
        Library.create(tmp_path / "new", checkpoint, url)


def test_a_damaged_embedding_is_said_in_a_sentence(filled, films):
    with filled.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE clip SET embedding = x'0102' WHERE id < 1000"))
    filled.cache_path.unlink()
    with Library.open(filled.folder) as again, pytest.raises(LibraryError, match="verify --repair"):
        again.search(films / "0.mp4")


def test_what_a_search_catches_up_with_while_another_thread_indexes_gets_into_the_cache(filled, clip, videos):
    clip(videos / "new.mp4", 80)
    with ThreadPoolExecutor(1) as thread:
        filled.add([videos], 1, progress=lambda _: thread.submit(filled.refresh).result())
    assert np.array_equal(cached(filled).ids(), filled.catalog.clip_ids())


def test_threads_may_search_while_one_indexes(filled_folder, films, clip, videos, tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.library.DecodePool", DecodePool)  # not the shared one, which is for one thread
    for i in range(6):
        clip(videos / f"new {i}.mp4", 80 + i)
    shutil.copytree(filled_folder, tmp_path / "filled")
    with Library.open(tmp_path / "filled") as filled, ThreadPoolExecutor(3) as threads:
        adding = threads.submit(filled.add, [videos], 1)
        searches = [threads.submit(found, filled, films / f"{i}.mp4") for i in range(6)]
        assert [search.result()[0] for search in searches] == [f"{i}.mp4" for i in range(6)]
        assert adding.result().indexed == 6
        assert verify(filled).problems == []
        assert np.array_equal(cached(filled).ids(), filled.catalog.clip_ids())


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
    report = library.retry([videos])
    assert (report.indexed, report.failed, library.catalog.files()[path].reason) == (1, [], None)
    assert str(videos / "new.mp4") not in library.catalog.files()


def test_a_file_that_could_not_be_indexed_and_is_gone_is_forgotten_by_another_try(library, videos):
    path = videos / "b.mp4"
    path.write_text("no video")
    library.add([videos])
    path.unlink()
    assert library.retry([videos]).failed == []
    assert library.catalog.files() == {}


# Several examples, filters, pages


def test_a_segment_of_the_library_is_found_as_the_footage_it_is_without_reading_a_file(filled, films, monkeypatch):
    def nothing_is_read(*_):
        raise AssertionError

    monkeypatch.setattr(filled, "embed_query", nothing_is_read)
    (video_id,) = (i for i, paths in filled.catalog.paths().items() if paths == [str(films / "long.mp4")])
    best = filled.search(Example(VideoRef(video_id), Span(21.25, 25)))[0]
    assert best.video_id == video_id
    assert best.score > 0.99
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((21.25, 25), abs=0.1)


def test_examples_and_filters_go_together(filled, films):
    long = {"filters": Filters(min_duration=30)}
    assert [path_of(filled, match).name for match in filled.search(films / "0.mp4", **long)] == ["long.mp4"]
    assert filled.search(films / "0.mp4", filters=Filters(folder=films.parent / "nowhere")) == []
    unwanted = filled.search([films / "1.mp4", films / "2.mp4"], unlike=films / "1.mp4", k=7)
    assert path_of(filled, unwanted[0]).name == "2.mp4"
    assert path_of(filled, unwanted[-1]).name == "1.mp4"


def test_pages_make_up_the_whole_list(filled, films):
    whole = filled.search(films / "0.mp4", k=7)
    assert [match for at in (0, 3, 6) for match in filled.search(films / "0.mp4", k=3, offset=at)] == whole
    assert filled.search(films / "0.mp4", offset=7) == []


def test_a_search_for_nothing_or_for_a_video_that_is_not_there_is_refused(filled):
    with pytest.raises(ValueError, match="needs an example"):
        filled.search([])
    with pytest.raises(LibraryError, match="the library has no video 99"):
        filled.search(Example(VideoRef(99)))
