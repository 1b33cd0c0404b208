import cv2
import numpy as np
import pytest

from encoder.clips import Span
from indexer.film import Film
from indexer.footage import total_agreement
from indexer.sightings import _SIDE, _agreements, _Strip, sightings
from indexer.sketches import SIDE

FPS, FINE = 8, 32  # pictures a second of a video and of a query
SECONDS = 40.0


def film(seed, seconds=SECONDS, fps=FINE):
    """Pictures that drift at random before a place that stays."""
    rng = np.random.default_rng(seed)
    place = cv2.resize(rng.uniform(50, 200, (4, 4)).astype(np.float32), (SIDE, SIDE))
    keys = rng.normal(0, 60, (int(seconds * 2) + 2, SIDE, SIDE))
    at = np.arange(round(seconds * fps)) / fps * 2
    low = at.astype(int)
    between = (at - low)[:, None, None]
    moving = np.stack([cv2.GaussianBlur(one, (0, 0), 2) for one in keys]) * 4
    pictures = place + moving[low] * (1 - between) + moving[low + 1] * between
    return Film(np.arange(len(at)) / fps, pictures.clip(0, 255).astype(np.float32))


VIDEO = film(1)


def every(fine, fps=FPS):
    """As a library keeps it."""
    return Film(fine.times[:: FINE // fps], fine.pictures[:: FINE // fps])


def cut(start, tempo=1.0, seconds=3.0):
    moments = start + np.arange(round(seconds * FINE)) / FINE * tempo
    return Film(np.arange(len(moments)) / FINE, VIDEO.pictures[VIDEO.showing(moments)])


def mirrored(one):
    return Film(one.times, np.ascontiguousarray(one.pictures[..., ::-1]))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("edit", [lambda one: one, mirrored])
@pytest.mark.parametrize("tempo", [1.0, 0.5, 1.5, 2.0])
def test_footage_is_found_where_it_is_at_its_tempo_and_in_its_direction(tempo, edit, backwards):
    span = Span(0.0, 3.0)
    query = edit(cut(20.0, tempo))
    best = sightings(query.backwards(span) if backwards else query, span, every(VIDEO), FPS)[0]
    assert best.video.start == pytest.approx(20, abs=0.15)
    assert best.video.end == pytest.approx(20 + 3 * tempo, abs=0.15)
    assert best.tempo == (-tempo if backwards else tempo)
    assert best.score > 0.9
    assert best.query == span


def test_other_footage_agrees_less():
    assert sightings(cut(20.0), Span(0.0, 3.0), every(film(2)), FPS)[0].score < 0.7


def test_footage_that_comes_twice_is_found_twice_and_parts_do_not_overlap():
    once = every(VIDEO)
    twice = Film(np.arange(2 * len(once.times)) / FPS, np.concatenate([once.pictures, once.pictures]))
    first, second, third = (one for one in sightings(cut(20.0), Span(0.0, 3.0), twice, FPS) if one.tempo > 0)
    assert {round(first.video.start), round(second.video.start)} == {20, 20 + round(SECONDS)}
    assert second.score > third.score + 0.2
    for one, other in ((first, second), (second, third), (first, third)):
        assert one.video.end <= other.video.start or other.video.end <= one.video.start


def test_parts_that_run_backwards_and_forwards_are_found_beside_each_other():
    there_and_back = np.concatenate([VIDEO.pictures[: 20 * FINE], VIDEO.pictures[20 * FINE - 1 :: -1]])
    video = every(Film(np.arange(len(there_and_back)) / FINE, there_and_back))
    first, second, *others = sightings(cut(18.5, seconds=1.5), Span(0.0, 1.5), video, FPS)
    assert {first.tempo, second.tempo} == {1.0, -1.0}
    assert sorted([first.video.start, second.video.start]) == pytest.approx([18.5, 20.0], abs=0.15)
    assert len(others) == 4
    assert second.score > others[0].score + 0.1


def test_a_video_shorter_than_the_query_shows_no_part_of_it_at_once():
    assert sightings(cut(20.0, seconds=9.0), Span(0.0, 9.0), every(film(3, seconds=2.0)), FPS) == []


def test_where_nothing_moves_the_look_decides():
    still = [np.repeat(film(seed).pictures[:1], 160, 0) for seed in (4, 5, 6)]
    video = Film(np.arange(480) / FPS, np.concatenate(still))
    query = Film(np.arange(96) / FINE, still[1][:96])
    best = sightings(query, Span(0.0, 3.0), video, FPS)[0]
    assert 20 - 1e-6 <= best.video.start <= best.video.end <= 40 + 1e-6
    assert best.score == pytest.approx(1, abs=0.02)


def test_agreement_is_that_of_a_slow_loop_over_every_part():
    query, video = cut(7.3), every(film(8, seconds=6.0))
    found = list(_agreements(query, Span(0.0, 3.0), 1.0, _Strip.of(video, FPS), FPS))
    shown = query.scaled(_SIDE, _SIDE, False)[query.showing(np.arange(24) / FPS)].astype(np.float64)
    theirs = video.scaled(_SIDE, _SIDE, False).astype(np.float64)
    for one, ours in zip(found[:2], (shown, shown[::-1]), strict=True):
        for start, total in enumerate(one.totals):
            part = theirs[start : start + 24]
            a, b = ours - ours.mean(0), part - part.mean(0)
            motion = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
            pairs = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(ours, part, strict=True)]
            assert total == pytest.approx(total_agreement(motion, np.mean(pairs), b.std()), abs=1e-3)


def test_a_film_backwards_shows_the_last_picture_first_for_as_long():
    one = Film(np.array([2.0, 2.5, 4.0]), np.arange(3, dtype=np.float32)[:, None, None] * np.ones((3, SIDE, SIDE)))
    turned = one.backwards(Span(2.0, 5.0))
    assert turned.times.tolist() == [2.0, 3.0, 4.5]
    assert turned.pictures[:, 0, 0].tolist() == [2, 1, 0]
