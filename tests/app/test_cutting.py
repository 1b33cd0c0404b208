from fractions import Fraction

import av
import numpy as np
import pytest

from app.cutting import Cutting, cut
from encoder.clips import Span


def counting(make_video, path, **how):
    """Ten frames a second for 4 s, each 6 grey levels above the one before."""
    pictures = [np.full((48, 64, 3), 6 * i, np.uint8) for i in range(40)]
    return str(make_video(path, [i / 10 for i in range(40)], pictures, **{"last_s": 0.1, **how}))


def times_and_levels(path):
    with av.open(str(path)) as container:
        return [(frame.time, float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)]


def sounding(path, target):
    """The video with a tone that begins after 2 s."""
    with av.open(path) as source, av.open(target, "w") as made:
        pictures = made.add_stream_from_template(source.streams.video[0])
        sound = made.add_stream("aac", 48000, layout="mono")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                made.mux(packet)
        at = np.arange(4 * 48000)
        tone = (np.sin(at * 0.06) * (at >= 2 * 48000)).astype(np.float32)
        for i in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, i : i + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, i, Fraction(1, 48000)
            made.mux(sound.encode(frame))
        made.mux(sound.encode())
    return str(target)


@pytest.mark.parametrize("how", [{"codec": "libx264"}, {"codec": "libx264", "options": {"g": "7"}}, {"codec": "ffv1"}])
def test_a_cut_shows_the_frames_of_its_span_at_their_times(tmp_path, make_video, how):
    path = counting(make_video, tmp_path / "a.mkv", **how)
    cut(Cutting(path, Span(1.0, 2.0), (64, 48), str(tmp_path / "cut.mp4")))
    got = times_and_levels(tmp_path / "cut.mp4")
    assert [time for time, _ in got] == pytest.approx([i / 10 for i in range(10)], abs=1e-3)
    assert [level for _, level in got] == pytest.approx([6 * i for i in range(10, 20)], abs=3)


def test_a_cut_between_two_frames_begins_with_the_one_that_is_shown(tmp_path, make_video):
    path = counting(make_video, tmp_path / "a.mkv", codec="libx264")
    cut(Cutting(path, Span(1.05, 1.35), (64, 48), str(tmp_path / "cut.mp4")))
    got = times_and_levels(tmp_path / "cut.mp4")
    assert [time for time, _ in got] == pytest.approx([0, 0.05, 0.15, 0.25], abs=1e-3)
    assert [level for _, level in got] == pytest.approx([60, 66, 72, 78], abs=3)


def test_a_turned_video_is_cut_upright(tmp_path, make_video):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 200  # left, which a quarter turn to the left puts at the bottom
    path = str(make_video(tmp_path / "a.mp4", [0, 0.1], [picture] * 2, codec="libx264", rotation=90))
    cut(Cutting(path, Span(0, 0.1), (48, 64), str(tmp_path / "cut.mp4")))
    with av.open(str(tmp_path / "cut.mp4")) as container:
        grey = next(container.decode(video=0)).to_ndarray(format="gray")
    assert grey.shape == (64, 48)
    assert grey[40:].mean() > 150 > 50 > grey[:24].mean()


def test_a_cut_keeps_its_sound_in_step(tmp_path, make_video):
    path = sounding(counting(make_video, tmp_path / "a.mp4", codec="libx264"), tmp_path / "b.mp4")
    cut(Cutting(path, Span(1.5, 3.0), (64, 48), str(tmp_path / "cut.mp4")))
    with av.open(str(tmp_path / "cut.mp4")) as container:
        loud = [frame.time for frame in container.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.3]
    assert loud[0] == pytest.approx(0.5, abs=0.05)
    assert loud[-1] == pytest.approx(1.5, abs=0.06)


def test_nothing_is_cut_from_behind_the_end(tmp_path, make_video):
    path = counting(make_video, tmp_path / "a.mkv", codec="libx264")
    with pytest.raises(ValueError, match=r"nothing is shown from 9 to 10 s"):
        cut(Cutting(path, Span(9, 10), (64, 48), str(tmp_path / "cut.mp4")))


def test_a_file_that_lists_other_files_is_not_followed(tmp_path, make_video):
    counting(make_video, tmp_path / "secret.mp4", codec="libx264")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(av.FFmpegError):
        cut(Cutting(str(tmp_path / "list.mp4"), Span(0, 1), (64, 48), str(tmp_path / "cut.mp4")))
