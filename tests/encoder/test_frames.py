import math
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from encoder import frames
from encoder.clips import ClipSpec, Span
from encoder.errors import VideoError
from encoder.video import Video, read_clips

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
        clips = list(one.clips(spec, on_picture=lambda: decoded.append(None)))
    assert len(decoded) < 200
    monkeypatch.setattr(frames, "drops_only_unused", lambda codec, configuration: False)
    expected = list(read_clips(path, spec))
    assert [clip.span for clip in clips] == [clip.span for clip in expected]
    np.testing.assert_array_equal([clip.frames for clip in clips], [clip.frames for clip in expected])


def test_where_the_clock_is_set_anew_the_pictures_stay_the_same(tmp_path, moving_video, monkeypatch):
    parts = [moving_video(tmp_path / f"{seed}.ts", 3.08, seed, clock=90000, options={"bf": "3"}) for seed in range(2)]
    joined = tmp_path / "a.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    spec = ClipSpec(1, 8, 16, 1)
    shown = [clip.frames for clip in read_clips(joined, spec)]
    monkeypatch.setattr(frames, "drops_only_unused", lambda codec, configuration: False)
    np.testing.assert_array_equal(shown, [clip.frames for clip in read_clips(joined, spec)])


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
    monkeypatch.setattr(frames, "_length", lambda frame, unknown: decoded.append(frame.pts) or 0.04)
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
