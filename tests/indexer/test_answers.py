import numpy as np
import pytest

from indexer.answers import Answers, confusion, first_answers
from indexer.evaluation import evaluate_retrieval

LABELS = ["a", "a", "b", "b", "c"]
ROWS = [[1.0, 0], [0.9, 0.1], [0.8, 0.3], [0, 1.0], [0.1, 0.9]]


def sorted_by_hand(embeddings, labels, groups, split, query):
    unit = [np.asarray(row) / np.linalg.norm(row) for row in embeddings]
    rows = [
        row
        for row in range(len(labels))
        if (row != query if split is None else split[row] == "gallery")
        and (split is not None or groups is None or groups[row] != groups[query])
    ]
    return sorted(rows, key=lambda row: (-round(float(unit[query] @ unit[row]), 8), row))


@pytest.mark.parametrize("columns", [(None, None), (list("vwvww"), None), (None, ["query", "gallery"] * 2 + ["query"])])
def test_the_best_are_those_of_a_sort_by_hand(columns):
    answers = first_answers(ROWS, LABELS, *columns, depth=3)
    for one in answers:
        order = sorted_by_hand(ROWS, LABELS, *columns, one.row)
        right = [place for place, row in enumerate(order, 1) if LABELS[row] == LABELS[one.row]]
        assert one.best == tuple(order[:3])
        assert one.rank == (right[0] if right else None)
    assert len(answers) == (3 if columns[1] else 5)


def test_equals_come_in_the_order_of_the_rows():
    answers = first_answers(np.ones((4, 2)), ["a", "b", "b", "a"], depth=10)
    assert [one.best for one in answers] == [(1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)]
    assert [one.rank for one in answers] == [3, 2, 2, 1]


def test_cosines_are_told_in_their_own_unit():
    (first, *_) = first_answers([[2.0, 0], [3, 4], [-1, 0]], ["a", "a", "b"])
    assert first == Answers(0, (1, 2), (pytest.approx(0.6), pytest.approx(-1)), 1)
    assert first.right


def test_a_query_whose_group_is_everything_has_no_answer():
    assert [one.row for one in first_answers(ROWS, LABELS, list("vvvvv"))] == []


def test_the_share_that_is_right_is_the_recall():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(60, 4)), [str(i) for i in rng.integers(0, 4, 60)]
    groups = [str(i) for i in rng.integers(0, 6, 60)]
    answers = first_answers(rows, labels, groups)
    report = evaluate_retrieval(rows, labels, groups, rng=rng)
    for k in report.recall:
        assert np.mean([one.rank <= k for one in answers]) == pytest.approx(report.recall[k])


def test_confusion_counts_what_came_first():
    names, counts = confusion(first_answers(ROWS, LABELS), LABELS)
    assert names == ["a", "b", "c"]
    assert counts.tolist() == [[2, 0, 0], [1, 0, 1], [0, 0, 0]]  # nothing shares the class of the last row
