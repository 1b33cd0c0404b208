import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.media import Decoders, Way, way_to_play
from app.posters import Posters
from app.ui.renditions import Renditions
from encoder.clips import Span
from encoder.errors import VideoError
from encoder.video import probe


@pytest.fixture(scope="module")
def decoders():
    decoders = Decoders(1)
    yield decoders
    decoders.close()


@pytest.fixture
def renditions(tmp_path, decoders):
    renditions = Renditions(tmp_path / "renditions", decoders)
    yield renditions
    renditions.close()


def counting(make_video, path, **how):
    """Ten frames a second for 4 s; their grey level says how late they are."""
    pictures = [np.full((48, 64, 3), 40 + 5 * i, np.uint8) for i in range(40)]
    return str(make_video(path, [i / 10 for i in range(40)], pictures, last_s=0.1, **how))


def times_and_levels(path):
    with av.open(path) as container:
        return [(frame.time, float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("name", "how", "way"),
    [
        ("a.mp4", {"codec": "libx264"}, Way.MP4),
        ("a.mov", {"codec": "libx264"}, Way.MP4),
        ("a.mkv", {"codec": "libx264"}, Way.WRAPPED_MP4),
        ("a.webm", {"codec": "libvpx"}, Way.WEBM),
        ("b.mkv", {"codec": "libvpx"}, Way.WRAPPED_WEBM),
        ("444.mp4", {"codec": "libx264", "pixels": "yuv444p"}, Way.EXCERPT),
        ("10bit.mp4", {"codec": "libx264", "pixels": "yuv420p10le"}, Way.EXCERPT),
        ("c.mp4", {"codec": "mpeg4"}, Way.EXCERPT),
        ("d.mkv", {"codec": "ffv1"}, Way.EXCERPT),
    ],
)
def test_a_file_plays_as_it_is_only_where_every_browser_can(tmp_path, make_video, name, how, way):
    assert way_to_play(counting(make_video, tmp_path / name, **how)) is way


def test_a_file_that_is_no_video_or_is_not_there_is_left_to_its_reader(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    assert way_to_play(str(tmp_path / "text.mp4")) is Way.EXCERPT
    assert way_to_play(str(tmp_path / "none.mp4")) is Way.EXCERPT


def test_a_poster_shows_its_moment_in_the_shape_of_the_video(tmp_path, make_video, decoders):
    path = counting(make_video, tmp_path / "a.mkv")
    jpeg = Posters(decoders).jpeg(path, "content", 2.5, 64, 48)
    with av.open(io.BytesIO(jpeg)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (360, 270)
    assert frame.to_ndarray(format="rgb24").mean() == pytest.approx(40 + 5 * 25, abs=2)


def test_a_poster_is_decoded_once(tmp_path, make_video, decoders):
    path, posters = counting(make_video, tmp_path / "a.mkv"), Posters(decoders)
    first = posters.jpeg(path, "content", 1.0, 64, 48)
    Path(path).unlink()
    assert posters.jpeg(path, "content", 1.0, 64, 48) is first


def test_an_excerpt_begins_at_the_asked_time_and_lasts_as_asked(tmp_path, make_video, decoders, renditions):
    path = counting(make_video, tmp_path / "a.mkv")
    made = renditions.excerpt(path, "content", Span(1.5, 3.0), 64, 48, 10.0).result(20)
    info, shown = probe(made), times_and_levels(made)
    assert (info.width, info.height, info.codec) == (640, 480, "h264")
    assert info.duration == pytest.approx(1.5, abs=0.05)
    assert way_to_play(str(made)) is Way.MP4
    for time, level in shown:
        assert level == pytest.approx(40 + 5 * round((1.5 + time) * 10), abs=3)


def test_an_excerpt_of_a_turned_video_with_oblong_pixels_is_upright(tmp_path, make_video, renditions):
    path = tmp_path / "a.mov"
    make_video(
        path, [i / 10 for i in range(20)], codec="mpeg4", size=(64, 48), rotation=90, shape=Fraction(2), clock=10
    )
    shape = probe(path)
    made = renditions.excerpt(str(path), "content", Span(0, 1), shape.width, shape.height, shape.fps).result(20)
    assert (shape.width, shape.height) == (48, 128)
    assert (probe(made).width, probe(made).height) == (240, 640)


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
def test_a_wrapped_video_keeps_its_pictures_and_times(tmp_path, make_video, renditions, codec):
    path = counting(make_video, tmp_path / "a.mkv", codec=codec)
    made = renditions.wrapped(path, "content", way_to_play(path)).result(30)
    assert way_to_play(str(made)) in (Way.MP4, Way.WEBM)
    before, after = times_and_levels(path), times_and_levels(made)
    assert [level for _, level in after] == [level for _, level in before]
    np.testing.assert_allclose([t for t, _ in after], [t for t, _ in before], atol=0.002)


def test_a_rendition_is_made_once_however_many_ask(tmp_path, make_video, renditions):
    path = counting(make_video, tmp_path / "a.mkv")
    asked = [renditions.excerpt(path, "content", Span(0, 1), 64, 48, 10.0) for _ in range(3)]
    assert len({future.result(20) for future in asked}) == 1
    Path(path).unlink()
    assert renditions.excerpt(path, "content", Span(0, 1), 64, 48, 10.0).result(5).is_file()


def test_a_broken_file_gives_an_error_and_leaves_nothing_behind(tmp_path, renditions):
    path = tmp_path / "broken.mkv"
    path.write_bytes(os.urandom(5000))
    for future in (
        renditions.excerpt(str(path), "content", Span(0, 1), 64, 48, 10.0),
        renditions.wrapped(str(path), "content", Way.WRAPPED_MP4),
    ):
        with pytest.raises(VideoError, match=r"broken\.mkv"):
            future.result(30)
    assert list((tmp_path / "renditions").iterdir()) == []


def test_the_oldest_renditions_make_room(tmp_path, make_video, decoders):
    path = counting(make_video, tmp_path / "a.mkv")
    renditions = Renditions(tmp_path / "renditions", decoders, most_bytes=1)
    first = renditions.excerpt(path, "content", Span(0, 1), 64, 48, 10.0).result(20)
    second = renditions.excerpt(path, "content", Span(1, 2), 64, 48, 10.0).result(20)
    renditions.close()
    assert list((tmp_path / "renditions").iterdir()) == [second] != [first]


def test_the_length_of_a_video_is_read_in_a_worker(tmp_path, make_video, decoders):
    path = counting(make_video, tmp_path / "a.mkv")
    assert decoders.info(path).duration == pytest.approx(4.0, abs=0.11)
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(VideoError, match="is not a video file"):
        decoders.info(str(tmp_path / "text.mp4"))
