import os

import pytest

from indexer.discover import PathError, discover, state_of
from indexer.records import FileState


@pytest.fixture
def folder(tmp_path):
    """Files at two levels, and some that are none of ours."""
    for name in ("b.mp4", "a.MKV", "deep/er/c.webm", "notes.txt", ".hidden.mp4", ".trash/d.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def names(found, folder):
    return [os.path.relpath(state.path, folder) for state in found.files]


def test_videos_are_found_at_all_levels_in_a_steady_order(folder):
    found = discover([folder])
    assert names(found, folder) == ["a.MKV", "b.mp4", "deep/er/c.webm"]
    assert (found.roots, found.unreadable) == ([str(folder)], [])


def test_a_file_comes_with_its_size_and_time(folder):
    os.utime(folder / "b.mp4", ns=(0, 1_234_567_891))
    assert discover([folder / "b.mp4"]).files == [FileState(str(folder / "b.mp4"), 5, 1_234_567_891)]


def test_a_file_given_by_itself_counts_whatever_its_name(folder):
    found = discover([folder / "notes.txt", folder / ".hidden.mp4"])
    assert names(found, folder) == ["notes.txt", ".hidden.mp4"]


def test_a_path_that_is_not_there_is_refused(folder):
    with pytest.raises(PathError, match="nothing: no such file or folder"):
        discover([folder, folder / "nothing"])


def test_a_file_that_cannot_be_looked_at_has_neither_size_nor_time(folder):
    (folder / "broken.mp4").symlink_to(folder / "nowhere")
    assert state_of(str(folder / "broken.mp4")) == FileState(str(folder / "broken.mp4"), 0, 0)


def test_each_file_is_looked_at_once(folder, monkeypatch):
    look, looked_at = os.stat, []
    monkeypatch.setattr(os, "stat", lambda path, **how: looked_at.append(str(path)) or look(path, **how))
    files = [state.path for state in discover([folder, folder / "deep"]).files]
    assert sorted(path for path in looked_at if path in files) == sorted(files)
