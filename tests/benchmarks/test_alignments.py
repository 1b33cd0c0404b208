from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks import aligners
from benchmarks.alignments import METHODS, Asked, Measured, Pair, answer, asked_of, measure, table, table_of_edits
from benchmarks.hiding import Hidden
from encoder.checkpoint import load_encoder
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.align import Segment, Timeline
from indexer.library import Library

WINDOW_S = 2.0
RIVALS = [aligners.max_similarity, aligners.hough, aligners.dtw, aligners.temporal_network]
TELL_TEMPOS = [aligners.dtw, aligners.temporal_network]


def timeline(count, hop):
    starts = np.arange(count) * hop
    return Timeline(Span(0.0, float(starts[-1] + WINDOW_S)), starts, WINDOW_S)


QUERY, VIDEO = timeline(17, 0.25), timeline(60, 1.0)  # 6 s and 61 s


def planted(offset, tempo=1.0, shown=QUERY.span, query=QUERY, video=VIDEO, seed=0):
    """Noise with windows that are the more alike the nearer they lie to `video time = offset + tempo query time`."""
    excess = np.random.default_rng(seed).uniform(-0.2, 0.2, (len(query.starts), len(video.starts)))
    apart = np.abs(video.starts - offset - tempo * query.starts[:, None])
    part = (query.starts >= shown.start) & (query.starts + query.window_s <= shown.end)
    excess[part] = np.maximum(excess, 1 - apart)[part]
    return excess.astype(np.float32)


def ends(span):
    return span.start, span.end


@pytest.mark.parametrize("method", METHODS.values())
def test_a_planted_diagonal_is_found_by_every_method(method):
    best = method(planted(20.0), QUERY, VIDEO)[0]
    assert ends(best.video) == pytest.approx((20, 26), abs=0.5)
    assert ends(best.query) == pytest.approx((0, 6), abs=0.1)
    assert best.tempo == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("method", METHODS.values())
def test_both_of_two_planted_diagonals_are_found(method):
    twice = np.maximum(planted(20.0), 0.9 * planted(40.0))
    starts = [segment.video.start for segment in method(twice, QUERY, VIDEO)[:2]]
    assert starts == pytest.approx([20, 40], abs=0.5)


@pytest.mark.parametrize(("method", "tempo"), list(product(TELL_TEMPOS, [0.5, 2.0])))
def test_time_warping_and_the_network_follow_another_tempo(method, tempo):
    best = method(planted(20.0, tempo), QUERY, VIDEO)[0]
    assert best.tempo == pytest.approx(tempo, abs=0.15)
    assert ends(best.video) == pytest.approx((20, 20 + 6 * tempo), abs=1)


@pytest.mark.parametrize("method", [aligners.hough, aligners.temporal_network])
def test_hough_voting_and_the_network_leave_out_what_is_not_shown(method):
    query = timeline(33, 0.25)  # 10 s
    best = method(planted(20.0, shown=Span(0, 6), query=query), query, VIDEO)[0]
    assert ends(best.query) == pytest.approx((0, 6), abs=1)


@pytest.mark.parametrize("method", RIVALS)
def test_where_nothing_is_alike_nothing_is_found(method):
    assert method(np.full((17, 60), -0.1, np.float32), QUERY, VIDEO) == []


@pytest.mark.parametrize("method", RIVALS)
@pytest.mark.parametrize("seed", range(10))
def test_segments_lie_in_the_video_apart_and_best_first(method, seed):
    excess = np.random.default_rng(seed).uniform(-1, 1, (17, 60)).astype(np.float32)
    found = method(excess, QUERY, VIDEO)
    assert all(0 <= segment.video.start < segment.video.end <= 61 for segment in found)
    assert not any(one.video.shared(other.video) for one in found for other in found if one is not other)
    assert found[0].score == max(segment.score for segment in found)


@pytest.mark.parametrize("seed", range(20))
def test_the_shift_is_the_one_that_gets_most_votes(seed):
    excess = np.random.default_rng(seed).uniform(0, 1, (17, 60))
    pairs = [
        (row, column)
        for row in range(17)
        for column in np.argsort(-excess[row])[:5]
        if excess[row, column] >= excess.max() / 2
    ]
    shifts = {pair: VIDEO.starts[pair[1]] - QUERY.starts[pair[0]] for pair in pairs}
    votes = [sum(excess[pair] for pair in pairs if low <= shifts[pair] < low + 1) for low in shifts.values()]
    assert aligners.hough(excess, QUERY, VIDEO)[0].score == pytest.approx(max(votes) / 17)


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_is_the_cheapest_of_all(seed):
    costs = np.random.default_rng(seed).uniform(0, 1, (4, 5))

    def cheapest(row, column):
        if not row:
            return costs[row, column]
        before = [(row - 1, column), (row - 1, column - 1), (row, column - 1)]
        return costs[row, column] + min(cheapest(*pair) for pair in before if pair[1] >= 0)

    totals = aligners._totals(costs)
    assert totals[-1] == pytest.approx([cheapest(3, column) for column in range(5)])
    assert costs[aligners._walk(totals)].sum() == pytest.approx(totals[-1].min())


@pytest.mark.parametrize("seed", range(20))
def test_a_path_of_the_network_is_the_heaviest_of_all(seed):
    query, video = timeline(4, 1.0), timeline(5, 1.0)
    excess = np.random.default_rng(seed).uniform(0.1, 1, (4, 5))
    excess[excess < excess.max() / 2] = 0

    def heaviest(row, column):
        after = product(range(row + 1, 4), range(column, 5))
        return excess[row, column] + max((heaviest(*pair) for pair in after), default=0.0)

    best = max(heaviest(*pair) for pair in product(range(4), range(5)))
    assert aligners.temporal_network(excess, query, video)[0].score == pytest.approx(best / 4)


def hidden(edit="re-encoded only", file="a.mp4", path="s.mp4"):
    return Hidden(edit, path, Span(0, 3), file, Span(10, 13))


def test_answers_list_the_best_file_first_and_every_pair_is_timed():
    def method(excess, query, video):
        return [Segment(Span(10, 13), Span(0, 3), float(excess[0, 0]), 1.0)] if excess[0, 0] else []

    pairs = [Pair(f"{score}.mp4", VIDEO, np.full((1, 1), score, np.float32)) for score in (0, 1, 2)]
    seconds = []
    found = answer(Asked(hidden(file="2.mp4"), QUERY, pairs), method, seconds)
    assert [place.file for place in found.found] == ["2.mp4", "1.mp4"]
    assert found.overlaps == [1, 0]
    assert len(seconds) == 3


def test_the_tables_have_a_line_for_each_method_and_for_each_kind_of_cut():
    pairs = [Pair("a.mp4", VIDEO, planted(10.0))]
    found = answer(Asked(hidden(), replace(QUERY, span=Span(0, 3)), pairs), aligners.max_similarity, [])
    reversed_ = replace(found, hidden=hidden("reversed", "b.mp4"))
    measured = {"ours": Measured([found, reversed_], [0.001, 0.002]), "theirs": Measured([found], [0.001])}
    assert table(measured).splitlines()[2] == "| ours | 100.0% | 100.0% | 0% to 100% | 100.0% | 1.000 | 1.50 |"
    measured["theirs"].answers.append(reversed_)
    assert table_of_edits(measured).splitlines()[2:] == [
        "| re-encoded only | 1 | 100%, 100% | 100%, 100% |",
        "| reversed | 1 | 0%, 0% | 0%, 0% |",
    ]


@pytest.fixture(scope="module")
def library(small_encoder, moving_video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    paths = [moving_video(folder / f"{seed}.mp4", 8, seed=seed) for seed in range(2)]
    with Library.create(folder / "library", load_encoder(small_encoder)) as made:
        made.add(paths, workers=1)
        yield made


def test_every_method_answers_for_every_cut_in_every_file(library):
    source = library.catalog.paths()[1][0]
    cut = Hidden("re-encoded only", source, Span(2, 5), "0.mp4", Span(2, 5))
    measured = measure(library, [cut], 0.0)
    assert measured.keys() == METHODS.keys()
    assert all(len(one.answers) == 1 and len(one.seconds) == 2 for one in measured.values())
    assert measured["`indexer.align`"].answers[0].overlaps[0] > 0.5


def test_a_query_shows_what_lies_beside_the_cut(library):
    source = library.catalog.paths()[1][0]
    (asked,) = asked_of(library, [hidden(file="0.mp4", path=source)], 2.0)
    assert ends(asked.query.span) == pytest.approx((0, 5), abs=0.2)


def test_a_file_that_is_not_in_the_library_is_named(library):
    with pytest.raises(WorldError, match=r"gone.mp4 could not be indexed; remove .*library to try again"):
        list(asked_of(library, [hidden(file="gone.mp4")], 0.0))
