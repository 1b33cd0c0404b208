import math
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from encoder import video
from encoder.clips import ClipSpec, Span, clip_spans
from encoder.errors import VideoError
from encoder.video import Video, VideoInfo, probe, read_clips

SINGLE = ClipSpec(frames=1, fps=4, size=16, hop=1)
SPEC = ClipSpec(frames=8, fps=4, size=16, hop=4)
LOSSY = 4  # grey levels that a codec may be off by


def levels(path: Path, fps: float = 4.0, span: Span | None = None) -> list[float]:
    """Mean level of every grid frame."""
    return [clip.frames.mean() for clip in read_clips(path, ClipSpec(1, fps, 16, 1), span)]


def shown_levels(times: Sequence[float], end: float, fps: float, grey: Callable[[int], int]) -> list[int]:
    """What `levels` should be, one frame after the other: the last one that has appeared by k / fps."""
    shown, k = [], 0
    while k / fps < end - 1e-5:
        shown.append(grey(max(i for i, time in enumerate(times) if time - times[0] <= k / fps + 1e-5)))
        k += 1
    return shown


def irregular(seed: int, count: int = 25) -> list[float]:
    """Frame times in whole milliseconds: 1 ms to 0.9 s apart, also exactly on the grid of 4 a second."""
    gaps = np.random.default_rng(seed).choice([1, 17, 33, 40, 100, 250, 400, 900], count - 1)
    return [0.0, *(np.cumsum(gaps) / 1000).tolist()]


def corners(path: Path) -> tuple[int, int]:
    """Row and column, 0 or 1, of the white corner of the first picture."""
    picture = next(read_clips(path, ClipSpec(1, 4, 32, 1))).frames[0].mean(2)
    quarters = picture.reshape(2, 16, 2, 16).mean((1, 3))
    row, column = np.unravel_index(quarters.argmax(), (2, 2))
    return int(row), int(column)


def one_white_corner(width: int = 64, height: int = 48) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = 255
    return picture


# Which picture is shown when


@pytest.mark.parametrize("fps", [4, 7.5, 30])
@pytest.mark.parametrize("seed", range(3))
def test_a_grid_frame_is_the_last_picture_that_has_appeared_by_its_time(tmp_path, make_video, grey, seed, fps):
    times = irregular(seed)
    path = make_video(tmp_path / "a.mkv", times)
    assert levels(path, fps) == shown_levels(times, times[-1] + 0.04, fps, grey)


@pytest.mark.parametrize(
    ("name", "codec", "clock"),
    [
        ("a.mp4", "libx264", 25),
        ("a.mp4", "libx264", 12800),
        ("a.mp4", "libx265", 25),
        ("a.mp4", "mpeg4", 25),
        ("a.avi", "mpeg4", 25),
        ("a.avi", "ffv1", 25),
        ("a.mov", "libx264", 600),
        ("a.ts", "libx264", 90000),
        ("a.webm", "libvpx", 1000),
    ],
)
def test_every_container_shows_its_pictures_at_their_times(tmp_path, make_video, grey, name, codec, clock):
    times = [i / 25 for i in range(60)]
    path = make_video(tmp_path / name, times, codec=codec, clock=clock)
    expected = shown_levels(times, 2.4, 4, grey)
    assert levels(path) == pytest.approx(expected, abs=LOSSY)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_stored_out_of_order_are_shown_in_order(tmp_path, make_video, grey, name):
    times = irregular(7, 40)
    path = make_video(tmp_path / name, times, codec="libx264", options={"preset": "medium", "bf": "3"})
    with av.open(path) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stored != sorted(stored)
    assert levels(path) == pytest.approx(shown_levels(times, times[-1] + 0.04, 4, grey), abs=LOSSY)


def test_an_avi_that_stores_frames_out_of_order_shows_every_one_at_its_time(tmp_path, make_video, grey):
    times = [i / 25 for i in range(60)]
    options = {"preset": "medium", "bf": "3", "g": "20"}
    path = make_video(tmp_path / "a.avi", times, codec="libx264", clock=25, options=options)
    with av.open(path) as container:
        guessed = [frame.pts for frame in container.decode(video=0)]
    assert guessed != sorted(guessed)  # AVI holds no presentation times
    assert levels(path, 25) == pytest.approx([grey(i) for i in range(60)], abs=LOSSY)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.ts", "libx264")])
def test_time_counts_from_the_first_picture_wherever_the_clock_starts(tmp_path, make_video, grey, name, codec):
    times = [5 + time for time in irregular(2)]
    path = make_video(tmp_path / name, times, codec=codec)
    expected = shown_levels(times, times[-1] - 5 + 0.04, 4, grey)
    assert levels(path)[: len(expected)] == pytest.approx(expected, abs=LOSSY)
    assert next(read_clips(path, SPEC)).span == Span(0, 2)


def test_a_recording_whose_clock_is_set_anew_goes_on(tmp_path, make_video, grey):
    first = make_video(tmp_path / "first.ts", [i / 25 for i in range(50)], codec="libx264", clock=90000)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() * 2)
    found = levels(joined)
    assert len(found) == pytest.approx(16, abs=1)
    assert found[:8] == pytest.approx(levels(first), abs=LOSSY)


# Clips


@pytest.mark.parametrize("spec", [SPEC, ClipSpec(5, 3, 16, 2), ClipSpec(4, 10, 16, 4), ClipSpec(2, 4, 16, 5)])
@pytest.mark.parametrize("duration", [0.04, 0.52, 1.96, 2.0, 2.04, 3.2, 6.0])
def test_the_clips_are_those_of_the_arithmetic(tmp_path, make_video, duration, spec):
    path = make_video(tmp_path / "a.mkv", [i / 25 for i in range(round(duration * 25))])
    spans = [clip.span for clip in read_clips(path, spec)]
    expected = clip_spans(duration, spec)
    assert [span.start for span in spans] == [span.start for span in expected]
    assert [span.end for span in spans] == pytest.approx([span.end for span in expected], abs=1e-6)


def test_a_clip_holds_the_grid_frames_from_its_start(tmp_path, moving_video):
    path = moving_video(tmp_path / "a.mp4", 4.3, seed=1)
    frames = np.concatenate([clip.frames for clip in read_clips(path, SINGLE)])
    for clip in read_clips(path, SPEC):
        first = round(clip.span.start * 4)
        np.testing.assert_array_equal(clip.frames, frames[first : first + 8])


def test_a_video_of_one_frame_is_one_clip_that_repeats_it(tmp_path, make_video, grey):
    path = make_video(tmp_path / "a.mkv", [0], last_s=0.04)
    (clip,) = read_clips(path, SPEC)
    assert clip.span == Span(0, 0.04)
    assert clip.frames.shape == (8, 16, 16, 3)
    assert clip.frames.dtype == np.uint8
    assert (clip.frames == grey(0)).all()


def test_a_short_video_holds_its_last_picture(tmp_path, make_video, grey):
    path = make_video(tmp_path / "a.mkv", [0, 0.25, 0.5], last_s=0.25)
    (clip,) = read_clips(path, SPEC)
    assert clip.frames[:, 0, 0, 0].tolist() == [grey(0), grey(1)] + [grey(2)] * 6


def test_starts_choose_the_clips(tmp_path, make_video, grey):
    path = make_video(tmp_path / "a.mkv", [i / 4 for i in range(40)], last_s=0.25)
    clips = list(read_clips(path, SPEC, starts=[0, 1, 17, 32, 33, 90]))
    assert [clip.span for clip in clips] == [Span(k / 4, k / 4 + 2) for k in (0, 1, 17, 32)]
    for clip, first in zip(clips, [0, 1, 17, 32], strict=True):
        assert clip.frames[:, 0, 0, 0].tolist() == [grey(first + i) for i in range(8)]


def test_starts_past_the_end_still_give_one_clip(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", [i / 4 for i in range(10)], last_s=0.25)
    assert [clip.span for clip in read_clips(path, SPEC, starts=[50])] == [Span(0.5, 2.5)]


# Pictures that nobody looks at


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("spread", [False, True], ids=["steady", "variable rate"])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.mp4", "libx265")]
)
def test_pictures_that_nobody_looks_at_are_left_out_and_the_others_stay_the_same(
    tmp_path, moving_video, make_video, monkeypatch, name, codec, spread, threads
):
    times = np.cumsum(np.random.default_rng(0).choice([0.01, 0.04, 0.1], 250)) if spread else np.arange(250) / 25
    pictures = [
        np.random.default_rng(i // 5).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        for i in range(250)
    ]
    options = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal"}
    path = make_video(tmp_path / name, times - times[0], pictures, codec=codec, clock=90000, options=options)
    spec, decoded = ClipSpec(4, 8, 32, 2), []
    with Video(path, threads) as one:
        clips = list(one.clips(spec, on_picture=lambda: decoded.append(one.end)))
    assert len(decoded) < 200
    monkeypatch.setattr(video, "drops_only_unused", lambda codec, configuration: False)
    expected = list(read_clips(path, spec))
    assert [clip.span for clip in clips] == [clip.span for clip in expected]
    np.testing.assert_array_equal([clip.frames for clip in clips], [clip.frames for clip in expected])


def test_where_the_clock_is_set_anew_the_pictures_stay_the_same(tmp_path, moving_video, monkeypatch):
    parts = [moving_video(tmp_path / f"{seed}.ts", 3.08, seed, clock=90000, options={"bf": "3"}) for seed in range(2)]
    joined = tmp_path / "a.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    spec = ClipSpec(1, 8, 16, 1)
    frames = [clip.frames for clip in read_clips(joined, spec)]
    monkeypatch.setattr(video, "drops_only_unused", lambda codec, configuration: False)
    np.testing.assert_array_equal(frames, [clip.frames for clip in read_clips(joined, spec)])


# A part of a video


@pytest.mark.parametrize(
    ("name", "codec", "clock"),
    [
        ("a.mp4", "libx264", 25),
        ("a.mkv", "ffv1", 1000),
        ("a.avi", "mpeg4", 25),
        ("b.avi", "libx264", 25),
        ("a.ts", "libx264", 90000),
    ],
)
@pytest.mark.parametrize("span", [Span(1, 3), Span(9.75, 14), Span(12.25, 15.5), Span(13, math.inf)])
def test_a_part_reads_as_it_does_in_the_whole(tmp_path, make_video, name, codec, clock, span):
    path = make_video(
        tmp_path / name, [i / 25 for i in range(400)], codec=codec, clock=clock, options={"g": "60", "bf": "2"}
    )
    whole = np.concatenate([clip.frames for clip in read_clips(path, SINGLE)])
    part = list(read_clips(path, SINGLE, span))
    first, last = round(span.start * 4), round(min(span.end, 16) * 4)
    np.testing.assert_array_equal(np.concatenate([clip.frames for clip in part]), whole[first:last])
    assert [clip.span.start for clip in part] == [k / 4 for k in range(first, last)]


def test_a_part_far_into_a_video_is_reached_without_decoding_what_lies_before(tmp_path, make_video, monkeypatch):
    path = make_video(tmp_path / "a.mp4", [i / 25 for i in range(1000)], codec="libx264", options={"g": "50"})
    decoded = []
    monkeypatch.setattr(video, "_length", lambda frame, unknown: decoded.append(frame.pts) or 0.04)
    assert len(list(read_clips(path, SPEC, Span(30, 32)))) == 1
    assert len(decoded) < 130


def test_a_part_is_cut_at_its_own_end(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", [i / 25 for i in range(100)])
    assert [clip.span for clip in read_clips(path, SPEC, Span(0.5, 1.25))] == [Span(0.5, 1.25)]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("start", [2, 5, 12])
def test_a_part_after_the_end_is_refused_with_the_length(tmp_path, make_video, name, start):
    codec = {"a.mkv": "ffv1", "a.mp4": "libx264"}[name]
    path = make_video(tmp_path / name, [i / 25 for i in range(50)], codec=codec)
    with pytest.raises(VideoError, match=rf"lasts 2\.0 s, so nothing lies at or after {start} s") as caught:
        list(read_clips(path, SPEC, Span(start, start + 1)))
    assert (caught.value.path, str(caught.value).split(": ")[0]) == (str(path), str(path))


# Shapes and names


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_video_is_read_upright(tmp_path, make_video, rotation):
    path = make_video(tmp_path / "a.mp4", [0, 0.04], [one_white_corner()] * 2, codec="libx264", rotation=rotation)
    capture = cv2.VideoCapture(str(path))  # turns pictures by the metadata
    upright = capture.read()[1].mean(2)
    height, width = upright.shape
    quarters = upright.reshape(2, height // 2, 2, width // 2).mean((1, 3))
    assert corners(path) == np.unravel_index(quarters.argmax(), (2, 2))
    assert (probe(path).width, probe(path).height) == (width, height)


def test_each_rotation_sends_the_corner_somewhere_else(tmp_path, make_video):
    found = {
        corners(make_video(tmp_path / f"{r}.mp4", [0], [one_white_corner()], codec="libx264", rotation=r))
        for r in (0, 90, 180, 270)
    }
    assert len(found) == 4


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_phones_rotated_video_is_read_upright(shared_data, angle):
    path = shared_data / "formats" / "decord" / f"tests__test_data__video_{angle}.mov"
    if not path.is_file():
        pytest.skip(f"needs {path.name}")
    upright = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    found = next(read_clips(path, ClipSpec(1, 4, 64, 1))).frames[0].astype(float)
    error = [
        abs(cv2.resize(np.rot90(upright, turns), (64, 64), interpolation=cv2.INTER_AREA) - found).mean()
        for turns in range(4)
    ]
    assert error[0] == min(error) < 12
    assert (probe(path).height, probe(path).width) == upright.shape[:2]


@pytest.mark.parametrize(("rotation", "shown"), [(0, (85, 48)), (90, (48, 85))])
def test_pixels_that_are_not_square_count_in_the_width_shown(tmp_path, make_video, rotation, shown):
    path = make_video(tmp_path / "a.mp4", [0], codec="libx264", shape=Fraction(4, 3), rotation=rotation)
    assert (probe(path).width, probe(path).height) == shown


@pytest.mark.parametrize("size", [(63, 47), (65, 48), (2, 2), (64, 1), (640, 16)])
def test_any_size_of_picture_becomes_a_square(tmp_path, make_video, grey, size):
    path = make_video(tmp_path / "a.mkv", [0, 0.25], size=size, last_s=0.25)
    (clip,) = read_clips(path, SPEC)
    assert clip.frames.shape == (8, 16, 16, 3)
    assert (clip.frames[0] == grey(0)).all()
    assert (clip.frames[1] == grey(1)).all()
    assert (probe(path).width, probe(path).height) == size


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv444p", "yuv422p10le"])
def test_deep_and_odd_pixel_formats_are_read(tmp_path, make_video, grey, pixels):
    path = make_video(tmp_path / "a.mkv", [0, 0.25, 0.5], codec="libx264", pixels=pixels, last_s=0.25)
    assert levels(path) == pytest.approx([grey(0), grey(1), grey(2)], abs=LOSSY)


def test_colours_arrive_as_red_green_blue(tmp_path, make_video):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[...] = 250, 120, 10
    path = make_video(tmp_path / "a.mkv", [0], [picture], pixels="bgr0")
    (clip,) = read_clips(path, SPEC)
    assert clip.frames[0, 0, 0].tolist() == [250, 120, 10]


def test_the_whole_picture_is_resized_not_cropped(tmp_path, make_video):
    picture = np.zeros((32, 128, 3), np.uint8)
    picture[:, :32] = 255
    path = make_video(tmp_path / "a.mkv", [0], [picture])
    row = next(read_clips(path, ClipSpec(1, 4, 16, 1))).frames[0, 8, :, 0]
    assert row[:4].tolist() == [255] * 4
    assert row[5:].tolist() == [0] * 11


def test_a_gif_is_a_video(tmp_path, make_video):
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in (0, 255, 0, 255)]
    path = make_video(tmp_path / "a.gif", [0, 0.5, 1, 1.25], pictures, codec="gif", clock=100, last_s=0.75)
    assert [level > 128 for level in levels(path)] == [False] * 2 + [True] * 2 + [False] + [True] * 3


@pytest.mark.parametrize(
    "name", ["Ünïcödé 视频.mkv", " blank  name .mkv", "12:30.mkv", "http:a.mkv", "%d.mkv", "a'b\"#?&.mkv", "-y.mkv"]
)
def test_any_name_can_be_read(tmp_path, make_video, monkeypatch, name):
    plain = make_video(tmp_path / "plain.mkv", [0, 0.04])
    plain.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), name, tmp_path / name):
        assert len(list(read_clips(path, SPEC))) == 1
        assert probe(path).width == 64


def test_the_header_is_told(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", [i / 25 for i in range(50)], codec="libx264")
    assert probe(path) == VideoInfo(2.0, 64, 48, 25.0, "h264")


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
from encoder.video import VideoError, read_clips
for path in sys.argv[1:]:
    try:
        list(read_clips(path, ClipSpec()))
    except VideoError as error:
        print(error.reason)
"""


def read_in_process(*paths: Path) -> subprocess.CompletedProcess[str]:
    root = Path(video.__file__).parents[1]
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


# Memory


def test_clips_come_before_the_whole_video_is_read(tmp_path, make_video, monkeypatch):
    path = make_video(tmp_path / "a.mkv", [i / 25 for i in range(1000)])
    decoded = []
    monkeypatch.setattr(video, "_length", lambda frame, unknown: decoded.append(frame.pts) or 0.04)
    clips = read_clips(path, SPEC)
    next(clips)
    assert len(decoded) < 70
    clips.close()


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path, make_video):
    peaks = []
    for seconds in (10, 60):
        path = make_video(tmp_path / f"{seconds}.mkv", [i / 8 for i in range(seconds * 8)])
        tracemalloc.start()
        for clip in read_clips(path, ClipSpec(8, 4, 64, 4)):
            del clip
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


# The real world


def test_every_real_format_is_read_or_refused_with_a_reason(shared_data):
    files = sorted(path for path in (shared_data / "formats").rglob("*") if path.is_file())
    assert len(files) > 100
    refused = {}
    for path in files:
        try:
            clips = list(islice(read_clips(path, SPEC), 1))
        except VideoError as error:
            assert error.reason  # noqa: PT017 - either outcome is right
            refused[path.name] = error.reason
        else:
            assert all(clip.frames.shape == (8, 16, 16, 3) for clip in clips)
            info = probe(path)
            assert min(info.width, info.height) > 0
    assert len(refused) < len(files) / 3


def test_a_real_file_reads_the_same_under_another_name(shared_data, tmp_path):
    path = shared_data / "formats" / "torchcodec" / "test__resources__h265_video.mp4"
    if not path.is_file():
        pytest.skip(f"needs {path.name}")
    copy = tmp_path / "no ending"
    shutil.copyfile(path, copy)
    for one, other in zip(read_clips(path, SPEC), read_clips(copy, SPEC), strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)


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
