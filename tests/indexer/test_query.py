from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from encoder.clips import Span
from encoder.errors import VideoError
from indexer.query import embed_query

FPS, SIZE = 16, 64


def film(seed, seconds=6):
    """Pictures of waves that run this way and that, so that tempo shows; the seed decides how."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    runs = np.cumsum(np.repeat(rng.uniform(-8, 8, (2 * seconds, 3)), FPS // 2, axis=0) / FPS, axis=0)
    waves = rng.uniform(2, 6, (3, 2))
    shades = [np.stack([np.sin(a * x + b * y + t) for (a, b), t in zip(waves, run, strict=True)], -1) for run in runs]
    return np.asarray(128 + 100 * np.stack(shades), np.uint8)


def save(make_video, path, pictures):
    times = [i / FPS for i in range(len(pictures))]
    return make_video(path, times, pictures, codec="libx264", clock=FPS, last_s=1 / FPS)


@pytest.fixture(scope="module")
def films(make_video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [save(make_video, folder / f"{seed}.mp4", film(seed)) for seed in range(8)]


@pytest.fixture
def filled(library, films):
    assert library.add(films).indexed == len(films)
    return library


@pytest.fixture
def write(make_video, tmp_path):
    """Write pictures as a video."""
    return lambda pictures: save(make_video, tmp_path / "copy.mp4", pictures)


def best(library, clip):
    match = library.search(clip)[0]
    return library.catalog.paths([match.video_id])[match.video_id][0], match.segments[0]


@pytest.mark.parametrize("slower", [2, 0.5])
def test_a_copy_at_another_tempo_is_found_at_its_time(filled, films, write, slower):
    shown = film(3)[16:80]  # 1 to 5 s
    path, segment = best(filled, write(shown[(np.arange(64 * slower) / slower).astype(int)]))
    assert path == str(films[3])
    assert segment.score > 0.8
    assert (segment.video.start, segment.video.end) == pytest.approx((1, 5), abs=0.3)
    assert (segment.query.start, segment.query.end) == pytest.approx((0, 4 * slower), abs=0.3 * slower)
    assert segment.tempo == pytest.approx(1 / slower)


def test_a_copy_set_into_another_video_is_found(filled, films, write):
    around = film(20).repeat(2, 1).repeat(2, 2)
    around[:, 32 : 32 + SIZE, 16 : 16 + SIZE] = film(2)
    path, segment = best(filled, write(around[:64]))
    assert path == str(films[2])
    assert segment.score > 0.8
    assert (segment.video.start, segment.video.end) == pytest.approx((0, 4), abs=0.3)


def test_a_copy_between_bars_is_found_at_another_tempo_too(filled, films, write, monkeypatch):
    monkeypatch.setattr("indexer.query.insets", lambda _: [])  # which would find it too
    slow = film(5)[(np.arange(128) / 2).astype(int)]
    path, segment = best(filled, write(np.pad(slow, ((0, 0), (20, 20), (0, 0), (0, 0)))))
    assert path == str(films[5])
    assert segment.score > 0.8
    assert segment.tempo == pytest.approx(0.5)


def test_a_query_as_it_is_keeps_its_score_and_its_times(filled, films):
    path, segment = best(filled, films[4])
    assert path == str(films[4])
    assert segment.score > 0.99
    assert segment.video == segment.query == Span(0, 6)
    assert segment.tempo == 1


def test_a_query_is_embedded_as_it_is_and_then_in_all_other_readings_at_once(films, checkpoint, pool):
    counting = SimpleNamespace(spec=checkpoint.spec, embed=Mock(wraps=checkpoint.embed))
    query = embed_query(films[0], None, counting, pool)
    assert len(query.readings) > 4
    counts = [len(call.args[0]) for call in counting.embed.call_args_list]
    assert counts == [len(query.readings[0].embeddings), len(query.embeddings) - counts[0]]
    assert sum(len(reading.embeddings) for reading in query.readings) == len(query.embeddings)


def test_the_windows_of_a_query_as_it_is_show_what_the_clips_of_the_library_show(filled, films):
    plain = filled.embed_query(films[0]).readings[0]
    [video] = [video for video, paths in filled.catalog.paths().items() if paths == [str(films[0])]]
    spans, embeddings = filled.catalog.clips_of(video)
    at = np.searchsorted(plain.timeline.starts, [span.start for span in spans])
    assert np.allclose(plain.embeddings[at], embeddings, atol=2e-3)  # float16 in the catalog


@pytest.mark.parametrize(("span", "readings"), [(Span(0, 14), "some"), (Span(1, 17), "one"), (None, "one")])
def test_a_long_query_is_searched_for_as_it_is_only(write, checkpoint, pool, span, readings):
    query = embed_query(write(film(0, 20)), span, checkpoint, pool)
    whole = query.readings[0].timeline.span
    assert (whole.start, whole.end) == pytest.approx((span.start, span.end) if span else (0, 20))
    assert (len(query.readings) == 1) == (readings == "one")


@pytest.mark.parametrize("span", [None, Span(0, 30)])
def test_a_query_that_cannot_be_read_is_said(tmp_path, checkpoint, pool, span):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="not a video file"):
        embed_query(tmp_path / "text.mp4", span, checkpoint, pool)
