import numpy as np
import pytest

from encoder.clips import Span
from indexer.align import Alike, Segment, Timeline
from indexer.rarity import Rarity

QUERY = Timeline(Span(0, 9), np.arange(8) * 1.0, 2.0)


def segment(span, alike=None):
    return Segment(Span(10 + span.start, 10 + span.end), span, score=0.6, tempo=1.0, alike=alike)


def test_a_moment_of_many_videos_counts_less_and_one_of_a_single_video_fully():
    nearest = [np.array([1, 1, 0, 0, 0, 0, 0, 0], np.float32)] * 25 + [np.ones(8, np.float32)]
    rarity = Rarity.among(nearest, QUERY)
    assert rarity.weights == pytest.approx([26**-0.5] * 2 + [1] * 6)
    assert rarity.share(Span(0, 2), 2 / 9) == pytest.approx(2 / 9 * 26**-0.5 / rarity.weights.mean())
    assert 6 / 9 < rarity.share(Span(3, 9), 6 / 9) < 1
    assert rarity.share(Span(0, 9), 1.0) == 1


def test_what_is_common_throughout_counts_as_ever():
    rarity = Rarity.among([np.ones(8, np.float32)] * 40, QUERY)
    assert rarity.share(Span(0, 3), 1 / 3) == pytest.approx(1 / 3)
    assert rarity.weighed(segment(Span(0, 3)), 1 / 3).score == pytest.approx(0.6)


def test_what_is_only_alike_is_not_the_same_moment():
    assert (Rarity.among([np.full(8, 0.6, np.float32)] * 40, QUERY).weights == 1).all()


def test_a_part_too_short_for_a_window_is_as_rare_as_the_one_next_to_it():
    rarity = Rarity(np.array([1.0, 3.0]), np.array([0.2, 1.0]))
    assert rarity.share(Span(1.2, 1.5), 0.3) == pytest.approx(0.3 * 0.2 / 0.6)
    assert rarity.share(Span(2.5, 2.9), 0.4) == pytest.approx(0.4 / 0.6)


def test_without_videos_every_moment_counts_fully():
    assert Rarity.among([], QUERY).share(Span(0, 1), 1 / 9) == pytest.approx(1 / 9)


def test_a_common_moment_that_is_equal_counts_for_little_beside_a_rare_one_that_is_not():
    rarity = Rarity(np.array([1.0, 3.0]), np.array([0.25, 1.0]))
    alike = Alike(np.array([0.8, 2.9]), np.array([1.0, 0.5]))
    scored = rarity.weighed(segment(Span(0, 4), alike), 1.0).score
    assert scored == pytest.approx(0.6 * ((0.25 * 1 + 1 * 0.5) / 1.25) / 0.75)


def test_the_weighed_score_of_a_part_is_the_root_of_its_weighed_share():
    rarity = Rarity(np.array([1.0, 3.0]), np.array([0.25, 1.0]))
    same = Alike(np.array([3.0]), np.array([1.0]))
    whole = Segment(Span(2, 4), Span(2, 4), score=0.5**0.5, tempo=1.0, alike=same)
    assert rarity.weighed(whole, 0.5).score == pytest.approx(0.8**0.5)
