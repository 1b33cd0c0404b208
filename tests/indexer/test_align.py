from itertools import pairwise

import numpy as np
import pytest

from encoder.clips import Span
from indexer import align as aligning
from indexer.align import Timeline, align, align_all

WINDOW_S = 2.0


def timeline(count, hop, window_s=WINDOW_S, end=None):
    starts = np.arange(count) * hop
    return Timeline(Span(0.0, end or float(starts[-1] + window_s)), starts, window_s)


def irregular(rng, count):
    starts = np.cumsum(rng.uniform(0.3, 1.7, count)).round(3)
    return Timeline(Span(0.0, float(starts[-1]) + WINDOW_S), starts - starts[0], WINDOW_S)


def noise(rng, query, video, most=0.2):
    return rng.uniform(-most, most, (len(query.starts), len(video.starts))).astype(np.float32)


def plant(excess, query, video, offset, tempo=1.0, q_span=None, value=1.0):
    """Make the windows alike that lie on `video time = offset + tempo query time`."""
    low, high = q_span or (query.span.start, query.span.end)
    for v, start in enumerate(video.starts):
        at = (start - offset) / tempo
        if low - 1e-6 <= at <= high - query.window_s + 1e-6:
            excess[np.abs(query.starts - at).argmin(), v] = value
    return excess


def slow_score(excess, query, video):
    """The best score of any diagonal through any pair of windows, straight from the definition, window by window."""
    tempos = aligning.TEMPOS if query.starts[-1] - query.starts[0] >= query.window_s else [1.0]
    step = min(np.diff(query.starts), default=np.inf)
    hop = max(np.diff(video.starts), default=video.window_s)
    best = (0.0, 0.0, 0.0)
    for tempo in tempos:
        for offset in {round(v - tempo * q, 3) for q in query.starts for v in video.starts}:
            path, slack = [], min(step * tempo, hop) / 2
            begin, end = (offset + tempo * query.starts[i] for i in (0, -1))
            for v, start in enumerate(video.starts):
                at = (start - offset) / tempo
                if begin - slack <= start <= end + slack:
                    path.append((at, float(excess[int(np.abs(query.starts - at).argmin()), v])))
            runs = [path[i:j] for i in range(len(path)) for j in range(i + 1, len(path) + 1)]
            if not runs:
                continue
            run = max(runs, key=lambda part: sum(value - 0.5 * float(excess.max()) for _, value in part))
            closeness = sum(max(0.0, value) for _, value in run) / len(run)
            score = closeness * slow_share(run[0][0], run[-1][0], offset, tempo, hop, query, video) ** 0.5
            score *= 1.0 if tempo == 1 else 0.9
            best = max(best, (round(score * min(1, tempo) ** 0.5, 6), -abs(np.log(tempo)), score))  # the first decides
    return best[2]


def slow_share(first, last, offset, tempo, hop, query, video):
    """The share of the query that a run from the window at query time `first` to the one at `last` stands for."""
    begin, end = first, last + video.window_s / tempo
    if first - query.starts[0] < hop / tempo:
        begin = query.span.start
    if query.starts[-1] - last < hop / tempo:
        end = query.span.end
    begin = max(begin, query.span.start, (video.span.start - offset) / tempo)
    end = min(end, query.span.end, (video.span.end - offset) / tempo)
    return (end - begin) / query.span.duration


@pytest.mark.parametrize("seed", range(80))
def test_the_best_score_is_that_of_a_slow_search_over_all_diagonals_and_runs(seed):
    rng = np.random.default_rng(seed)
    query, video = irregular(rng, int(rng.integers(1, 7))), irregular(rng, int(rng.integers(1, 8)))  # 48 pairs at most
    excess = rng.uniform(-1, 1, (len(query.starts), len(video.starts))).astype(np.float32)
    excess.flat[0] = max(excess.flat[0], 0.1)
    assert align(excess, query, video)[0].score == pytest.approx(slow_score(excess, query, video), abs=1e-5)


@pytest.mark.parametrize("seed", range(30))
def test_many_videos_are_aligned_as_they_are_one_by_one(seed):
    rng = np.random.default_rng(seed)
    query, videos = timeline(14, 0.25), [irregular(rng, int(rng.integers(1, 40))) for _ in range(9)]
    excesses = [rng.uniform(-1, 1, (len(query.starts), len(video.starts))).astype(np.float32) for video in videos]
    for together, excess, video in zip(align_all(excesses, query, videos), excesses, videos, strict=True):
        alone = align(excess, query, video)
        assert [numbers(one) for one in together] == [pytest.approx(numbers(one), abs=1e-6) for one in alone]


def test_best_segments_that_are_known_are_not_looked_for_again():
    rng = np.random.default_rng(0)
    query, video = timeline(14, 0.25), timeline(40, 1.0)
    excess = noise(rng, query, video, most=1.0)
    whole = align(excess, query, video)
    assert align_all([excess], query, [video], best=[whole[0]]) == [whole]
    assert align_all([excess], query, [video], best=[whole[1]])[0][0] == whole[1]


def numbers(segment):
    return segment.video.start, segment.video.end, segment.query.start, segment.query.end, segment.score, segment.tempo


@pytest.mark.parametrize("tempo", [1.0, 0.5, 2.0])
def test_a_planted_diagonal_is_found_with_its_span_and_tempo(tempo):
    rng = np.random.default_rng(3)
    query, video = timeline(25, 0.25), timeline(40, 1.0)  # 8 s of query
    found = align(plant(noise(rng, query, video), query, video, 12.0, tempo), query, video)[0]
    assert found.tempo == tempo
    assert (found.video.start, found.video.end) == pytest.approx((12, 12 + 8 * tempo), abs=1)
    assert (found.query.start, found.query.end) == pytest.approx((0, 8), abs=1 / tempo)
    assert found.score > 0.75


def test_only_the_part_of_the_query_that_the_video_shows_is_its_query_span():
    rng = np.random.default_rng(4)
    query, video = timeline(33, 0.25), timeline(30, 1.0)  # 10 s
    found = align(plant(noise(rng, query, video), query, video, 10.0, q_span=(0, 6)), query, video)[0]
    assert (found.video.start, found.video.end) == pytest.approx((10, 16), abs=1)
    assert (found.query.start, found.query.end) == pytest.approx((0, 6), abs=1)
    assert found.score == pytest.approx((found.query.duration / 10) ** 0.5, abs=0.01)


def test_two_occurrences_are_two_segments_that_do_not_overlap():
    rng = np.random.default_rng(5)
    query, video = timeline(13, 0.25), timeline(40, 1.0)  # 5 s
    excess = plant(plant(noise(rng, query, video), query, video, 5.0), query, video, 25.0, value=0.9)
    first, second = align(excess, query, video)[:2]
    assert (first.video.start, first.video.end) == pytest.approx((5, 10), abs=1)
    assert (second.video.start, second.video.end) == pytest.approx((25, 30), abs=1)
    assert first.score > second.score
    assert first.video.end <= second.video.start


def test_a_query_of_one_window_is_found_where_it_is():
    rng = np.random.default_rng(6)
    query, video = timeline(1, 1.0), timeline(20, 1.0)
    excess = noise(rng, query, video)
    excess[0, 7] = 1
    found = align(excess, query, video)[0]
    assert (found.video, found.query, found.tempo) == (Span(7.0, 9.0), Span(0.0, 2.0), 1.0)
    assert found.score == 1


def test_a_query_shorter_than_a_window_keeps_its_own_length():
    query, video = timeline(1, 1.0, end=0.8), timeline(9, 1.0)
    excess = np.zeros((1, 9), np.float32)
    excess[0, 4] = 1
    found = align(excess, query, video)[0]
    assert (found.video.start, found.video.end) == pytest.approx((4, 4.8))


def test_a_video_shorter_than_the_query_matches_a_part_of_it():
    rng = np.random.default_rng(7)
    query, video = timeline(33, 0.25), timeline(3, 1.0)  # 10 s against 4 s
    found = align(plant(noise(rng, query, video), query, video, -3.0), query, video)[0]
    assert (found.video.start, found.video.end) == pytest.approx((0, 4), abs=0.5)
    assert (found.query.start, found.query.end) == pytest.approx((3, 7), abs=0.5)
    assert found.score == pytest.approx((found.query.duration / 10) ** 0.5, abs=0.01)


def test_all_of_a_query_comes_before_an_exact_part_of_it_and_that_before_all_of_it_somewhat_alike():
    rng = np.random.default_rng(9)
    query, video = timeline(33, 0.25), timeline(30, 1.0)  # 10 s
    everything, part, somewhat = (
        align(plant(noise(rng, query, video), query, video, 10.0, q_span=span, value=value), query, video)[0].score
        for span, value in [(None, 1.0), ((2, 6), 1.0), (None, 0.5)]
    )
    assert everything > part > somewhat


def test_a_segment_says_how_alike_its_moments_are():
    rng = np.random.default_rng(10)
    query, video = timeline(13, 0.5), timeline(30, 1.0)  # 8 s
    excess = plant(noise(rng, query, video), query, video, 10.0)
    excess[:, 12] *= 0.7
    alike = align(excess, query, video)[0].alike
    assert alike.moments == pytest.approx(np.arange(1, 8))
    assert alike.excess == pytest.approx([1, 1, 0.7, 1, 1, 1, 1])


def test_a_last_window_off_the_grid_ends_the_segment_with_the_video():
    rng = np.random.default_rng(8)
    starts = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7.4])
    video = Timeline(Span(0.0, 9.4), starts, WINDOW_S)
    query = timeline(9, 0.25, end=4.0)
    excess = plant(noise(rng, query, video), query, video, 5.4)
    found = align(excess, query, video)[0]
    assert found.video.end == pytest.approx(9.4, abs=0.5)
    assert found.video.end <= 9.4


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_similarities_segments_lie_inside_both_and_apart_and_scores_are_shares(seed):
    rng = np.random.default_rng(seed)
    end = float(rng.uniform(0.1, WINDOW_S)) if seed % 3 == 0 else None
    query = timeline(1 if end else int(rng.integers(1, 40)), float(rng.choice([0.25, 1.0, 0.31, 9.0])), end=end)
    regular = timeline(int(rng.integers(1, 30)), 1.0)
    rest = float(rng.uniform(0.05, 0.95))
    video = Timeline(Span(0.0, regular.span.end + rest), np.append(regular.starts, regular.starts[-1] + rest), WINDOW_S)
    top = [1.0, 0.0, -0.5][seed % 3]
    excess = rng.uniform(top - 1.5, top, (len(query.starts), len(video.starts))).astype(np.float32)
    segments = align(excess, query, video)
    assert segments
    for segment in segments:
        assert 0 <= segment.score <= 1 + 1e-6
        assert video.span.start <= segment.video.start < segment.video.end <= video.span.end
        assert query.span.start <= segment.query.start < segment.query.end <= query.span.end
    spans = sorted((segment.video.start, segment.video.end) for segment in segments)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert [s.score for s in segments] == sorted((s.score for s in segments), reverse=True)


def test_the_given_similarities_are_not_changed():
    query, video = timeline(3, 1.0), timeline(5, 1.0)
    excess = np.eye(3, 5, dtype=np.float32)
    before = excess.copy()
    align(excess, query, video)
    assert (excess == before).all()


@pytest.mark.parametrize("seed", range(60))
def test_a_query_much_shorter_than_a_window_is_found_in_the_windows_that_its_segments_lie_in(seed):
    rng = np.random.default_rng(seed)
    query = Timeline(Span(0.0, rng.uniform(0.1, 0.6)), np.zeros(1), WINDOW_S)
    video = irregular(rng, 6)
    excess = rng.uniform(0, 1, (1, 6)).astype(np.float32)
    segments = align(excess, query, video)
    best = video.starts[excess[0].argmax()]
    assert segments[0].video.start < best + WINDOW_S
    assert segments[0].video.end > best
    assert all(not one.video.shared(other.video) for one, other in pairwise(segments))
