import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from indexer.align import Alike, Segment
from indexer.readings import FINER, Reading, Strip, as_it_is, embedded, resampled

SPEC = ClipSpec(frames=8, fps=4.0, size=2, hop=4)


def numbered(count, span=None):
    """Pictures that show their own number."""
    pictures = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 2, 3))
    return Strip(pictures, span or span_of(count))


def span_of(count, start=0.0):
    return Span(start, start + count / (SPEC.fps * FINER))


def shown(shots):
    return shots.frames[..., 0, 0, 0].astype(int)


def test_a_query_as_it_is_has_a_window_every_quarter_of_a_second_and_one_at_the_end():
    shots = as_it_is(numbered(82, span_of(82, 3.0)), SPEC)
    starts = np.array([*range(0, 53, 4), 53])
    assert np.array_equal(shown(shots), starts[:, None] + 4 * np.arange(8))
    assert shots.timeline.starts == pytest.approx(3 + starts / 16)
    assert (shots.rate, shots.timeline.span, shots.timeline.window_s) == (1, span_of(82, 3.0), SPEC.clip_s)


def test_windows_are_as_far_apart_in_seconds_whatever_the_frames_of_a_clip():
    twice = ClipSpec(frames=16, fps=8.0, size=2, hop=8)
    for stride in (2, FINER, 8):
        starts = [
            resampled(numbered(20 * int(spec.fps), Span(0, 5)), spec, stride).timeline.starts for spec in (SPEC, twice)
        ]
        assert np.diff(starts[1])[:-1] == pytest.approx(1)
        assert np.diff(starts[0])[:-1] == pytest.approx(1)
    starts = as_it_is(numbered(160, Span(0, 5)), twice).timeline.starts
    assert np.diff(starts)[:-1] == pytest.approx(1 / 4)


@pytest.mark.parametrize("stride", [2, 3, 6, 8])
def test_a_resampled_query_shows_pictures_that_far_apart_and_counts_their_time_as_its_own(stride):
    shots = resampled(numbered(80, span_of(80, 3.0)), SPEC, stride)
    first = shown(shots)[:, 0]
    assert np.array_equal(shown(shots), first[:, None] + stride * np.arange(8))
    assert first[0] == 0
    assert first[-1] == 79 - 7 * stride
    assert set(np.diff(first)[:-1]) <= {4 * stride}
    rate = 4 / stride
    assert shots.timeline.starts == pytest.approx((3 + first / 16) * rate)
    assert (shots.timeline.span.start, shots.timeline.span.end) == pytest.approx((3 * rate, 8 * rate))
    assert shots.timeline.window_s == SPEC.clip_s


def test_a_query_shorter_than_a_window_is_one_that_holds_its_last_picture():
    shots = resampled(numbered(20), SPEC, 8)
    assert shown(shots).tolist() == [[0, 8, 16, 19, 19, 19, 19, 19]]


def test_a_guess_at_a_long_query_has_few_windows():
    shots = resampled(numbered(240), SPEC, 2)
    first = shown(shots)[:, 0]
    assert np.array_equal(first, [*range(0, 225, 8), 225])


def test_readings_get_their_own_embeddings():
    shots = [as_it_is(numbered(30), SPEC), resampled(numbered(30), SPEC, 2)]
    counts = [len(one.frames) for one in shots]
    vectors = np.arange(sum(counts), dtype=np.float32)[:, None]
    readings = embedded(shots, vectors)
    assert np.array_equal(np.concatenate([reading.embeddings for reading in readings]), vectors)
    assert [len(reading.embeddings) for reading in readings] == counts
    assert [reading.rate for reading in readings] == [1, 2]


def test_readings_of_the_same_pictures_share_their_film():
    strip = Strip(np.zeros((30, 2, 2, 3), np.uint8), span_of(30, 3.0))
    readings = embedded([as_it_is(strip, SPEC), resampled(strip, SPEC, 8)], np.zeros((9, 1), np.float32))
    assert readings[0].strip.film is readings[1].strip.film
    assert strip.film.times == pytest.approx(3 + np.arange(30) / (SPEC.fps * FINER))


def test_a_segment_of_a_reading_is_told_in_the_time_of_the_query():
    timeline = resampled(numbered(80), SPEC, 8).timeline
    reading = Reading(timeline, np.zeros((1, 2), np.float32), rate=0.5)
    alike = Alike(np.array([1.5]), np.array([0.8]))
    told = reading.in_query(Segment(Span(10, 12), Span(0.5, 2.5), score=0.8, tempo=1.0, alike=alike), 0.5)
    assert told == Segment(Span(10, 12), Span(1, 5), score=0.4, tempo=0.5)
    assert told.alike.moments == 3
