import numpy as np
import pytest

from indexer import measure
from indexer.measure import measure_index
from indexer.vectors import VectorIndex


def filled(count, dim=16):
    vectors = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    index = VectorIndex(dim)
    index.add(np.arange(count) * 3 + 1, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return index


@pytest.mark.parametrize("block", [7, 10_000])
def test_comparing_with_all_finds_all_of_the_nearest(monkeypatch, block):
    monkeypatch.setattr(measure, "_BLOCK", block)
    found = measure_index(filled(300), queries=20)
    assert (found.vectors, found.queries, found.recall) == (300, 20, 1.0)
    assert 0 < found.p50_ms <= found.p99_ms


def test_what_an_index_misses_counts_against_it(monkeypatch):
    index = filled(300)
    whole = index.search

    def search(queries, k):
        similarities, ids = whole(queries, k + 2)
        return similarities[:, 2:], ids[:, 2:]  # the two nearest are missed

    monkeypatch.setattr(index, "search", search)
    assert measure_index(index, queries=20).recall == pytest.approx(0.8)


def test_queries_are_none_of_the_stored_vectors(monkeypatch):
    index, asked = filled(50), []
    whole = index.search
    monkeypatch.setattr(index, "search", lambda queries, k: asked.append(queries) or whole(queries, k))
    measure_index(index, queries=10)
    assert max(float((query @ index.vectors(index.ids()).T).max()) for query in asked) < 0.999


def test_of_fewer_than_ten_all_are_the_nearest():
    assert measure_index(filled(4)).recall == 1.0


def test_as_many_are_asked_for_as_is_said():
    found = measure_index(filled(300), queries=20, nearest=100)
    assert (found.nearest, found.recall) == (100, 1.0)


def test_an_empty_index_is_refused():
    with pytest.raises(ValueError, match="nothing to measure"):
        measure_index(VectorIndex(4))
