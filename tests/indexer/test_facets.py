import numpy as np
import pytest

from encoder.clips import Span
from indexer.align import Timeline
from indexer.facets import FacetIndex, facet_of, facet_of_query
from indexer.readings import Reading
from indexer.search import Query
from indexer.vectors import VectorIndex

LOOK, MOTION = slice(0, 8), slice(8, 24)


def embeddings(count, seed=0):
    """Unit vectors of two parts, of which motion weighs from almost nothing to almost all."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(count, n)) for n in (8, 16)]
    share = rng.uniform(0.02, 0.98, (count, 1))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
    return np.concatenate([unit[0] * (1 - share) ** 0.5, unit[1] * share**0.5], 1).astype(np.float32)


@pytest.mark.parametrize("part", [LOOK, MOTION])
def test_a_part_alone_is_a_unit_vector_and_nothing_of_the_other_is_left(part):
    alone = facet_of(embeddings(50), part)
    other = np.delete(alone, np.arange(24)[part], axis=1)
    assert np.linalg.norm(alone, axis=1) == pytest.approx(1, abs=1e-5)
    assert (other == 0).all()


def test_a_clip_without_the_part_is_like_nothing():
    still = embeddings(3)
    still[1, MOTION] = 0
    alone = facet_of(still, MOTION)
    assert (alone[1] == 0).all()
    assert np.isfinite(alone).all()


@pytest.mark.parametrize("part", [LOOK, MOTION])
def test_what_is_found_by_a_part_is_what_a_slow_comparison_of_that_part_finds(part):
    stored = embeddings(400)
    index = VectorIndex(24)
    index.add(np.arange(400) + 7, stored)
    queries = facet_of(embeddings(5, seed=1), part)
    similarities, ids = FacetIndex(index, part).search(queries, 50)
    slow = np.array(
        [[one[part] @ query[part] / np.linalg.norm(one[part]) for one in stored] for query in queries]
    )  # of unit queries
    assert similarities == pytest.approx(-np.sort(-slow, 1)[:, :50], abs=2e-3)
    assert np.take_along_axis(slow, ids - 7, 1) == pytest.approx(similarities, abs=2e-3)


def test_among_a_few_clips_only_these_are_found_and_missing_ones_have_no_id():
    index = VectorIndex(24)
    index.add(np.arange(30), embeddings(30))
    _, ids = FacetIndex(index, LOOK).search(facet_of(embeddings(2, seed=1), LOOK), 3, np.array([4, 9, 20]))
    assert sorted(ids[0].tolist()) == [4, 9, 20]


def test_a_query_keeps_its_windows_and_loses_its_pictures():
    reading = Reading(Timeline(Span(0, 3), np.array([0.0, 1.0]), 2.0), embeddings(2), rate=0.5)
    alone = facet_of_query(Query([reading]), LOOK).readings[0]
    assert (alone.timeline, alone.rate, alone.strip) == (reading.timeline, 0.5, None)
    assert alone.embeddings == pytest.approx(facet_of(reading.embeddings, LOOK))
