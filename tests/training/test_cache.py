import errno
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from encoder.decoding import Failed, _decode
from training import cache
from training.cache import CacheError, build_cache

FPS, SIZE = 4.0, 16


class TurnsPool:
    """Decodes in this process, last file first and a piece of each in turn; knows what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, workers, stall_s):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def decode(self, jobs):
        underway = [_decode(job, lambda: None) for job in reversed(list(jobs)) if not self.asked.append(job.path)]
        while underway:
            for events in list(underway):
                event = next(events, None)
                underway = underway if event else [other for other in underway if other is not events]
                yield event


@pytest.fixture
def pool(monkeypatch):
    made = TurnsPool()
    monkeypatch.setattr(cache, "DecodePool", made)
    return made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def film(make_video):
    """film(path, levels) puts a video there that shows plain pictures of these grey levels, a quarter second each."""

    def make(path, levels):
        pictures = [np.full((48, 64, 3), level, np.uint8) for level in levels]
        return make_video(path, [i / FPS for i in range(len(levels))], pictures, last_s=1 / FPS)

    return make


@pytest.fixture
def files(film, videos):
    """Three videos; two are longer than what a decoder sends at once."""
    return [film(videos / f"{i}.mkv", levels(i)) for i in range(3)]


def levels(number):
    return [10 * (number + 1) + 7 * i for i in range([20, 3, 18][number % 3])]


def build(files, folder, fps=FPS, size=SIZE, report=None):
    return build_cache(files, folder, fps, size, 2, report)


def shown(videos):
    """The grey levels of each video's frames, all of whose pixels are alike."""
    assert all(np.ptp(frames, (1, 2, 3)).max() <= 1 for frames in videos)
    return [np.rint(frames.mean((1, 2, 3))).astype(int).tolist() for frames in videos]


def wanted(*numbers):
    return [levels(number) for number in numbers]


def contents(folder):
    return {name: (folder / name).read_bytes() for name in ("frames.bin", "index.jsonl")}


def lines(folder):
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()][1:]


def test_videos_have_the_order_of_the_files_whatever_order_they_were_decoded_in(pool, files, folder):
    made = build(files, folder)
    assert [Path(line["path"]).name for line in lines(folder)] == ["1.mkv", "2.mkv", "0.mkv"]
    assert list(made.paths) == files
    assert shown(made) == wanted(0, 1, 2)
    assert (made.file, made.fps, made.size) == (folder / "frames.bin", FPS, SIZE)
    again = build(files[::-1], folder)
    assert list(again.paths) == files[::-1]
    assert shown(again) == wanted(2, 1, 0)


def test_decoders_give_the_frames_of_a_video_resized_to_a_square(moving_video, files, folder):
    moving = moving_video(files[0].with_name("moving.mp4"), 2, 1)
    seen = []
    made = build([*files, moving], folder, report=lambda *progress: seen.append(progress))
    assert shown(made[:3]) == wanted(0, 1, 2)
    assert made[3].shape == (8, SIZE, SIZE, 3)
    assert made[3].std() > 10
    assert seen == [("videos read", done, 4) for done in (1, 2, 3, 4)]


def test_what_is_there_is_not_decoded_again(pool, files, folder):
    build(files[:2], folder)
    before, seen = contents(folder), []
    assert shown(build(files, folder, report=lambda *progress: seen.append(progress))) == wanted(0, 1, 2)
    assert sorted(pool.asked) == [str(file) for file in files]
    assert seen == [("videos read", 3, 3)]
    assert all(after.startswith(before[name]) for name, after in contents(folder).items())
    assert shown(build(files[1:2], folder)) == wanted(1)
    assert len(pool.asked) == 3


def test_a_file_given_twice_or_by_another_name_is_one_video(pool, files, folder, monkeypatch):
    monkeypatch.chdir(files[0].parent)
    made = build([Path("0.mkv"), files[1], Path("0.mkv")], folder)
    assert list(made.paths) == [Path("0.mkv"), files[1]]
    assert build(files[:1], folder).paths == files[:1]
    assert len(pool.asked) == 2


def test_a_changed_file_is_decoded_anew(pool, film, files, folder):
    build(files, folder)
    film(files[1], levels(5))
    made = build(files, folder)
    assert shown(made) == wanted(0, 5, 2)
    assert pool.asked[3:] == [str(files[1])]
    assert shown(build(files, folder)) == wanted(0, 5, 2)
    assert len(pool.asked) == 4


def test_only_the_first_two_minutes_of_a_video_are_kept(pool, make_video, grey, videos, folder):
    long = make_video(videos / "long.mkv", [0, 60, 120, 130], last_s=10)
    made = build([long], folder, fps=1)
    assert shown(made) == [[grey(0)] * 60 + [grey(1)] * 60]


def test_a_file_that_cannot_be_read_is_told_with_its_reason_and_not_tried_again(pool, film, files, folder):
    bad = files[0].with_name("bad.mkv")
    bad.write_bytes(b"no video" * 100)
    for _ in range(2):
        made = build([bad, *files], folder)
        assert shown(made) == wanted(0, 1, 2)
        assert list(made.paths) == files
        assert [(error.path, error.reason) for error in made.failed] == [
            (str(bad), "is not a video file, or is damaged beyond reading")
        ]
    assert pool.asked.count(str(bad)) == 1
    film(bad, levels(4))
    assert shown(build([bad, *files], folder)) == wanted(4, 0, 1, 2)


def test_a_video_that_fails_later_is_no_longer_there(pool, files, folder):
    build(files, folder)
    files[1].write_bytes(b"no video" * 100)
    made = build(files, folder)
    assert shown(made) == wanted(0, 2)
    assert [error.path for error in made.failed] == [str(files[1])]


def test_pieces_of_a_video_that_fails_in_the_end_do_not_count(pool, files, folder, monkeypatch):
    def breaks_off(jobs):
        for event in TurnsPool().decode(jobs):
            whole = event is None or event.path != str(files[0]) or event.__class__.__name__ != "Finished"
            yield event if whole else Failed(event.path, "the decoder crashed on it")

    monkeypatch.setattr(pool, "decode", breaks_off)
    made = build(files, folder)
    assert shown(made) == wanted(1, 2)
    assert made.file.stat().st_size == (3 + 18) * SIZE**2 * 3


@contextmanager
def missing(file, _pool, _monkeypatch):
    away = file.rename(file.with_name("away"))
    yield
    away.rename(file)


@contextmanager
def closed(file, pool, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _: path != str(file))
        patch.setattr(pool, "decode", lambda jobs: [Failed(job.path, "permission denied") for job in jobs])
        yield


@pytest.mark.parametrize(("out_of_reach", "reason"), [(missing, "no such file"), (closed, "permission denied")])
def test_a_file_out_of_reach_is_told_and_there_again_once_it_is_back(
    pool, files, folder, monkeypatch, out_of_reach, reason
):
    for _ in range(2):
        with out_of_reach(files[0], pool, monkeypatch):
            assert [error.reason for error in build(files[:1], folder).failed] == [reason]
        assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert len(lines(folder)) == 3


@pytest.mark.parametrize("given", [[], ["none.mkv"]])
def test_nothing_to_read_gives_an_empty_cache(pool, folder, videos, given):
    made = build([videos / name for name in given], folder)
    assert (len(made), list(made.paths), made[:]) == (0, [], [])
    assert [error.reason for error in made.failed] == ["no such file"] * len(given)
    with pytest.raises(IndexError):
        made[0]


def test_frames_are_read_only_and_lie_in_the_file(pool, files, folder):
    made = build(files, folder)
    frames = made[-1]
    assert (frames.shape, frames.dtype, type(frames)) == ((18, SIZE, SIZE, 3), np.uint8, np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        frames[0] = 0
    with made.file.open("r+b") as file:
        file.seek(made.bounds[-1][0] * SIZE**2 * 3)
        file.write(b"\xff")
    assert frames[0, 0, 0].tolist() == [255, 30, 30]


def test_a_pickled_cache_holds_no_frames_and_maps_the_file_anew(pool, files, folder):
    made = build(files, folder)
    before = pickle.dumps(made)
    assert shown(made) == wanted(0, 1, 2)
    assert len(pickle.dumps(made)) == len(before) < 1000
    script = "import pickle, sys; print([len(v) + int(v[0, 0, 0, 0]) for v in pickle.load(sys.stdin.buffer)])"
    run = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(made), capture_output=True, check=True)
    assert json.loads(run.stdout) == [len(video) + video[0] for video in wanted(0, 1, 2)]


@pytest.mark.parametrize(
    ("more_frames", "more_index"),
    [
        (b"\x07" * 1000, b""),
        (b"\x07" * 5 * SIZE**2 * 3, b'{"path": "/films/a.mkv", "state": "1 2", "fra'),
        (b"\x07" * 5 * SIZE**2 * 3, b'{"path": "/films/a.mkv", "state": "1 2", "frames": 5, "reason": null}'),
        (b"", b'{"path": "/films/a.mkv", "state": "1 2", "frames": 5, "reason": null}\n'),
        (b"\x00" * 1000, b"\x00" * 100),
        (b"", b'{"path": "/fi\n'),
        (b"", b"null\n"),
        (b"", b'{"path": "/films/a.mkv"}\n'),
    ],
    ids=["frames", "part of a line", "all but its end", "no frames", "zeros", "no JSON", "no record", "half a record"],
)
def test_what_a_kill_left_behind_the_last_whole_line_is_cut_off(pool, files, folder, more_frames, more_index):
    build(files[:2], folder)
    before = contents(folder)
    for name, more in (("frames.bin", more_frames), ("index.jsonl", more_index)):
        (folder / name).write_bytes(before[name] + more)
    assert shown(build(files[:2], folder)) == wanted(0, 1)
    assert contents(folder) == before
    for name, more in (("frames.bin", more_frames), ("index.jsonl", more_index)):
        (folder / name).write_bytes(before[name] + more)
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert len(pool.asked) == 3


def test_videos_whose_frames_got_lost_are_decoded_again(pool, files, folder):
    before = build(files, folder)
    os.truncate(before.file, before.file.stat().st_size - 1)
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert pool.asked[3:] == [str(files[0])]  # the last in the file
    before.file.unlink()
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert len(pool.asked) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_process_killed_between_frames_and_line_loses_only_that_video(files, folder):
    script = (
        "import os, signal, sys; from pathlib import Path; from training.cache import build_cache\n"
        "sync, synced = os.fsync, []\n"
        "def fsync(file):\n"
        "    sync(file); synced.append(file)\n"
        "    if len(synced) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = fsync\n"
        f"build_cache([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), {FPS}, {SIZE}, 1, None)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, folder, *files], check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(lines(folder)) == 1
    assert (folder / "frames.bin").stat().st_size == 23 * SIZE**2 * 3  # of two videos
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert (lines(folder)[0]["frames"], len(lines(folder))) == (20, 3)


@pytest.mark.parametrize("other", [{"fps": 2.0}, {"size": 8}])
def test_a_cache_of_other_settings_makes_room_and_other_files_stay(pool, files, folder, other):
    build(files, folder)
    (folder / "notes.txt").write_text("mine")
    made = build(files[:2], folder, **other)
    assert shown(made) == [video[:: int(FPS / made.fps)] for video in wanted(0, 1)]
    assert made.file.stat().st_size == sum(len(video) for video in made) * made.size**2 * 3
    assert sorted(path.name for path in folder.iterdir()) == ["frames.bin", "frames.lock", "index.jsonl", "notes.txt"]


def test_a_cache_of_another_format_makes_room(pool, files, folder):
    build(files, folder)
    index = folder / "index.jsonl"
    index.write_bytes(index.read_bytes().replace(b'{"reelseek frames": 1,', b'{"reelseek frames": 0,', 1))
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert len(pool.asked) == 6


def test_a_folder_in_which_not_even_the_header_is_whole_begins_anew(pool, files, folder):
    build(files[:1], folder)
    header = (folder / "index.jsonl").read_bytes().splitlines(keepends=True)[0]
    for length in range(0, len(header), 9):
        (folder / "frames.bin").unlink()
        (folder / "index.jsonl").write_bytes(header[:length])
        assert shown(build(files[:1], folder)) == wanted(0)


@pytest.mark.parametrize(("name", "text"), [("index.jsonl", '{"page": 1}\n'), ("frames.bin", "mine")])
def test_files_of_something_else_are_left_alone(pool, files, folder, name, text):
    folder.mkdir()
    (folder / name).write_text(text)
    with pytest.raises(CacheError, match=r"holds a frames.bin or index.jsonl of something else; give another folder"):
        build(files, folder)
    assert (folder / name).read_text() == text


def test_a_cache_that_was_filled_anew_since_keeps_its_frames_or_says_so(pool, files, folder):
    mapped, unmapped = build(files, folder), build(files, folder)
    assert shown(mapped[:1]) == wanted(0)
    build(files, folder, size=24)
    assert shown(mapped) == wanted(0, 1, 2)
    with pytest.raises(CacheError, match=f"{folder} was emptied or filled anew since; start again"):
        unmapped[0]
    again = build(files, folder)
    os.truncate(again.file, 0)
    with pytest.raises(CacheError, match="was emptied"):
        again[0]
    shutil.rmtree(folder)
    with pytest.raises(CacheError, match="was emptied"):
        pickle.loads(pickle.dumps(mapped))[0]


@contextmanager
def full_disk(monkeypatch, name, good):
    """The disk takes `good` writes to the file of this name, then half a one, then none."""
    real, left = Path.open, [good]

    class Full(io.FileIO):
        def write(self, data):
            left[0] -= 1
            if left[0] >= 0:
                return super().write(data)
            if left[0] == -1:
                return super().write(bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path, mode):
        if path.name != name or mode == "rb":
            return real(path, mode)
        return io.BufferedRandom(Full(path, mode)) if "+" in mode else io.BufferedWriter(Full(path, mode))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        yield


@pytest.mark.parametrize(("name", "good"), [("frames.bin", 1), ("index.jsonl", 2)])
def test_a_full_disk_is_one_sentence_and_keeps_what_is_complete(pool, files, folder, monkeypatch, name, good):
    with full_disk(monkeypatch, name, good), pytest.raises(CacheError) as error:
        build(files, folder)
    assert str(error.value) == (
        f"no space is left in {folder} for the frames still to come, about 1 MB; free some or give another folder: "
        "what is complete is kept"
    )
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert sorted(pool.asked[3:]) == [str(files[0]), str(files[2])]


def test_the_space_still_needed_is_told_from_the_videos_there_are(pool, film, videos, folder, monkeypatch):
    many = [film(videos / f"{i}.mkv", range(40)) for i in range(4)]
    with full_disk(monkeypatch, "index.jsonl", 2), pytest.raises(CacheError, match="about 24 MB"):
        build(many, folder, size=256)  # three of 40 frames of 0.2 MB are still to come


def test_a_disk_that_is_full_from_the_start_is_one_sentence(pool, files, folder, monkeypatch):
    with (
        full_disk(monkeypatch, "index.jsonl", 0),
        pytest.raises(CacheError, match=f"^no space is left in {folder}; free some or give another folder"),
    ):
        build(files, folder)
    assert shown(build(files, folder)) == wanted(0, 1, 2)


def test_a_full_disk_can_also_show_when_frames_are_flushed(pool, files, folder, monkeypatch):
    def full(_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CacheError, match="no space is left"):
            build(files, folder)
    assert lines(folder) == []
    assert shown(build(files, folder)) == wanted(0, 1, 2)


def test_a_folder_that_cannot_be_used_is_one_sentence(pool, files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CacheError, match=f"^{folder} is a file or lies in one; give a folder$"):
            build(files, folder)

    def forbidden(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(CacheError, match=f"^{tmp_path / 'closed'}: Permission denied$"):
        build(files, tmp_path / "closed")


def test_only_one_process_fills_a_folder(pool, files, folder):
    folder.mkdir()
    with (
        FileLock(folder / "frames.lock"),
        pytest.raises(CacheError, match=f"another process is filling {folder}; wait for it, or give another folder"),
    ):
        build(files, folder)
    assert shown(build(files, folder)) == wanted(0, 1, 2)


def test_an_interrupted_call_gives_the_lock_back_and_keeps_what_is_complete(pool, files, folder):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(files, folder, report=interrupt)
    assert shown(build(files, folder)) == wanted(0, 1, 2)
    assert len(pool.asked) == 5
