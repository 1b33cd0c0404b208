import shutil
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from encoder import frames
from encoder.clips import ClipSpec, Span, clip_spans
from encoder.errors import VideoError
from encoder.video import VideoInfo, probe, read_clips

SINGLE = ClipSpec(frames=1, fps=4, size=16, hop=1)
SPEC = ClipSpec(frames=8, fps=4, size=16, hop=4)


def levels(path: Path, fps: float = 4.0, span: Span | None = None) -> list[float]:
    """Mean level of every grid frame."""
    return [clip.frames.mean() for clip in read_clips(path, ClipSpec(1, fps, 16, 1), span)]


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


def test_the_header_is_told(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", [i / 25 for i in range(50)], codec="libx264")
    assert probe(path) == VideoInfo(2.0, 64, 48, 25.0, "h264")


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


def test_a_gif_is_a_video(tmp_path, make_video):
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in (0, 255, 0, 255)]
    path = make_video(tmp_path / "a.gif", [0, 0.5, 1, 1.25], pictures, codec="gif", clock=100, last_s=0.75)
    assert [level > 128 for level in levels(path)] == [False] * 2 + [True] * 2 + [False] + [True] * 3


# Memory


def test_clips_come_before_the_whole_video_is_read(tmp_path, make_video, monkeypatch):
    path = make_video(tmp_path / "a.mkv", [i / 25 for i in range(1000)])
    decoded = []
    monkeypatch.setattr(frames, "_length", lambda frame, unknown: decoded.append(frame.pts) or 0.04)
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
