import numpy as np
import pytest

from encoder.clips import Span
from indexer.align import Timeline
from indexer.rarity import Rarity

QUERY = Timeline(Span(0, 9), np.arange(8) * 1.0, 2.0)


def test_a_moment_of_many_videos_counts_less_and_one_of_a_single_video_fully():
    nearest = [np.array([1, 1, 0, 0, 0, 0, 0, 0], np.float32)] * 25 + [np.ones(8, np.float32)]
    rarity = Rarity.among(nearest, QUERY)
    assert rarity.weights == pytest.approx([26**-0.5] * 2 + [1] * 6)
    assert rarity.of(Span(0, 2)) == pytest.approx(26**-0.5 / rarity.weights.mean())
    assert rarity.of(Span(3, 9)) == 1
    assert rarity.of(Span(0, 9)) == 1


def test_what_is_common_throughout_counts_as_ever():
    rarity = Rarity.among([np.ones(8, np.float32)] * 40, QUERY)
    assert rarity.of(Span(0, 3)) == rarity.of(Span(0, 9)) == 1


def test_what_is_only_alike_is_not_the_same_moment():
    assert (Rarity.among([np.full(8, 0.6, np.float32)] * 40, QUERY).weights == 1).all()


def test_a_part_too_short_for_a_window_is_as_rare_as_the_one_next_to_it():
    rarity = Rarity(np.array([1.0, 3.0]), np.array([0.2, 1.0]))
    assert rarity.of(Span(1.2, 1.5)) == pytest.approx(0.2 / 0.6)
    assert rarity.of(Span(2.5, 2.9)) == 1


def test_without_videos_every_moment_counts_fully():
    assert Rarity.among([], QUERY).of(Span(0, 1)) == 1
