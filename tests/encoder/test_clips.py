import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.clips import ClipSpec, Span, clip_span, clip_spans, clip_starts, grid_length

DURATIONS = st.floats(0.01, 500)
SPECS = st.integers(1, 16).flatmap(
    lambda frames: st.builds(
        ClipSpec,
        frames=st.just(frames),
        fps=st.sampled_from([0.5, 1, 4, 7.5, 10, 30000 / 1001]),
        hop=st.integers(1, frames),
    )
)


def test_a_grid_frame_is_one_that_comes_before_the_end():
    for duration, fps, length in [(2.0, 4, 8), (2.01, 4, 9), (1.99, 4, 8), (0.04, 4, 1), (10.01, 30, 301)]:
        slow = 0
        while slow / fps < duration - 1e-9:
            slow += 1
        assert grid_length(duration, fps) == slow == length


def test_a_rounded_container_time_adds_no_grid_frame():
    assert grid_length(2.0 + 1e-8, 4) == 8


def test_a_video_of_no_declared_length_has_one_grid_frame():
    assert grid_length(0, 4) == 1


@pytest.mark.parametrize(
    ("length", "starts"), [(1, [0]), (8, [0]), (9, [0, 1]), (12, [0, 4]), (13, [0, 4, 5]), (16, [0, 4, 8])]
)
def test_clips_start_every_hop_and_one_more_lies_flush_with_the_end(length, starts):
    assert list(clip_starts(length, ClipSpec(frames=8, hop=4))) == starts


@given(DURATIONS, SPECS)
def test_clips_cover_the_whole_video_without_gaps(duration, spec):
    spans = clip_spans(duration, spec)
    assert spans[0].start == 0
    assert spans[-1].end == pytest.approx(duration, abs=1e-6 + 1e-6 / spec.fps)
    assert all(later.start <= earlier.end + 1e-9 for earlier, later in pairwise(spans))
    assert all(later.start > earlier.start for earlier, later in pairwise(spans))


@given(DURATIONS, SPECS)
def test_every_clip_starts_on_the_grid_and_lasts_at_most_a_clip(duration, spec):
    for span in clip_spans(duration, spec):
        assert span.start * spec.fps == pytest.approx(round(span.start * spec.fps), abs=1e-6)
        assert span.duration <= spec.clip_s + 1e-9
        assert span.end <= duration


@given(SPECS, st.floats(0.01, 1))
def test_a_video_no_longer_than_a_clip_is_one_clip(spec, share):
    duration = spec.clip_s * share
    assert clip_spans(duration, spec) == [Span(0, duration)]


def test_only_the_last_clip_is_cut_by_the_end():
    spec = ClipSpec(frames=8, fps=4, hop=4)
    assert clip_span(4, 2.9, spec) == Span(1, 2.9)
    assert clip_span(0, 2.9, spec) == Span(0, 2)


def test_a_clips_lengths_in_seconds_follow_from_its_frames():
    spec = ClipSpec(frames=8, fps=4, hop=2)
    assert (spec.clip_s, spec.hop_s, spec.frame_s, Span(1, 2.5).duration) == (2, 0.5, 0.25, 1.5)


@pytest.mark.parametrize(
    ("start", "end"), [(-0.1, 1), (1, 1), (2, 1), (math.inf, math.inf), (math.nan, 1), (0, math.nan)]
)
def test_a_span_that_is_no_interval_is_refused_with_its_values(start, end):
    with pytest.raises(ValueError, match=rf"0 <= start < end, got self.start={start}, self.end={end}"):
        Span(start, end)


@pytest.mark.parametrize(("other", "seconds"), [((0, 9), 2), ((2, 3.5), 0.5), ((5, 6), 0), ((6, 7), 0)])
def test_spans_share_the_seconds_that_lie_in_both(other, seconds):
    assert Span(3, 5).shared(Span(*other)) == Span(*other).shared(Span(3, 5)) == seconds


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"fps": 0}, {"fps": math.nan}, {"fps": math.inf}, {"size": 0}, {"hop": -1}]
)
def test_a_clip_spec_without_clips_is_refused_with_its_values(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=rf"above zero, got ClipSpec\(.*{name}={value}"):
        ClipSpec(**wrong)
