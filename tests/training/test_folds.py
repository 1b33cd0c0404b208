import numpy as np
import pytest

from training.folds import Fold, group_folds, learnt_only, split_fold

GROUPS = ["a"] * 5 + ["b"] * 3 + ["c"] * 3 + ["d"] + ["e"]


def folds(count, seed=0, groups=GROUPS):
    return group_folds(groups, count, np.random.default_rng(seed))


@pytest.mark.parametrize("count", [2, 3, 5, 99])
def test_every_row_is_tested_once_and_no_group_is_on_both_sides(count):
    made = folds(count)
    assert len(made) == min(count, 5)
    assert sorted(row for fold in made for row in fold.test) == list(range(len(GROUPS)))
    for fold in made:
        assert sorted(fold.train + fold.test) == list(range(len(GROUPS)))
        assert not {GROUPS[row] for row in fold.train} & {GROUPS[row] for row in fold.test}


def test_folds_have_about_equally_many_rows():
    assert sorted(len(fold.test) for fold in folds(3)) == [4, 4, 5]


def test_the_seed_decides_which_groups_go_together():
    names = [str(number) for number in range(20)]
    assert folds(4, 0, names) == folds(4, 0, names)
    assert folds(4, 0, names) != folds(4, 1, names)


def test_one_group_cannot_be_divided():
    with pytest.raises(ValueError, match="all rows are of"):
        folds(2, groups=["a", "a"])


def test_a_split_is_one_fold():
    assert split_fold(["query", "gallery", "query", "gallery"]) == Fold([1, 3], [0, 2])


def test_a_class_that_is_not_learnt_is_not_tested():
    assert learnt_only(Fold([0, 1], [2, 3, 4]), ["a", "b", "b", "c", "a"]) == Fold([0, 1], [2, 4])
