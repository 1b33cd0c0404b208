import numpy as np
import pytest

from indexer.background import Background
from indexer.vectors import VectorIndex


def slow_excess(similarity, sample):
    """Straight from the definition, for one window."""
    ascending = sorted(sample)
    usual = float(np.median(ascending))
    nearest = np.mean(ascending[-20:])
    near = max(0.1, (nearest - usual) / (1 - usual))
    excess = (similarity - usual) / (1 - usual)
    return 0.1 * excess / near if excess < near else 0.1 + 0.9 * (excess - near) / (1 - near)


@pytest.mark.parametrize("clips", [10, 60, 1000])
def test_the_excess_is_that_of_the_definition(clips):
    rng = np.random.default_rng(clips)
    sample = rng.beta(2, 4, (3, clips)).astype(np.float32)
    similarities = rng.uniform(-0.5, 1, (3, 40)).astype(np.float32)
    expected = [[slow_excess(one, of) for one in row] for row, of in zip(similarities, sample, strict=True)]
    assert Background.among(sample).excess(similarities) == pytest.approx(np.array(expected), abs=1e-5)


def test_what_is_usual_is_0_the_nearest_fiftieth_a_tenth_and_an_equal_clip_1():
    sample = np.r_[np.full(980, 0.3), np.full(20, 0.6)].astype(np.float32)
    excess = Background.among(sample[None]).excess(np.array([[0.3, 0.6, 1.0, 0.2]], np.float32))
    assert excess[0, :3] == pytest.approx([0, 0.1, 1], abs=1e-6)
    assert excess[0, 3] < 0


def test_closer_is_more_whatever_the_background():
    sample = np.random.default_rng(0).beta(3, 2, (20, 200)).astype(np.float32)
    rising = Background.among(sample).excess(np.tile(np.linspace(-1, 1, 99, dtype=np.float32), (20, 1)))
    assert (np.diff(rising) > 0).all()


def test_equal_clips_stand_out_of_a_library_that_is_alike_throughout():
    excess = Background.among(np.full((1, 300), 0.999, np.float32)).excess(np.array([[0.999, 1.0]], np.float32))
    assert excess[0, 1] == pytest.approx(1)


def test_in_a_small_library_what_is_searched_for_is_not_taken_for_the_background():
    sample = np.r_[np.zeros(19), [0.9, 0.9]].astype(np.float32)
    assert Background.among(sample[None]).excess(np.array([[0.9]], np.float32))[0, 0] > 0.85


def test_the_background_is_that_of_a_sample_of_the_library():
    vectors = np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)
    index = VectorIndex(8)
    index.add(np.arange(30), vectors)
    known, expected = Background.of(vectors[:4], index), Background.among(vectors[:4] @ vectors.T)
    assert known.usual == pytest.approx(expected.usual, abs=0.01)
    assert known.near == pytest.approx(expected.near, abs=0.01)
