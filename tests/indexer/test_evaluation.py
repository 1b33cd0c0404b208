import importlib
import itertools
import math
import time
import warnings

import numpy as np
import pytest

from indexer import evaluation
from indexer.evaluation import (
    bootstrap_difference,
    bootstrap_interval,
    centred,
    evaluate_retrieval,
    localisation_recall,
    micro_ap,
    paired_test,
    temporal_iou,
)


def evaluate(embeddings, labels, groups=None, split=None, ks=(1, 2, 3, 5, 10, 1000), seed=0):
    return evaluate_retrieval(embeddings, labels, groups, split, ks, rng=np.random.default_rng(seed))


def cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def candidates_of(query, labels, groups, split):
    rows = range(len(labels))
    if split is not None:
        return [row for row in rows if split[row] == "gallery"]
    return [row for row in rows if row != query and (groups is None or groups[row] != groups[query])]


def orders(scores):
    """Every order of the rows by falling score, each tie in each order."""
    levels = sorted({round(score, 8) for score in scores.values()}, reverse=True)
    ties = [[row for row, score in scores.items() if round(score, 8) == level] for level in levels]
    for order in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield list(itertools.chain(*order))


def score_order(right, ks):
    precisions = [sum(right[: place + 1]) / (place + 1) for place in range(len(right)) if right[place]]
    return [float(any(right[:k])) for k in ks] + [sum(precisions) / len(precisions)]


def slow(embeddings, labels, groups, split, ks):
    """Mean R@k for each k, then mAP, from the definitions, averaged over all orders of ties."""
    results = []
    for query in range(len(labels)):
        if split is not None and split[query] != "query":
            continue
        rows = candidates_of(query, labels, groups, split)
        if any(labels[row] == labels[query] for row in rows):
            scores = {row: cosine(embeddings[query], embeddings[row]) for row in rows}
            trials = [score_order([labels[row] == labels[query] for row in order], ks) for order in orders(scores)]
            results.append(np.mean(trials, axis=0))
    return np.mean(results, axis=0)


def random_rows(seed, count, values=None):
    """Embeddings with a little class signal, or of a few values and so tied, and the columns beside them."""
    rng = np.random.default_rng(seed)
    labels = [f"class {i}" for i in rng.integers(0, 3, count)]
    groups = [f"group {i}" for i in rng.integers(0, 4, count)]
    split = ["query" if asks else "gallery" for asks in rng.random(count) < 0.4]
    split[:2] = ["query", "gallery"]
    signal = np.array([[label == f"class {i}" for i in range(3)] for label in labels])
    embeddings = rng.integers(0, values, (count, 2)) if values else rng.normal(size=(count, 3)) + signal
    return embeddings, labels, groups, split


@pytest.mark.parametrize("protocol", ["all others", "other groups", "split"])
@pytest.mark.parametrize(("count", "values"), [(60, None), (8, 2), (8, 3)])
def test_recall_and_map_are_those_of_the_definition_averaged_over_ties(protocol, count, values):
    ks = (1, 2, 3, 5, 10, 1000)
    for seed in range(4):
        embeddings, labels, groups, split = random_rows(seed, count, values)
        columns = {"all others": (None, None), "other groups": (groups, None), "split": (None, split)}[protocol]
        report = evaluate(embeddings, labels, *columns, ks=ks)
        *recall, average = slow(embeddings, labels, *columns, ks)
        np.testing.assert_allclose(list(report.recall.values()), recall, atol=1e-12)
        assert report.map == pytest.approx(average, abs=1e-12)


def import_ranx(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling takes most of a minute
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("ranx")


def test_recall_and_map_are_those_of_ranx(monkeypatch):
    ranx = import_ranx(monkeypatch)
    embeddings, labels, _, split = random_rows(5, 90)
    relevant, scores = {}, {}
    for query in (row for row in range(90) if split[row] == "query"):
        rows = candidates_of(query, labels, None, split)
        relevant[str(query)] = {str(row): 1 for row in rows if labels[row] == labels[query]}
        scores[str(query)] = {str(row): cosine(embeddings[query], embeddings[row]) for row in rows}
    names = ["hit_rate@1", "hit_rate@3", "hit_rate@10", "map"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = ranx.evaluate(ranx.Qrels(relevant), ranx.Run(scores), names)
    report = evaluate(embeddings, labels, split=split)
    found = [report.recall[1], report.recall[3], report.recall[10], report.map]
    assert found == pytest.approx([expected[name] for name in names], abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.3, 1e-3])
def test_constant_embeddings_score_chance_whatever_the_order(value):
    labels = ["a"] * 10 + ["b"] * 20 + ["c"] * 3  # sorted, so the order of input favours right answers
    report = evaluate(np.full((33, 7), value, np.float32), labels)
    assert report.recall == pytest.approx(report.chance_recall)
    assert report.map == pytest.approx(report.chance_map)
    assert report.chance == pytest.approx((10 * 9 + 20 * 19 + 3 * 2) / 32 / 33)


def test_chance_is_what_random_embeddings_score_on_average():
    labels = ["a"] * 4 + ["b"] * 8
    split = ["query", "gallery", "gallery", "gallery"] * 3
    rng = np.random.default_rng(0)
    reports = [evaluate(rng.normal(size=(12, 30)), labels, split=split) for _ in range(200)]
    for k, chance in reports[0].chance_recall.items():
        assert np.mean([report.recall[k] for report in reports]) == pytest.approx(chance, abs=0.05)
    assert np.mean([report.map for report in reports]) == pytest.approx(reports[0].chance_map, abs=0.04)


def test_perfect_embeddings_score_one():
    labels = [f"class {i}" for i in range(10)] * 6
    report = evaluate(np.eye(10)[[int(label[-1]) for label in labels]], labels)
    assert set(report.recall.values()) == {1.0}
    assert report.map == 1
    assert report.recall_at_1_interval == (1, 1)
    assert set(report.per_class.values()) == {1.0}


def test_the_length_of_an_embedding_does_not_matter():
    embeddings, labels, _, _ = random_rows(3, 40)
    scaled = embeddings * np.random.default_rng(1).uniform(0.01, 100, (40, 1))
    assert evaluate(scaled, labels) == evaluate(embeddings, labels)


def test_the_order_of_the_rows_does_not_matter():
    embeddings, labels, groups, _ = random_rows(3, 40, values=3)
    order = np.random.default_rng(1).permutation(40)
    mixed = evaluate(embeddings[order], [labels[i] for i in order], [groups[i] for i in order])
    report = evaluate(embeddings, labels, groups)
    assert mixed.recall == pytest.approx(report.recall)
    assert mixed.map == pytest.approx(report.map)


def test_a_group_does_not_answer_for_itself():
    embeddings = [[1, 0], [1, 0], [0, 1], [0, 1]]  # each row's twin is of its class
    labels, groups = ["a", "a", "b", "b"], ["g", "g", "h", "h"]
    assert evaluate(embeddings, labels).recall[1] == 1
    with pytest.raises(ValueError, match="no query has a candidate of its own class"):
        evaluate(embeddings, labels, groups)
    report = evaluate([*embeddings, [-1, -1]], [*labels, "a"], [*groups, "i"])
    assert (report.recall[1], report.recall[3], report.queries, report.unanswerable) == (1 / 6, 1, 3, 2)


def test_a_split_searches_only_the_gallery_and_only_for_queries():
    embeddings = [[1, 0], [1, 0], [1, 0.5], [0, 1]]  # the first two would find each other
    report = evaluate(embeddings, ["a", "a", "b", "a"], split=["query", "query", "gallery", "gallery"])
    assert (report.recall[1], report.recall[2], report.map) == (0, 1, 0.5)
    assert (report.queries, report.gallery, set(report.hit_at_1)) == (2, 2, {0, 1})


def test_a_zero_vector_is_neither_like_nor_unlike_anything():
    split = ["query", "gallery", "gallery", "gallery"]
    report = evaluate([[1, 0], [0, 0], [-1, 0], [1, 1]], ["a", "a", "b", "b"], split=split)
    assert report.map == 0.5  # behind the cosine of 0.7, before that of -1


def test_a_query_without_a_candidate_of_its_class_is_counted_and_left_out():
    report = evaluate([[1, 0], [1, 0.1], [0, 1], [0.2, 1]], ["a", "a", "b", "c"])
    assert (report.queries, report.unanswerable, report.classes) == (2, 2, 3)
    assert (report.recall[1], report.per_class, report.queries_per_class) == (1, {"a": 1.0}, {"a": 2})


def test_recall_of_a_class_is_the_mean_over_its_queries():
    embeddings, labels, _, _ = random_rows(0, 50)
    report = evaluate(embeddings, labels)
    for label, recall in report.per_class.items():
        hits = [hit for row, hit in report.hit_at_1.items() if labels[row] == label]
        assert recall == pytest.approx(np.mean(hits))
        assert report.queries_per_class[label] == len(hits)
    assert np.mean(list(report.hit_at_1.values())) == pytest.approx(report.recall[1])


def test_the_blocks_do_not_change_the_result(monkeypatch):
    embeddings, labels, groups, split = random_rows(4, 50, values=4)
    whole = [evaluate(embeddings, labels, groups), evaluate(embeddings, labels, split=split)]
    monkeypatch.setattr(evaluation, "_BLOCK", 120)
    assert [evaluate(embeddings, labels, groups), evaluate(embeddings, labels, split=split)] == whole


def test_a_million_pairs_take_well_under_a_second():
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(1000, 128)), [str(i) for i in rng.integers(0, 20, 1000)]
    start = time.process_time()
    evaluate(embeddings, labels)
    assert time.process_time() - start < 3  # 0.2 s here; slow only if it were a loop


def test_the_interval_of_independent_queries_is_that_of_the_binomial():
    hits = np.arange(400) < 120
    low, high = bootstrap_interval(hits, np.arange(400), np.random.default_rng(0))
    error = 1.96 * math.sqrt(0.3 * 0.7 / 400)
    assert (low, high) == pytest.approx((0.3 - error, 0.3 + error), abs=0.006)


def test_the_interval_of_groups_that_agree_is_that_of_the_groups():
    groups = np.repeat(np.arange(40), 10)
    low, high = bootstrap_interval(groups < 12, groups, np.random.default_rng(0))
    error = 1.96 * math.sqrt(0.3 * 0.7 / 40)
    assert (low, high) == pytest.approx((0.3 - error, 0.3 + error), abs=0.02)


def test_a_group_alone_says_nothing_of_others():
    assert bootstrap_interval([1, 1, 0], [7, 7, 7], np.random.default_rng(0)) == (0, 1)


def test_the_interval_of_a_difference_is_that_of_differences_of_the_same_draws():
    rng = np.random.default_rng(1)
    owners = rng.integers(0, 7, 60)
    hits, others = rng.random(60), rng.random(60)
    draws = np.random.default_rng(0)
    drawn = [np.concatenate([np.flatnonzero(owners == o) for o in draws.integers(7, size=7)]) for _ in range(2000)]
    expected = np.quantile([hits[rows].mean() - others[rows].mean() for rows in drawn], [0.025, 0.975])
    assert bootstrap_difference(hits, others, owners, np.random.default_rng(0)) == pytest.approx(tuple(expected))


def test_a_difference_of_a_group_alone_can_be_any():
    assert bootstrap_difference([1, 1], [0, 1], [3, 3], np.random.default_rng(0)) == (-1, 1)


def test_p_of_a_difference_is_the_share_of_draws_on_the_other_side():
    rng = np.random.default_rng(1)
    owners = rng.integers(0, 12, 60)
    hits, others = rng.random(60) + 0.03, rng.random(60)
    draws = np.random.default_rng(0)
    drawn = [np.concatenate([np.flatnonzero(owners == o) for o in draws.integers(12, size=12)]) for _ in range(2000)]
    across = sum(hits[rows].mean() - others[rows].mean() <= 0 for rows in drawn)
    assert 20 < across < 1000
    found = paired_test(hits, others, owners, np.random.default_rng(0))
    assert (found.value, found.p) == pytest.approx((hits.mean() - others.mean(), 2 * (across + 1) / 2001))
    mirrored = paired_test(others, hits, owners, np.random.default_rng(0))
    assert (mirrored.value, mirrored.p) == pytest.approx((-found.value, found.p))


def test_no_difference_has_a_p_of_one():
    assert paired_test([1, 0, 1], [1, 0, 1], [0, 1, 2], np.random.default_rng(0)).p == 1


def test_differences_by_luck_alone_are_called_real_about_as_often_as_promised():
    rng = np.random.default_rng(0)
    tests = [paired_test(rng.random(40), rng.random(40), np.arange(40), np.random.default_rng(0)) for _ in range(60)]
    assert sum(test.p < 0.05 for test in tests) <= 8


@pytest.mark.parametrize(("owners", "p"), [(1, 1), (3, 0.25), (5, 0.0625), (11, 2**-10), (40, 2 / 2001)])
def test_few_groups_that_agree_say_no_more_than_the_flips_of_a_coin(owners, p):
    found = paired_test(np.ones(80), np.zeros(80), np.arange(80) % owners, np.random.default_rng(0))
    assert found.p == pytest.approx(max(p, 2 / 2001))


def test_every_number_has_the_interval_of_its_own_queries():
    embeddings, labels, groups, _ = random_rows(2, 50)
    report = evaluate(embeddings, labels, groups)
    for place, k in enumerate(report.recall):
        alone = bootstrap_interval(report.scores.hits[:, place], report.scores.owners, np.random.default_rng(0))
        assert report.recall_intervals[k] == pytest.approx(alone)
    alone = bootstrap_interval(report.scores.precision, report.scores.owners, np.random.default_rng(0))
    assert report.map_interval == pytest.approx(alone)
    assert report.scores.precision.mean() == pytest.approx(report.map)
    for label, found in report.map_per_class.items():
        own = [labels[row] == label for row in report.scores.rows]
        assert found == pytest.approx(report.scores.precision[own].mean())


def test_groups_widen_the_interval_of_a_split():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 20)  # the subject decides what its clips look like
    labels = [str(i) for i in rng.integers(0, 4, 200)]
    embeddings = rng.normal(size=(10, 4))[groups] * 2 + np.eye(4)[[int(label) for label in labels]] * 3
    split = np.where(groups % 2, "query", "gallery").tolist()
    alone = evaluate(embeddings, labels, split=split).recall_at_1_interval
    grouped = evaluate(embeddings, labels, [str(g) for g in groups], split).recall_at_1_interval
    assert grouped[1] - grouped[0] > alone[1] - alone[0]


def test_the_same_seed_gives_the_same_interval():
    embeddings, labels, _, _ = random_rows(3, 40)
    assert evaluate(embeddings, labels, seed=1) == evaluate(embeddings, labels, seed=1)


def test_centring_takes_each_sets_own_mean_away():
    rows = np.array([[1.0, 2], [3, 4], [10, 20], [30, 40]])
    np.testing.assert_array_equal(centred(rows, ["q", "q", "g", "g"]), [[-1, -1], [1, 1], [-10, -10], [10, 10]])
    np.testing.assert_array_equal(centred(rows), rows - [11, 16.5])
    assert rows[0, 0] == 1


ROWS = [[1.0, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": np.zeros((0, 4)), "labels": []}, r"at least one row, got \(0, 4\)"),
        ({"embeddings": [1.0, 2, 3]}, r"must be \(N, D\) with at least one row, got \(3,\)"),
        ({"embeddings": [[1, 0], [0, math.nan], [1, 1]]}, "embedding 1 is not finite"),
        ({"embeddings": [[1, 0], [0, 1], [1, math.inf]]}, "embedding 2 is not finite"),
        ({"labels": ["a", "b"]}, "labels must have one value for each of the 3 embeddings, got 2"),
        ({"groups": ["a"]}, "groups must have one value for each of the 3 embeddings, got 1"),
        ({"split": ["query"] * 4}, "split must have one value for each of the 3 embeddings, got 4"),
        ({"labels": ["walk"] * 3}, "at least two classes, but every row is 'walk'"),
        ({"split": ["query", "gallery", "train"]}, r"all others, got \['gallery', 'query', 'train'\]"),
        ({"split": ["gallery"] * 3}, r"split must be `query` in some rows .* got \['gallery'\]"),
        ({"split": ["query"] * 3}, r"split must be `query` in some rows .* got \['query'\]"),
        ({"labels": ["a", "b", "c"]}, "no query has a candidate of its own class"),
        ({"ks": (5, 10)}, r"must be positive and include 1, got \(5, 10\)"),
        ({"ks": (0, 1)}, r"must be positive and include 1, got \(0, 1\)"),
    ],
)
def test_a_mistake_is_said_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(**{"embeddings": ROWS, "labels": ["a", "a", "b"], **arguments})


# Copies


def slow_micro_ap(scores, right, pairs):
    """Sum of precision times gain in recall down the pooled list, averaged over all orders of ties."""
    trials = []
    for order in orders(dict(enumerate(scores))):
        hits = [right[row] for row in order]
        trials.append(sum(sum(hits[: place + 1]) / (place + 1) / pairs for place in range(len(hits)) if hits[place]))
    return np.mean(trials)


@pytest.mark.parametrize("levels", [3, 1000])
def test_micro_ap_is_the_area_under_the_pooled_curve(levels):
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = rng.integers(0, levels, 8) / 7 - 5
        right = rng.random(8) < 0.5
        pairs = max(1, int(right.sum())) + int(rng.integers(3))
        assert micro_ap(scores, right, pairs) == pytest.approx(slow_micro_ap(scores, right, pairs))


def test_micro_ap_is_that_of_ranx_for_one_query_of_all_pairs(monkeypatch):
    ranx = import_ranx(monkeypatch)
    rng = np.random.default_rng(1)
    scores, right = rng.normal(size=300), rng.random(300) < 0.2
    relevant = {str(row): 1 for row in [*np.flatnonzero(right), *range(1000, 1025)]}
    run = {str(row): float(score) for row, score in enumerate(scores)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = ranx.evaluate(ranx.Qrels({"all": relevant}), ranx.Run({"all": run}), "map")
    assert micro_ap(scores, right, int(right.sum()) + 25) == pytest.approx(expected)


def test_micro_ap_of_nothing_right_is_zero():
    assert micro_ap([], [], 3) == micro_ap([0.9, 0.1], [False, False], 1) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, math.nan], [True, False], 1), r"finite score for each answer, got \(2,\)"),
        (([0.5], [True, False], 1), r"got \(1,\) and \(2,\)"),
        (([0.5, 0.4], [True, True], 1), "2 answers can't be right of 1 pairs"),
        (([0.5], [False], 0), "0 answers can't be right of 0 pairs"),
    ],
)
def test_a_mistake_in_pairs_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        micro_ap(*arguments)


# Moments


def test_temporal_iou_is_the_shared_time_over_all_time():
    rng = np.random.default_rng(0)
    found, truth = np.sort(rng.integers(0, 12, (2, 40, 2)) + np.array([0, 0.5]), axis=-1)
    ticks = np.arange(0, 13, 0.5)  # every border lies on one
    for (start, end), (true_start, true_end), iou in zip(found, truth, temporal_iou(found, truth), strict=True):
        one, other = (ticks >= start) & (ticks < end), (ticks >= true_start) & (ticks < true_end)
        assert iou == pytest.approx((one & other).sum() / (one | other).sum())


def test_temporal_iou_broadcasts_to_all_pairs():
    spans = np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]])
    expected = [[1, 1 / 3, 0], [1 / 3, 1, 1 / 3], [0, 1 / 3, 1]]
    np.testing.assert_allclose(temporal_iou(spans[:, None], spans[None]), expected)
    assert temporal_iou([0, 2], [1, 3]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("span", [[2.0, 2.0], [3.0, 2.0], [math.nan, 2.0], [1.0], [0.0, 1.0, 2.0]])
def test_a_span_that_is_none_is_refused(span):
    with pytest.raises(ValueError, match="a span needs a start before its end"):
        temporal_iou([0, 1], span)


def test_localisation_recall_counts_queries_with_one_good_enough_answer_near_the_top():
    overlaps = [[0.5, 0.9], [0.49, 0.75], [0.0], []]
    assert localisation_recall(overlaps) == {0.5: 0.25, 0.75: 0.0}
    assert localisation_recall(overlaps, depth=2) == {0.5: 0.5, 0.75: 0.5}
    assert localisation_recall(overlaps, (0.8,), depth=9) == {0.8: 0.25}


@pytest.mark.parametrize(
    "arguments", [([],), ([[0.5]], (0.0,)), ([[0.5]], (1.5,)), ([[0.5]], (0.5,), 0)], ids=["none", "0", "1.5", "depth"]
)
def test_localisation_recall_of_nothing_is_refused(arguments):
    with pytest.raises(ValueError, match="needs queries"):
        localisation_recall(*arguments)
