import numpy as np
import pytest

from encoder.clips import Span
from indexer.film import Film
from indexer.sketches import SIDE, pack

FPS = 8


def test_a_film_of_sketches_holds_each_moment_once():
    small = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((12, SIDE, SIDE), np.uint8)
    film = Film.from_sketches([(0.0, pack(small[:8])), (0.5, pack(small[4:]))], FPS)
    assert film.times == pytest.approx(np.arange(12) / FPS)
    assert np.array_equal(film.pictures[:, 0, 0], np.arange(12))


def test_a_film_runs_backwards_over_the_same_span():
    film = Film(np.array([2.0, 2.5, 3.0]), np.arange(3)[:, None, None] * np.ones((3, SIDE, SIDE), np.float32))
    turned = film.backwards(Span(2.0, 4.0))
    assert turned.times.tolist() == [2.0, 3.0, 3.5]
    assert turned.pictures[:, 0, 0].tolist() == [2, 1, 0]
