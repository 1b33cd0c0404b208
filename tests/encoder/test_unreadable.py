import os
import pickle
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from encoder.clips import ClipSpec
from encoder.errors import VideoError
from encoder.video import probe, read_clips

SPEC = ClipSpec(frames=8, fps=4, size=16, hop=4)


# Damage


def damaged_copies(path: Path, seed: int) -> Path:
    rng, data = np.random.default_rng(seed), bytearray(path.read_bytes())
    for at in rng.integers(len(data) // 10, len(data), rng.integers(1, 60)):
        data[at] ^= int(rng.integers(1, 256))
    if seed % 3 == 0:
        del data[rng.integers(0, len(data)) :]
    copy = path.with_stem(f"damaged{seed}")
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize(
    ("name", "codec", "clock"),
    [
        ("a.mp4", "libx264", 25),
        ("a.mkv", "libx264", 1000),
        ("a.avi", "mpeg4", 25),
        ("a.ts", "libx264", 90000),
        ("a.webm", "libvpx", 1000),
        ("a.gif", "gif", 100),
    ],
)
def test_a_damaged_file_gives_clips_or_a_reason(tmp_path, moving_video, name, codec, clock):
    extra = {"fps": 25, "clock": clock} if codec != "gif" else {"fps": 20, "clock": 100}
    whole = moving_video(tmp_path / name, 4, seed=1, codec=codec, **extra)
    readable = 0
    for seed in range(20):
        path = damaged_copies(whole, seed)
        try:
            clips = list(read_clips(path, SPEC))
        except VideoError as error:
            assert error.reason  # noqa: PT017 - either outcome is right
        else:
            readable += 1
            assert clips
            assert all(clip.frames.shape == (8, 16, 16, 3) for clip in clips)
            assert all(later.span.start > earlier.span.start for earlier, later in pairwise(clips))
    assert readable > 5


def test_damage_in_the_middle_is_passed_over_and_counted(tmp_path, moving_video):
    path = moving_video(tmp_path / "a.mkv", 8, seed=1, options={"g": "25"}, clock=1000)
    undamaged = list(read_clips(path, SPEC))
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        middle = packets[len(packets) // 2]
        (at, size) = path.read_bytes().find(bytes(middle)), middle.size
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    clips = list(read_clips(path, SPEC))
    assert [clip.damaged for clip in undamaged] == [0] * 7
    assert clips[0].damaged == 0
    assert clips[-1].damaged == 1
    assert [clip.span for clip in clips] == [clip.span for clip in undamaged]
    np.testing.assert_array_equal(clips[-1].frames, undamaged[-1].frames)  # a key frame lies between


def test_a_file_that_breaks_off_gives_what_comes_before(tmp_path, moving_video):
    path = moving_video(tmp_path / "a.mkv", 8, seed=1, clock=1000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    clips = list(read_clips(path, SPEC))
    assert 1 <= len(clips) < 7
    assert clips[-1].span.end < 7


# Files that are no video


def make_text(path: Path) -> None:
    path.write_text("This is a shopping list.\n" * 50)


def make_sound(path: Path) -> None:
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 44100, 0
        frame.planes[0].update(bytes(4096))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("read", [probe, lambda path: list(read_clips(path, SPEC))])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder, not a video file"),
        (lambda path: path.touch(), "is empty"),
        (make_text, "is not a video file, or is damaged beyond reading"),
        (lambda path: path.write_bytes(bytes(5000)), "is not a video file, or is damaged beyond reading"),
        (make_sound, "has no video stream (sound or data only)"),
    ],
)
def test_what_is_no_video_is_refused_in_plain_words(tmp_path, make, reason, read):
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(VideoError) as caught:
        read(path)
    assert (caught.value.path, caught.value.reason) == (str(path), reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", [0])
    path.chmod(0)
    with pytest.raises(VideoError, match="permission denied"):
        probe(path)


def test_an_error_survives_the_way_between_processes(tmp_path):

    error = pickle.loads(pickle.dumps(VideoError(tmp_path / "a.mp4", "is empty")))
    assert (error.path, error.reason) == (str(tmp_path / "a.mp4"), "is empty")


READ_IN_PROCESS = """
import sys
from encoder.clips import ClipSpec
from encoder.errors import VideoError
from encoder.video import read_clips
for path in sys.argv[1:]:
    try:
        list(read_clips(path, ClipSpec()))
    except VideoError as error:
        print(error.reason)
"""


def read_in_process(*paths: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", READ_IN_PROCESS, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    assert read_in_process(tmp_path / "a.mp4").stdout == "is not a regular file\n"


def test_damaged_files_leave_no_noise_on_stderr(tmp_path, moving_video):
    whole = moving_video(tmp_path / "a.mp4", 4, seed=1)
    avi = moving_video(tmp_path / "b.avi", 4, seed=1, codec="mpeg4")
    files = [damaged_copies(path, seed) for path in (whole, avi) for seed in range(1, 9)]
    assert read_in_process(*files).stderr == ""


# Files that mean harm


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n../private/film.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile 'film.ts'\n"),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n"),
    ],
)
def test_a_list_of_other_files_is_no_video(moving_video, tmp_path, name, text):
    for folder in ("public", "private"):
        (tmp_path / folder).mkdir()
        moving_video(tmp_path / folder / "film.ts", 2, seed=1, clock=90000)
    (tmp_path / "public" / name).write_text(text)
    with pytest.raises(VideoError, match="is not a video file"):
        probe(tmp_path / "public" / name)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded(make_video, tmp_path):
    small = make_video(tmp_path / "small.avi", [0, 0.2], codec="mjpeg", pixels="yuvj420p", size=(64, 48)).read_bytes()
    header, picture = struct.pack("<III", 40, 64, 48), b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 48, 64)
    assert header in small
    assert picture in small
    for width, height in ((100_000, 100_000), (16_000, 16_000), (9_000, 8_000)):
        bomb = small.replace(header, struct.pack("<III", 40, width, height))
        size = struct.pack(">HH", min(height, 65535), min(width, 65535))
        (tmp_path / "bomb.avi").write_bytes(bomb.replace(picture, b"\xff\xc0\x00\x11\x08" + size))
        with pytest.raises(VideoError, match=r"more than can be read|no picture can be decoded"):
            probe(tmp_path / "bomb.avi")
