import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event

from indexer import update as updating
from indexer.discover import discover
from indexer.library import Library
from indexer.update import Progress, Update
from indexer.verify import verify


@pytest.fixture
def add(library, videos):
    """add() indexes the folder and gives what it counted: only what is not zero, failures as (name, reason)."""

    def run(*paths, progress=None):
        found = len(discover(paths or [videos]).files)
        report = library.add(paths or [videos], progress=progress)
        counts = {name: getattr(report, name) for name in ("indexed", "unchanged", "moved", "copies")}
        assert sum(counts.values()) + len(report.failed) == found, "every file found is in exactly one count"
        counts |= {"removed": report.removed, "failed": sorted((Path(f.path).name, f.reason) for f in report.failed)}
        assert verify(library).problems == []
        return {name: value for name, value in counts.items() if value}

    return run


@pytest.fixture
def decoded(library, monkeypatch):
    """The names of the files that were decoded, for counting what was embedded anew."""
    names = []
    commit = Update._commit
    monkeypatch.setattr(
        Update, "_commit", lambda self, encoded: names.append(Path(encoded.path).name) or commit(self, encoded)
    )
    return names


def names(library):
    return {Path(path).name for paths in library.catalog.paths().values() for path in paths}


def touch(path, seconds=1000):
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + seconds * 10**9))


def test_the_second_run_finds_everything_unchanged(add, clip, videos, decoded):
    clip(videos / "a.mp4", 1), clip(videos / "deep" / "er" / "b.MP4", 2), clip(videos / "c.mp4", 1)
    (videos / "bad.mp4").write_bytes(b"x")
    bad = [("bad.mp4", "is not a video file, or is damaged beyond reading")]
    assert add() == {"indexed": 2, "copies": 1, "failed": bad}
    assert add() == {"unchanged": 3, "failed": bad}
    assert sorted(decoded) == ["a.mp4", "b.MP4"]


def test_a_run_that_finds_nothing_new_starts_no_decoder(add, clip, videos, pool, monkeypatch):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 2)
    add()
    monkeypatch.setattr(pool, "decode", None)
    (videos / "b.mp4").unlink()
    assert add() == {"unchanged": 1, "removed": 1}


def test_what_a_run_asks_of_the_catalog_does_not_grow_with_the_unchanged_files(library, clip, videos):
    said, counts = [], []
    event.listen(library.catalog.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    for i in range(3):
        clip(videos / f"{i}.mp4", i)
        library.add([videos])
        said.clear()
        library.add([videos])
        counts.append(len(said))
    assert counts[0] == counts[1] == counts[2]


def test_a_run_keeps_nothing_of_the_files_that_are_done(library, clip, videos, checkpoint, pool):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 1), clip(videos / "c.mp4", 2, seconds=20)
    (videos / "bad.mp4").write_bytes(b"no video")
    run = Update(library.catalog, checkpoint)
    assert run.run(discover([videos]).files, {}, pool).indexed == 2
    assert (run._by_path, run._twins, run._partly) == ({}, {}, {})


def test_the_report_tells_the_clips_and_seconds_that_are_new(library, clip, videos):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 2, seconds=5), clip(videos / "b2.mp4", 2, seconds=5)
    report = library.add([videos])
    assert (report.clips, report.video_seconds) == (2 + 4, pytest.approx(8))
    report = library.add([videos])
    assert (report.clips, report.video_seconds) == (0, 0)


def test_a_changed_file_is_embedded_anew_and_its_old_video_goes(add, library, clip, videos):
    clip(videos / "a.mp4", 1)
    add()
    clip(videos / "a.mp4", 2, seconds=5)
    assert add() == {"indexed": 1}
    assert library.catalog.totals() == (1, 4, pytest.approx(5))


def test_a_file_that_is_only_touched_is_not_embedded_anew(add, library, clip, videos, decoded):
    touch(clip(videos / "a.mp4", 1))
    add()
    ids = library.catalog.clip_ids()
    touch(videos / "a.mp4")
    assert add() == {"unchanged": 1}
    assert add() == {"unchanged": 1}
    assert (library.catalog.clip_ids() == ids).all()
    assert decoded == ["a.mp4"]


def test_a_moved_file_and_a_renamed_folder_keep_their_clips(add, library, clip, videos, decoded):
    clip(videos / "a.mp4", 1), clip(videos / "old" / "b.mp4", 2), clip(videos / "old" / "c.mp4", 3)
    add()
    ids = library.catalog.clip_ids()
    (videos / "a.mp4").rename(videos / "z.mp4")
    (videos / "old").rename(videos / "new")
    assert add() == {"moved": 3}
    assert (library.catalog.clip_ids() == ids).all()
    assert names(library) == {"z.mp4", "b.mp4", "c.mp4"}
    assert add() == {"unchanged": 3}
    assert len(decoded) == 3


def test_a_file_moved_between_folders_that_are_indexed_apart_is_moved(add, library, clip, videos, decoded):
    clip(videos / "one" / "a.mp4", 1), (videos / "two").mkdir()
    add(videos / "one")
    (videos / "one" / "a.mp4").rename(videos / "two" / "a.mp4")
    assert add(videos / "two") == {"moved": 1}
    assert decoded == ["a.mp4"]


def test_files_that_changed_names_among_themselves_are_not_embedded_anew(add, library, clip, videos, decoded):
    for i in range(1, 5):
        clip(videos / f"{i}.mp4", i)
    add()
    ids = library.catalog.clip_ids()
    for i in range(4, 0, -1):  # all move up by one
        (videos / f"{i}.mp4").rename(videos / f"{i + 1}.mp4")
    assert add() == {"moved": 4}
    (videos / "2.mp4").rename(videos / "x")
    (videos / "3.mp4").rename(videos / "2.mp4")
    (videos / "x").rename(videos / "3.mp4")
    assert sum(add().values()) == 4
    assert (library.catalog.clip_ids() == ids).all()
    assert len(decoded) == 4
    assert add() == {"unchanged": 4}


def test_identical_copies_keep_a_path_each_and_share_their_clips(add, library, clip, videos, decoded):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 1), clip(videos / "c.mp4", 1)
    assert add() == {"indexed": 1, "copies": 2}
    clip(videos / "d.mp4", 1)
    assert add() == {"unchanged": 3, "copies": 1}
    assert [len(paths) for paths in library.catalog.paths().values()] == [4]
    (videos / "a.mp4").unlink()
    assert add() == {"unchanged": 3, "removed": 1}
    assert library.catalog.totals()[:2] == (1, 2)
    assert decoded == ["a.mp4"]


def test_a_file_that_is_gone_goes_with_its_clips(add, library, clip, videos):
    clip(videos / "a.mp4", 1), clip(videos / "deep" / "b.mp4", 2)
    add()
    shutil.rmtree(videos / "deep")
    assert add() == {"unchanged": 1, "removed": 1}
    assert names(library) == {"a.mp4"}
    assert library.catalog.totals()[:2] == (1, 2)


def test_only_files_below_the_given_paths_can_be_gone(add, library, clip, videos):
    clip(videos / "one" / "a.mp4", 1), clip(videos / "one.mp4", 2), clip(videos / "one" / "c.mp4", 3)
    add()
    (videos / "one.mp4").unlink()
    (videos / "one" / "a.mp4").unlink()
    assert add(videos / "one") == {"unchanged": 1, "removed": 1}
    assert names(library) == {"one.mp4", "c.mp4"}


def test_a_folder_without_any_video_left_looks_unmounted_and_keeps_its_files(add, library, clip, videos):
    clip(videos / "disk" / "a.mp4", 1), clip(videos / "b.mp4", 2)
    add()
    (videos / "disk" / "a.mp4").unlink()
    assert library.add([videos / "disk"]).kept == [str(videos / "disk")]
    assert names(library) == {"a.mp4", "b.mp4"}
    assert library.add([videos]).removed == 1  # the rest of this folder is there, so the file is really gone


def test_a_failed_file_is_tried_again_only_when_it_changes(add, library, clip, videos, monkeypatch):
    bad = videos / "bad.mp4"
    bad.write_bytes(b"no video")
    failed = {"failed": [("bad.mp4", "is not a video file, or is damaged beyond reading")]}
    assert add() == failed
    with monkeypatch.context() as patch:
        patch.setattr(updating, "content_of", None)  # not even looked into
        assert add() == failed
    touch(bad)
    assert add() == failed
    clip(bad, 1)
    assert add() == {"indexed": 1}
    assert library.catalog.files()[str(bad)].reason is None


def test_a_video_that_becomes_unreadable_goes_and_says_why(add, library, clip, videos):
    clip(videos / "a.mp4", 1)
    add()
    (videos / "a.mp4").write_bytes(b"")
    assert add() == {"failed": [("a.mp4", "is empty")]}
    assert library.catalog.totals()[:2] == (0, 0)


def test_identical_files_that_cannot_be_read_fail_once_each(add, library, videos):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (videos / name).write_bytes(b"no video")
    reason = "is not a video file, or is damaged beyond reading"
    assert add() == {"failed": [(name, reason) for name in ("a.mp4", "b.mp4", "c.mp4")]}
    (videos / "c.mp4").rename(videos / "d.mp4")
    (videos / "e.mp4").write_bytes(b"no video")
    assert add() == {"failed": [(name, reason) for name in ("a.mp4", "b.mp4", "d.mp4", "e.mp4")]}
    assert len(library.catalog.files()) == 4


def test_hidden_files_and_other_suffixes_are_passed_over_unless_given_by_name(add, library, clip, videos):
    clip(videos / ".hidden.mp4", 1), clip(videos / ".trash" / "a.mp4", 2), clip(videos / "film.dat", 3)
    assert add() == {}
    assert add(videos / "film.dat") == {"indexed": 1}


def test_links_lead_to_files_but_not_into_folders(add, library, clip, videos, tmp_path):
    target = clip(tmp_path / "elsewhere" / "a.mp4", 1)
    (videos / "link.mp4").symlink_to(target)
    (videos / "folder").symlink_to(target.parent)
    (videos / "loop").symlink_to(videos)
    assert add() == {"indexed": 1}
    (videos / "broken.mp4").symlink_to(videos / "nowhere")
    assert add() == {"unchanged": 1, "failed": [("broken.mp4", "can't be read: No such file or directory")]}


def test_the_same_folder_given_twice_or_through_a_link_counts_once(add, library, clip, videos, tmp_path):
    clip(videos / "deep" / "a.mp4", 1)
    (tmp_path / "link").symlink_to(videos)
    assert add(videos, videos / "deep", tmp_path / "link", videos / "deep" / ".." / "deep" / "a.mp4") == {"indexed": 1}


def test_a_name_that_is_no_text_is_reported(add, library, clip, videos):
    clip(videos / "a.mp4", 1)
    shutil.copy(videos / "a.mp4", os.fsencode(videos) + b"/\xff\xfe.mp4")
    failed = [("\udcff\udcfe.mp4", "its name is not valid Unicode; rename it")]
    assert add() == {"indexed": 1, "failed": failed}
    assert add() == {"unchanged": 1, "failed": failed}


def test_a_file_deleted_while_it_is_read_is_not_committed(add, library, clip, videos, monkeypatch):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 2)
    commit = Update._commit

    def delete_first(self, encoded):
        Path(encoded.path).unlink()
        commit(self, encoded)

    with monkeypatch.context() as patch:
        patch.setattr(Update, "_commit", delete_first)
        gone = {name for name, _ in add()["failed"]}
    assert gone == {"a.mp4", "b.mp4"}
    assert library.catalog.files() == {}


def test_a_file_changed_while_it_is_read_is_left_for_the_next_run_with_its_copies(add, library, clip, videos):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 1)

    def change(done: Progress):
        if done.path is None:  # in the middle of it
            touch(videos / "a.mp4")

    reason = "it or its copy changed while it was read; index it again"
    assert add(progress=change) == {"failed": [("a.mp4", reason), ("b.mp4", reason)]}
    assert add() == {"indexed": 1, "copies": 1}


def test_a_file_deleted_before_it_is_read_fails_and_is_forgotten_later(add, library, clip, videos, monkeypatch):
    clip(videos / "a.mp4", 1), clip(videos / "b.mp4", 2)
    content_of = updating.content_of

    def too_late(path):
        if path.endswith("a.mp4"):
            Path(path).unlink()
        return content_of(path)

    with monkeypatch.context() as patch:
        patch.setattr(updating, "content_of", too_late)
        assert add() == {"indexed": 1, "failed": [("a.mp4", "can't be read: No such file or directory")]}
    assert add()["unchanged"] == 1
    assert names(library) == {"b.mp4"}


def test_a_known_video_that_the_disk_does_not_give_just_now_keeps_its_clips(add, library, clip, videos, monkeypatch):
    touch(clip(videos / "a.mp4", 1))
    add()

    def broken(_):
        raise OSError(5, "Input/output error")

    touch(videos / "a.mp4")
    with monkeypatch.context() as patch:
        patch.setattr(updating, "content_of", broken)
        assert add() == {"failed": [("a.mp4", "can't be read: Input/output error")]}
    assert library.catalog.totals()[0] == 1
    assert add() == {"unchanged": 1}


def test_a_file_that_the_disk_does_not_give_is_tried_again_at_the_next_run(add, library, clip, videos, monkeypatch):
    clip(videos / "a.mp4", 1)

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(updating, "content_of", broken)
        assert add() == {"failed": [("a.mp4", "can't be read: Input/output error")]}
        assert library.catalog.files()[str(videos / "a.mp4")].reason == "can't be read: Input/output error"
    assert add() == {"indexed": 1}


def test_a_folder_that_cannot_be_listed_is_reported_and_keeps_its_files(library, clip, videos, monkeypatch):
    clip(videos / "a.mp4", 1), clip(videos / "deep" / "b.mp4", 2)
    library.add([videos])
    walk = os.walk

    def refuse(root, onerror):
        for folder, folders, files in walk(root):
            if folder.endswith("deep"):
                onerror(PermissionError(13, "Permission denied", folder))
                continue
            yield folder, folders, files

    monkeypatch.setattr(os, "walk", refuse)
    report = library.add([videos])
    assert [(failure.path, failure.reason) for failure in report.failed] == [
        (str(videos / "deep"), "can't be listed: Permission denied")
    ]
    assert (report.unchanged, report.removed) == (1, 0)


def test_progress_ends_with_all_files_and_bytes_done_and_never_goes_back(add, library, clip, videos):
    clip(videos / "a.mp4", 1, seconds=20), clip(videos / "b.mp4", 1, seconds=20), clip(videos / "c.mp4", 2)
    (videos / "bad.mp4").write_bytes(b"no video")
    told = []
    add(progress=told.append)
    sizes = sum(path.stat().st_size for path in videos.iterdir())
    assert (told[-1].files, told[-1].of_files, told[-1].bytes, told[-1].of_bytes) == (4, 4, sizes, sizes)
    assert all(a.files <= b.files and a.bytes <= b.bytes + 1e-6 for a, b in pairwise(told))
    assert sorted(Path(done.path).name for done in told if done.path) == ["a.mp4", "b.mp4", "bad.mp4", "c.mp4"]
    assert [Path(done.path).name for done in told if done.reason] == ["bad.mp4"]
    told.clear()
    add(progress=told.append)
    assert told == []


def test_a_run_stopped_at_any_commit_goes_on_where_it_was(library, clip, videos, decoded, checkpoint):
    for i in range(4):
        clip(videos / f"{i}.mp4", i)

    def stop(done: Progress):
        if done.files == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add([videos], progress=stop)
    with Library.open(library.folder) as again:
        report = again.add([videos])
        assert (report.unchanged, report.indexed) == (2, 2)
        assert verify(again).problems == []
    assert sorted(decoded) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
