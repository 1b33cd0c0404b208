import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from indexer.align import Timeline
from indexer.background import Background
from indexer.combine import search_all
from indexer.readings import Reading
from indexer.search import Query, align_videos, candidates
from indexer.vectors import VectorIndex

DIM, CLIPS, CLIP_S = 32, 6, 2.0
SPEC = ClipSpec(frames=8, fps=4.0, hop=4)
PLAIN, GUESS = 0, 1


@pytest.fixture(scope="module")
def unlike_films(films_of):
    """unlike_films(count): so many videos of six unrelated clips each."""

    def make(count):
        vectors = np.random.default_rng(0).normal(size=(count, CLIPS, DIM))
        return films_of(np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True), np.float32))

    return make


@pytest.fixture(scope="module")
def films(unlike_films):
    return unlike_films(60)


def reading(embeddings, rate=1.0):
    """Windows that are a second of the reading apart."""
    count = len(embeddings)
    return Reading(Timeline(Span(0, count - 1 + CLIP_S), np.arange(count) * 1.0, CLIP_S), embeddings, rate)


def spoilt(embeddings, similarity):
    """Vectors that similar to the given ones."""
    other = np.random.default_rng(1).normal(size=embeddings.shape)
    other -= (other * embeddings).sum(1, keepdims=True) * embeddings
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    return np.asarray(similarity * embeddings + (1 - similarity**2) ** 0.5 * other, np.float32)


def unrelated(windows):
    """The background of windows to which nothing is similar."""
    return Background(np.zeros(windows, np.float32), np.full(windows, 0.1, np.float32))


def found(films, *readings, k=3):
    return search_all([Query(readings)], [], films, films.index, k, SPEC)


def test_the_reading_that_fits_answers_in_seconds_of_the_query(films):
    nothing = reading(spoilt(films.embeddings[9], 0.0))
    best = found(films, nothing, nothing, reading(films.embeddings[7], rate=0.5))[0]
    segment = best.segments[0]
    assert best.video_id == 7
    assert best.score == pytest.approx(0.9, abs=0.01)
    assert segment.video == Span(0, 7)
    assert segment.query == Span(0, 14)
    assert segment.tempo == 0.5


@pytest.mark.parametrize(("similarity", "winner"), [(0.95, PLAIN), (0.8, GUESS)])
def test_a_guess_wins_by_a_margin_only(films, similarity, winner):
    matches = found(films, reading(spoilt(films.embeddings[3], similarity)), reading(films.embeddings[5]))
    assert [match.video_id for match in matches][:2] == ([3, 5] if winner == PLAIN else [5, 3])


def test_guesses_change_nothing_of_what_the_query_finds_as_it_is(films):
    plain = reading(films.embeddings[3])
    assert found(films, plain, plain, reading(films.embeddings[3][::-1]), k=1) == found(films, plain, k=1)


def test_the_best_reading_of_each_video_counts_as_if_it_were_searched_for_alone(films):
    readings = [reading(spoilt(films.embeddings[i], 0.5 + i / 10), rate) for i, rate in enumerate((1.0, 2.0, 0.5))]
    together = {match.video_id: match.score for match in found(films, *readings, k=10)}
    alone = [{match.video_id: match.score for match in found(films, one, k=10)} for one in readings]
    for video in (0, 1, 2):
        trusted = [scores.get(video, 0) * (0.9 if i else 1) for i, scores in enumerate(alone)]
        assert together[video] == pytest.approx(max(trusted), abs=1e-6)


def test_every_reading_names_videos_and_the_query_as_it_is_more_of_them(films):
    everywhere = unrelated(2 * CLIPS)
    plain, guess = (reading(films.embeddings[i]) for i in (10, 20))
    named = candidates(Query([plain]), unrelated(CLIPS), films, films.index, 1)
    assert len(named) == 30
    assert candidates(Query([plain, guess]), everywhere, films, films.index, 1) == list(dict.fromkeys([*named, 20]))


def test_a_video_is_aligned_in_the_reading_that_fits_it_best(films):
    plain, guess = reading(spoilt(films.embeddings[7], 0.6)), reading(films.embeddings[7])
    assert found(films, plain, guess)[0].score == pytest.approx(0.9, abs=0.01)


def test_a_video_is_aligned_in_the_guesses_most_like_it_however_many_there_are(films):
    others = [reading(spoilt(films.embeddings[7], 0.1 * i)) for i in range(8)]
    assert found(films, *others, reading(films.embeddings[7]))[0].score == pytest.approx(0.9, abs=0.01)


def test_every_video_asked_for_is_aligned_however_many_there_are(films):
    query = Query([reading(films.embeddings[3])])
    aligned = align_videos(query, unrelated(CLIPS), films, range(50), SPEC)
    assert sorted(one.video_id for one in aligned) == list(range(50))
    assert max(aligned, key=lambda one: one.segments[0].score).video_id == 3


def test_what_many_videos_share_does_not_win_against_what_the_query_shows_beside_it(unlike_films):
    many = unlike_films(60)
    many.embeddings[10:, :3] = many.embeddings[10, :3]  # begin alike
    index = VectorIndex(DIM, 0)
    index.add(np.arange(60 * CLIPS), many.embeddings.reshape(-1, DIM))
    many.index = index
    query = reading(np.concatenate([many.embeddings[10, :3], spoilt(many.embeddings[5, 3:], 0.7)]))
    best, *others = found(many, query)
    assert best.video_id == 5
    assert all(other.score < 0.9 * best.score for other in others)
    (shared, *_) = found(many, reading(many.embeddings[10, :3]))
    assert shared.score == pytest.approx(1, abs=0.01)  # searched for alone


def test_a_video_without_clips_has_no_segments(films, unlike_films):
    films_now = unlike_films(1)
    films_now.clips_of_videos = lambda _: iter(())
    query = Query([reading(films.embeddings[0])])
    assert align_videos(query, unrelated(CLIPS), films_now, [0], SPEC) == []
