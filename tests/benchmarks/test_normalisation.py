from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.normalisation import BASELINE, Answered, Asked, Clips, ap, both_sides, first_answers, table, ways
from indexer.background import Background

QUERY = SimpleNamespace()  # nothing looks at it here


def asked(source, right=(), ignored=()):
    return Asked(QUERY, source, set(right), set(ignored))


def answered(*scored):
    scores, right = zip(*scored, strict=True)
    return Answered(np.array(scores), np.array(right))


def unit(rng, count):
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_of_several_right_videos_the_best_counts_and_what_is_ignored_does_not():
    found = first_answers(asked("a", [3, 5], [4]), np.array([2, 3, 4, 5, 6]), np.array([0.1, 0.9, 0.8, 0.7, 0.5]))
    assert found.scores.tolist() == [0.9, 0.5, 0.1]
    assert found.right.tolist() == [True, False, False]


def test_answers_to_a_stranger_are_wrong_and_it_has_none_to_be_found():
    queries = [asked("a", [1]), asked("stranger")]
    sure, fooled = answered((0.8, True)), answered((0.9, False))
    assert ap([sure, fooled], queries, [0]) == 1
    assert ap([sure, fooled], queries, [0, 1]) == 0.5
    assert ap([sure, answered((0.7, False))], queries, [0, 1]) == 1


def test_an_equal_clip_counts_1_where_what_is_usual_becomes_0():
    rng = np.random.default_rng(0)
    vectors, query = unit(rng, 200), unit(rng, 3)
    vectors[7] = query[0]
    clips = Clips(vectors, np.arange(200), np.arange(200), Background.among(vectors @ vectors.T))
    made = dict(ways(query, clips, vectors))
    usual = np.median(query @ vectors.T, 1)
    assert made[BASELINE] == pytest.approx(query @ vectors.T)
    assert made["less the usual"][0, 7] == pytest.approx(1 - usual[0], abs=1e-5)
    for name in ("from the usual to 1", "`Background.excess`", "the same, both sides"):
        assert made[name][0, 7] == pytest.approx(1, abs=1e-5)
    assert made["less the 10th nearest of all"][1] == pytest.approx(made[BASELINE][1] - np.sort(made[BASELINE][1])[-10])


def test_with_one_background_for_all_both_sides_are_as_one():
    query, clips = (Background(np.full(n, 0.3, np.float32), np.full(n, 0.4, np.float32)) for n in (2, 5))
    alike = np.random.default_rng(1).uniform(-1, 1, (2, 5)).astype(np.float32)
    assert both_sides(alike, query, clips) == pytest.approx(query.excess(alike))


def test_the_table_compares_each_way_with_the_plain_cosine_on_the_same_queries():
    queries = [asked(f"{i}", [i]) for i in range(4)] + [asked("stranger")]
    fooled = [answered((0.5, True), (0.4, False)) for _ in range(4)] + [answered((0.9, False))]
    right = [answered((0.5, True), (0.4, False)) for _ in range(4)] + [answered((0.1, False))]
    lines = table({BASELINE: fooled, "better": right}, queries, np.random.default_rng(0)).splitlines()
    assert lines[2] == "| cosine | 0.679 | 0.679 to 0.679 | +0.000 | +0.000 to +0.000 | 100.0% |"
    assert lines[3].startswith("| better | 1.000 | 1.000 to 1.000 | +0.321 |")
