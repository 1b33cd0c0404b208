import cv2
import numpy as np
import pytest

from encoder.clips import Span
from indexer.align import Segment
from indexer.film import Film
from indexer.footage import SAME, compare, refined
from indexer.sketches import SIDE, pack, sketches

FPS, SKETCH_FPS, LARGE = 32, 8, 96


def scene(seed, seconds=8.0, background=0):
    """Pictures (N, LARGE, LARGE, 3) in which two blobs run about at random; the background has a seed of its own."""
    rng = np.random.default_rng(seed)
    count = round(seconds * FPS)
    place = cv2.resize(np.random.default_rng(background).uniform(60, 180, (6, 6, 3)).astype(np.float32), (LARGE, LARGE))
    y, x = np.mgrid[:LARGE, :LARGE] / LARGE
    steps = np.repeat(rng.uniform(-1.5, 1.5, (-(-count // 16), 4)), 16, axis=0)[:count] / FPS
    runs = 0.2 + 0.6 * np.abs((rng.uniform(0, 1, 4) + np.cumsum(steps, 0)) % 2 - 1)
    shown = []
    for left, top, right, bottom in runs:
        blobs = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / 0.01) for u, v in ((left, top), (right, bottom)))
        shown.append(place + 70 * np.minimum(blobs, 1)[..., None])
    return np.stack(shown).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def footage():
    return scene(1)


def stored(pictures):
    """As a library keeps them: small, a few a second, in pieces of a second."""
    small = sketches(pictures[:: FPS // SKETCH_FPS])
    pieces = [(i / SKETCH_FPS, pack(small[i : i + SKETCH_FPS])) for i in range(0, len(small), SKETCH_FPS)]
    return Film.from_sketches(pieces, SKETCH_FPS)


def query_of(pictures, start=0.0):
    return Film.of(pictures, Span(start, start + len(pictures) / FPS))


def found(video_start, seconds=4.0, tempo=1.0, score=0.6, query_start=0.0):
    """A segment as embeddings find it."""
    return Segment(
        Span(video_start, video_start + seconds * tempo), Span(query_start, query_start + seconds), score, tempo
    )


def cut(pictures, start, seconds=4.0):
    return pictures[round(start * FPS) : round((start + seconds) * FPS)]


def mirrored(pictures):
    return pictures[:, :, ::-1]


def cropped(pictures):
    return np.stack([cv2.resize(one[20:88, 8:76], (LARGE, LARGE)) for one in pictures])


def narrowed(pictures):
    return np.stack([cv2.resize(one[:, 14:82], (LARGE, LARGE)) for one in pictures])


def lowered(pictures):
    return np.stack([cv2.resize(one[10:76], (LARGE, LARGE)) for one in pictures])


def mirrored_and_cropped(pictures):
    return cropped(mirrored(pictures))


def brighter(pictures):
    return (pictures.astype(int) + 50).clip(0, 255).astype(np.uint8)


def grey(pictures):
    return np.repeat(pictures.mean(-1, keepdims=True).astype(np.uint8), 3, -1)


def written_on(pictures):
    return np.stack([cv2.putText(one.copy(), "WATCH", (4, 90), 0, 0.8, (255, 255, 255), 3) for one in pictures])


EDITS = [np.asarray, mirrored, cropped, mirrored_and_cropped, narrowed, lowered, brighter, grey, written_on]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_copy_agrees_more_than_another_run_of_the_same_blobs_in_the_same_place(footage, edit):
    query = query_of(edit(cut(footage, 2.0)))
    copy, other = (compare(query, stored(video), found(2.0)) for video in (footage, scene(2)))
    assert copy.total > 0.9
    assert other.total < SAME


@pytest.mark.parametrize("edit", [cropped, mirrored_and_cropped, narrowed, lowered])
def test_a_video_that_shows_a_part_of_the_query_s_picture_agrees(footage, edit):
    query = query_of(cut(footage, 2.0))
    copy, other = (compare(query, stored(edit(video)), found(2.0)) for video in (footage, scene(2)))
    assert copy.total > 0.9
    assert other.total < SAME
    assert max(copy.placement.height, copy.placement.width) > SIDE


def test_what_goes_the_same_way_by_other_steps_agrees_less(footage):
    shown = cut(footage, 2.0)
    jerks = np.repeat(np.arange(0, len(shown), 10), 10)[: len(shown)]  # it waits and catches up
    smooth, jerky = (compare(query_of(pictures), stored(footage), found(2.0)) for pictures in (shown, shown[jerks]))
    assert jerky.motion > 0.75
    assert jerky.steps < smooth.steps - 0.3
    assert jerky.total < smooth.total - 0.1


def test_what_moves_in_the_query_alone_does_not_agree():
    moving, still = scene(1), np.repeat(scene(1, 1 / FPS), 8 * FPS, 0)
    assert compare(query_of(cut(moving, 2.0)), stored(still), found(2.0)).total < 0.5


@pytest.mark.parametrize("shift", [-0.4, -0.05, 0.3])
@pytest.mark.parametrize("tempo", [0.5, 1.0, 1.8])
def test_the_line_of_a_copy_is_found_from_one_nearby(footage, shift, tempo):
    moments = np.arange(round(4 * FPS / tempo)) * tempo + 2 * FPS
    query = query_of(footage[moments.astype(int)], start=3.0)
    near = found(2.0 + shift, 4 / tempo, tempo * 1.07, query_start=3.0)
    agreement = compare(query, stored(footage), near)
    assert agreement.tempo == pytest.approx(tempo, rel=0.018)
    assert agreement.offset + agreement.tempo * (3 + 2 / tempo) == pytest.approx(4.0, abs=0.06)


def test_reversed_footage_does_not_agree(footage):
    assert compare(query_of(cut(footage, 2.0)[::-1]), stored(footage), found(2.0)).total < 0.5


def test_where_nothing_moves_look_decides():
    still, other = (np.repeat(scene(1, 1 / FPS, place), 4 * FPS, 0) for place in (1, 2))
    same, another = (compare(query_of(still), stored(video), found(0.0)) for video in (still, other))
    assert same.total == pytest.approx(1, abs=0.02)
    assert another.total < 0.5


def test_pictures_of_one_colour_tell_nothing(footage):
    black = query_of(np.zeros((4 * FPS, LARGE, LARGE, 3), np.uint8))
    assert abs(compare(black, stored(footage), found(2.0)).motion) < 0.1
    assert np.isfinite(compare(black, stored(np.zeros_like(footage)), found(2.0)).total)


def test_a_segment_of_two_pictures_is_too_short_to_tell(footage):
    assert compare(query_of(cut(footage, 2.0)), stored(footage), found(2.0, 0.2)) is None


def test_the_score_rises_with_the_agreement_up_to_one(footage):
    query, film = query_of(cut(footage, 2.0)), stored(footage)
    agreement = compare(query, film, found(2.0))
    scores = [refined(found(2.0, score=score), agreement, 8.0).score for score in (0.0, 0.5, 0.9)]
    assert scores == sorted(scores)
    assert scores[0] > 0.7
    assert scores[-1] <= 1
    unlike = compare(query, stored(scene(2, background=3)), found(2.0))
    assert refined(found(2.0), unlike, 8.0).score == pytest.approx(0.6, abs=0.01)


def test_the_score_rises_to_what_the_same_footage_scores_and_is_never_lowered(footage):
    agreement = compare(query_of(cut(footage, 2.0)), stored(footage), found(2.0))
    assert 0.5 < refined(found(2.0, score=0.3), agreement, 8.0, most=0.6).score <= 0.6
    assert refined(found(2.0, score=0.7), agreement, 8.0, most=0.6).score == 0.7


def test_a_copy_gets_its_own_times_and_what_is_only_alike_keeps_those_it_had(footage):
    query = query_of(cut(footage, 2.0))
    near = found(2.2, 3.8, query_start=0.2)
    copy = refined(near, compare(query, stored(footage), near), 8.0)
    assert (copy.video.start, copy.video.end, copy.query.start) == pytest.approx((2.2, 6.0, 0.2), abs=0.04)
    alike = refined(near, compare(query, stored(scene(2)), near), 8.0)
    assert (alike.video, alike.query, alike.tempo) == (near.video, near.query, near.tempo)


def test_a_refined_segment_stays_within_the_video_and_the_query(footage):
    query = query_of(cut(footage, 0.0))
    near = found(0.3, 4.0)
    segment = refined(near, compare(query, stored(footage), near), 3.5)
    assert segment.video.start >= 0
    assert segment.video.end <= 3.5
    assert 0 <= segment.query.start < segment.query.end <= 4.01
