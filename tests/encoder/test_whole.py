import os

import pytest

from encoder.whole import appearing_whole, write_whole


def test_a_file_appears_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with appearing_whole(path) as draft:
        draft.write_text("half")
        assert not path.exists()
        draft.write_text("all")
    assert path.read_text() == "all"
    assert list(path.parent.iterdir()) == [path]


def write_half(path):
    with appearing_whole(path) as draft:
        draft.write_text("half")
        raise OSError("no room")


def test_what_was_there_stays_where_writing_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(OSError, match="no room"):
        write_half(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_draft_of_a_killed_process_is_written_over(tmp_path):
    (tmp_path / "a.txt.part").write_text("half of what was longer")
    with appearing_whole(tmp_path / "a.txt") as draft:
        draft.write_text("all")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "all"}


def test_a_small_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_it_has_its_name_and_the_name_when_writing_ends(tmp_path, monkeypatch):
    path, steps, fsync = tmp_path / "a.txt", [], os.fsync

    def noted(descriptor):
        steps.append((os.fstat(descriptor).st_ino, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", noted)
    write_whole(path, b"all")
    assert steps == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]
