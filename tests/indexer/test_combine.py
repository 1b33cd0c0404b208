import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from indexer.align import Segment, Timeline
from indexer.combine import search_all
from indexer.readings import Reading
from indexer.search import Match, Query

DIM, CLIPS, CLIP_S = 32, 6, 2.0
SPEC = ClipSpec(frames=8, fps=4.0, hop=4)


@pytest.fixture(scope="module")
def films(films_of):
    """60 videos; the first half of video 2 is that of video 0, its second half that of video 1."""
    vectors = np.random.default_rng(0).normal(size=(60, CLIPS, DIM))
    made = np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True), np.float32)
    made[2, :3], made[2, 3:] = made[0, :3], made[1, 3:]
    return films_of(made)


def query(films, video, clips=slice(0, CLIPS)):
    embeddings = films.embeddings[video, clips]
    last = len(embeddings) - 1
    return Query([Reading(Timeline(Span(0, last + CLIP_S), np.arange(last + 1) * 1.0, CLIP_S), embeddings)])


def found(films, like, unlike=(), k=5, among=None):
    return search_all(like, unlike, films, films.index, k, SPEC, among)


def test_one_example_scores_what_its_best_segment_does(films):
    for match in found(films, [query(films, 7)]):
        assert match.together is None
        assert match.score == match.segments[0].score


def test_a_video_that_shows_both_examples_comes_before_those_that_show_one(films):
    matches = found(films, [query(films, 0, slice(0, 3)), query(films, 1, slice(3, 6))])
    assert matches[0].video_id == 2
    assert {match.video_id for match in matches[1:3]} == {0, 1}
    assert matches[0].score == pytest.approx(1, abs=0.01)
    assert matches[1].score < 0.8


def test_segments_say_which_example_they_match_and_no_moment_comes_twice(films):
    best = found(films, [query(films, 0, slice(0, 3)), query(films, 1, slice(3, 6))])[0]
    assert {(one.example, one.video.start) for one in best.segments[:2]} == {(0, 0.0), (1, 3.0)}
    twice = found(films, [query(films, 7), query(films, 7)])[0]
    assert len(twice.segments) == 1


def test_the_order_of_the_examples_does_not_matter(films):
    like = [query(films, i) for i in (3, 4)]
    scores = [{match.video_id: match.score for match in found(films, one)} for one in (like, like[::-1])]
    assert scores[0] == pytest.approx(scores[1])


def test_a_video_that_shows_an_unwanted_example_scores_nothing(films):
    like, unlike = query(films, 0, slice(0, 3)), query(films, 0, slice(3, 6))
    matches = found(films, [like], [unlike], k=60)
    scores = {match.video_id: match.score for match in matches}
    assert matches[0].video_id == 2
    assert scores[2] > 0.5
    assert scores[0] == pytest.approx(0, abs=0.01)


def scoring(*tables):
    """Answers whose scores are given: one table for each query, score by video."""
    left = iter(tables)

    def answer(query, usual, catalog, videos, spec):
        given = next(left)
        return [Match(i, [Segment(Span(0, 1), Span(0, 1), given[i], 1.0)]) for i in videos if i in given]

    return answer


def scored(films, wanted, unwanted):
    """The scores where the wanted examples and the unwanted ones score so, by video."""
    queries = [query(films, 0)] * len(wanted), [query(films, 0)] * len(unwanted)
    matches = search_all(*queries, films, films.index, 60, SPEC, answer=scoring(*wanted, *unwanted))
    return {match.video_id: match.score for match in matches}


def test_what_all_videos_have_of_an_unwanted_example_says_nothing(films):
    wanted = {i: 0.2 + i / 100 for i in range(60)}
    assert scored(films, [wanted], [dict.fromkeys(range(60), 0.4)]) == pytest.approx(wanted)


def test_what_counts_off_is_the_way_from_what_videos_usually_have_to_the_footage(films):
    unwanted = dict.fromkeys(range(60), 0.25) | {7: 1.0, 8: 0.7, 9: 0.1}
    usual = sum(unwanted.values()) / 60
    found = scored(films, [dict.fromkeys(range(60), 0.5)], [unwanted])
    for i, score in unwanted.items():
        way = (score - usual) / (1 - usual) if score > usual else 0
        assert found[i] == pytest.approx(0.5 * (1 - way))
    assert found[7] == 0


def test_footage_of_an_unwanted_example_counts_off_even_where_all_videos_show_it(films):
    found = scored(films, [dict.fromkeys(range(60), 0.5)], [dict.fromkeys(range(60), 1.0)])
    assert set(found.values()) == {0}


def test_of_several_unwanted_examples_the_one_that_fits_best_counts(films):
    wanted, far = dict.fromkeys(range(60), 0.5), dict.fromkeys(range(60), 0.1) | {7: 0.4}
    near = dict.fromkeys(range(60), 0.1) | {7: 0.9}
    alone = scored(films, [wanted], [near])
    assert scored(films, [wanted], [far, near]) == pytest.approx(alone)
    assert scored(films, [wanted], [near, far]) == pytest.approx(alone)


def test_only_videos_of_the_given_clips_answer_and_score_as_without(films):
    everything = {match.video_id: match.score for match in found(films, [query(films, 7)], k=60)}
    some = np.arange(20 * CLIPS, 30 * CLIPS)
    matches = found(films, [query(films, 7)], k=8, among=some)
    assert len(matches) == 8
    assert {match.video_id for match in matches} <= set(range(20, 30))
    assert all(match.score == everything[match.video_id] for match in matches)


def test_as_many_videos_answer_as_are_asked_for_where_there_are_so_many(films):
    assert len(found(films, [query(films, 7)], k=60)) == 60
    assert len(found(films, [query(films, 7)], k=99)) == 60
    assert found(films, [query(films, 7)], among=np.empty(0, np.int64)) == []
