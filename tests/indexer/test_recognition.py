import itertools

import numpy as np
import pytest

from indexer.evaluation import bootstrap_interval
from indexer.recognition import confusion, evaluate_recognition

CLASSES = [f"c{number}" for number in range(7)]


def drawn(seed, seeds=3, videos=40, levels=None):
    """Scores with some signal, of few values and so tied, and the columns beside them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(CLASSES), videos)
    scores = rng.normal(size=(seeds, videos, len(CLASSES))) + 2 * np.eye(len(CLASSES))[truth]
    if levels:
        scores = np.round(scores * levels) / levels
    return scores, [CLASSES[number] for number in truth], [f"g{number}" for number in rng.integers(0, 6, videos)]


def slow_top(scores, right, k):
    """Whether the right class is among the first k, averaged over every order of the classes and so of ties."""
    found = []
    for order in itertools.permutations(range(len(scores))):
        best = sorted(order, key=lambda place: -scores[place])[:k]
        found.append(right in best)
    return np.mean(found)


@pytest.mark.parametrize("levels", [None, 1])
def test_top_k_is_that_of_the_definition_averaged_over_ties(levels):
    scores, labels, groups = drawn(0, seeds=2, videos=6, levels=levels)
    report = evaluate_recognition(scores, CLASSES, labels, groups, 0)
    for k in (1, 5):
        expected = [
            [slow_top(row, CLASSES.index(label), k) for row, label in zip(one, labels, strict=True)] for one in scores
        ]
        assert report.top[k] == pytest.approx(np.mean(expected))
    assert report.by_seed == pytest.approx(
        [
            np.mean([slow_top(row, CLASSES.index(label), 1) for row, label in zip(one, labels, strict=True)])
            for one in scores
        ]
    )


def test_saying_the_same_of_everything_scores_chance():
    report = evaluate_recognition(np.zeros((1, 14, 7)), CLASSES, CLASSES * 2, None, 0)
    assert report.top == pytest.approx(report.chance)
    assert report.chance == {1: 1 / 7, 5: 5 / 7}
    assert report.spread is None


def test_classes_count_alike_in_the_mean_of_classes():
    labels = ["c0"] * 9 + ["c1"]
    scores = np.tile(np.eye(7)[0], (1, 10, 1))
    report = evaluate_recognition(scores, CLASSES, labels, None, 0)
    assert (report.top[1], report.mean_class, report.constant) == (0.9, 0.5, 0.9)
    assert report.per_class == {"c0": 1.0, "c1": 0.0}
    assert report.videos_per_class == {"c0": 9, "c1": 1}


def test_the_spread_is_the_standard_deviation_between_seeds():
    scores, labels, groups = drawn(1)
    report = evaluate_recognition(scores, CLASSES, labels, groups, 0)
    assert report.spread == pytest.approx(np.std(report.by_seed, ddof=1))
    assert report.top[1] == pytest.approx(np.mean(report.by_seed))


def test_the_interval_resamples_groups_of_videos_with_their_seeds_together():
    scores, labels, groups = drawn(2)
    report = evaluate_recognition(scores, CLASSES, labels, groups, 5)
    alone = bootstrap_interval(report.predictions.hits[:, 0], groups, np.random.default_rng(5))
    assert report.intervals[1] == pytest.approx(alone)
    assert report.intervals[1] != evaluate_recognition(scores, CLASSES, labels, None, 5).intervals[1]


def test_the_confusion_counts_what_the_mean_of_the_seeds_names():
    scores, labels, groups = drawn(3)
    predictions = evaluate_recognition(scores, CLASSES, labels, groups, 0).predictions
    counts = confusion(predictions)
    for row, column in np.ndindex(counts.shape):
        of_both = [
            label == CLASSES[row] and int(scores[:, video].mean(0).argmax()) == column
            for video, label in enumerate(labels)
        ]
        assert counts[row, column] == sum(of_both)
    assert ((predictions.rank == 1) == (predictions.named == predictions.truth)).all()


@pytest.mark.parametrize("shape", [(0, 2, 7), (1, 2, 6), (2, 7), (1, 3, 7)])
def test_scores_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"scores must be \(S, 2, 7\), got"):
        evaluate_recognition(np.zeros(shape), CLASSES, ["c0", "c1"], None, 0)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="must be finite"):
        evaluate_recognition(np.full((1, 2, 7), np.nan), CLASSES, ["c0", "c1"], None, 0)
