import numpy as np
import pytest

from encoder.clips import Span
from indexer.film import Film
from indexer.reel import Reel
from indexer.tracing import Stretch, changing_alike, trace

FPS, SIDE = 8.0, 16
Y, X = np.mgrid[:SIDE, :SIDE] / SIDE


def scene(seed):
    """Pictures at any times of three blobs that wander over a background."""
    rng = np.random.default_rng(seed)
    ground = np.kron(rng.uniform(40, 200, (4, 4)), np.ones((4, 4)))
    speeds, phases = rng.uniform(0.4, 1.4, (3, 2, 2)), rng.uniform(0, 6, (3, 2, 2))

    def pictures(times):
        shown = []
        for time in times:
            picture = ground.copy()
            for speed, phase in zip(speeds, phases, strict=True):
                x, y = 0.5 + 0.22 * np.sin(speed * time + phase).sum(1)
                near = np.exp(-((X - x) ** 2 + (Y - y) ** 2) / 0.02)
                picture = picture * (1 - near) + 250 * near
            shown.append(picture)
        return np.array(shown, np.float32).round()

    return pictures


def reel(*parts):
    """A video of parts: (seed, from which second of its scene, seconds of the video, tempo)."""
    pictures = [scene(seed)(start + tempo * np.arange(0, seconds, 1 / FPS)) for seed, start, seconds, tempo in parts]
    every = np.concatenate(pictures)
    return Reel(Film(np.arange(len(every)) / FPS, every), len(every) / FPS, FPS)


def mirrored(video):
    return Reel(Film(video.film.times, np.ascontiguousarray(video.film.pictures[..., ::-1])), video.end, FPS)


def titled(seed, white=255):
    """Six times a second of a title with a white bar, and one of a dark scene."""
    title = np.zeros((round(FPS), SIDE, SIDE), np.float32)
    title[:, 2:6] = white
    shown = [scene(seed)(start + np.arange(0, 1, 1 / FPS)) / 4 for start in range(0, 12, 2)]
    every = np.concatenate([part for each in shown for part in (title, each)])
    return Reel(Film(np.arange(len(every)) / FPS, every), len(every) / FPS, FPS)


def near(span, start, end):
    return (span.start, span.end) == pytest.approx((start, end), abs=0.25)


def test_a_shared_part_is_followed_to_both_of_its_ends():
    a, b = reel((1, 0, 20, 1), (2, 0, 5, 1)), reel((3, 0, 4, 1), (1, 6, 9, 1), (4, 0, 6, 1))
    found = trace(a, b, 10.0, 8.3)
    assert near(found.a, 6, 15)
    assert near(found.b, 4, 13)
    assert (found.tempo, found.mirrored) == (pytest.approx(1, abs=0.01), False)
    assert found.score > 0.95


@pytest.mark.parametrize("tempo", [0.5, 0.75, 1.5, 2.0])
def test_a_part_at_another_tempo_keeps_its_times(tempo):
    a, b = reel((1, 0, 30, 1)), reel((3, 0, 4, 1), (1, 5, 8, tempo), (4, 0, 4, 1))
    found = trace(b, a, 6.0, 5 + 2 * tempo + 0.4)
    assert near(found.a, 4, 12)
    assert near(found.b, 5, 5 + 8 * tempo)
    assert found.tempo == pytest.approx(tempo, rel=0.04)
    back = trace(a, b, 5 + 2 * tempo, 6.0)
    assert near(back.a, 5, 5 + 8 * tempo)


def test_a_mirrored_part_is_said_to_be_mirrored():
    a, b = reel((1, 0, 12, 1)), mirrored(reel((3, 0, 4, 1), (1, 2, 7, 1)))
    found = trace(a, b, 5.0, 7.0)
    assert found.mirrored
    assert near(found.a, 2, 9)
    assert near(found.b, 4, 11)


def test_a_part_that_runs_backwards_is_found_with_its_times():
    a, b = reel((1, 0, 20, 1)), reel((3, 0, 4, 1), (1, 14, 8, -1), (4, 0, 4, 1))
    found = trace(a, b, 8.0, 8.0)
    assert near(found.a, 6, 14)
    assert near(found.b, 4, 12)
    assert found.tempo == pytest.approx(-1, abs=0.02)
    assert found.score > 0.95


def test_the_same_cuts_to_the_same_titles_do_not_make_the_same_footage():
    assert trace(titled(1), titled(2), 3.0, 3.0) is None
    assert near(trace(titled(1), titled(1, white=230), 3.0, 3.0).a, 0, 12)


def test_a_cut_that_is_alike_counts_no_more_than_any_other_moment():
    cut = np.where(np.arange(32)[:, None] < 16, *np.random.default_rng(0).uniform(0, 200, (2, SIDE**2)))
    a, b = (cut + scene(seed)(np.arange(32) / FPS).reshape(32, -1) for seed in (1, 2))
    assert changing_alike(a, b, FPS)[0] < 0.4
    assert changing_alike(a, 0.5 * a, FPS) == pytest.approx((1.0, 3.4), abs=0.2)


def test_a_camera_that_sets_its_brightness_shows_no_movement():
    still, other = (reel((seed, 0, 4, 0)) for seed in (1, 1))
    light = (0.3 + 0.15 * still.film.times)[:, None, None]
    a, b = (Reel(Film(each.film.times, each.film.pictures * light), 4.0, FPS) for each in (still, other))
    assert trace(a, b, 0.0, 0.0) is None


def test_a_line_keeps_in_step_for_minutes():
    a, b = reel((1, 0, 300, 1)), reel((3, 0, 4, 1), (1, 3, 240, 1.043))
    found = trace(b, a, 100.0, 3 + 96 * 1.043 - 0.3)
    assert near(found.a, 4, 244)
    assert near(found.b, 3, 3 + 240 * 1.043)
    assert found.tempo == pytest.approx(1.043, rel=0.001)


def test_other_footage_and_what_stands_still_are_not_the_same_footage():
    assert trace(reel((1, 0, 12, 1)), reel((2, 0, 12, 1)), 4.0, 4.0) is None
    still = reel((1, 0, 12, 0))
    assert trace(still, still, 4.0, 4.0) is None


def test_a_moment_near_an_end_or_of_a_short_video_can_be_followed_too():
    a, b = reel((1, 0, 1.5, 1)), reel((3, 0, 4, 1), (1, 0, 1.5, 1))
    found = trace(a, b, 0.0, 4.0)
    assert near(found.a, 0, 1.5)
    assert near(found.b, 4, 5.5)


def test_a_stretch_explains_the_moments_on_its_line_and_can_be_seen_from_the_other_side():
    stretch = Stretch(Span(2, 6), Span(10, 18), 2.0, False, 0.9)
    assert stretch.explains(3, 12.5)
    assert not stretch.explains(3, 13)
    assert not stretch.explains(7, 20)
    assert stretch.reversed() == Stretch(Span(10, 18), Span(2, 6), 0.5, False, 0.9)
    backwards = Stretch(Span(2, 6), Span(10, 14), -1.0, False, 0.9)
    assert backwards.explains(3, 11)  # what 3 to 5 shows, 11 to 13 shows backwards
    assert not backwards.explains(3, 13)


def test_only_moments_after_which_something_moves_can_be_told_from_other_takes():
    video = reel((1, 0, 6, 0), (1, 0, 6, 1))
    assert video.moving(np.array([1.0, 8.0, 1.0])).tolist() == [False, True, False]
