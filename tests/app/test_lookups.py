import numpy as np
import pytest

from app import lookups
from app.lookups import DEPTHS, measure_lookups


def clips(videos, each=10, dim=16):
    made = np.random.default_rng(0).normal(size=(videos, each, dim)).astype(np.float32)
    return list(made / np.linalg.norm(made, axis=2, keepdims=True))


def test_clips_are_looked_up_among_all_and_in_a_graph_at_every_depth():
    every, graph = measure_lookups(clips(50))
    for found in (every, graph):
        assert [one.nearest for one in found.measured] == list(DEPTHS)
        assert {one.vectors for one in found.measured} == {500}
    assert {one.recall for one in every.measured} == {1.0}
    assert all(0.9 < one.recall <= 1 for one in graph.measured)


@pytest.mark.parametrize(("few", "used"), [(500, [True, False]), (499, [False, True])])
def test_the_way_of_a_library_of_as_many_clips_is_marked(monkeypatch, few, used):
    monkeypatch.setattr(lookups, "EXACT_UP_TO", few)
    assert [found.used for found in measure_lookups(clips(50))] == used


def test_no_more_is_asked_for_than_there_is():
    assert [one.nearest for one in measure_lookups(clips(5))[0].measured] == [1, 10]


def test_the_same_clips_are_found_again_as_well_as_before():
    recalls = [[one.recall for one in measure_lookups(clips(80))[1].measured] for _ in range(2)]
    assert recalls[0] == recalls[1]
