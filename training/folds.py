"""How labelled videos are divided into those that a classifier learns from and those that it is tested on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fold:
    """One division: numbers of rows, ascending."""

    train: list[int]
    test: list[int]


def split_fold(split: Sequence[str]) -> Fold:
    """The one division of a manifest with a split: the gallery is learnt from, the queries are tested."""
    return Fold(*([row for row, part in enumerate(split) if part == side] for side in ("gallery", "query")))


def group_folds(groups: Sequence[str], count: int, rng: np.random.Generator) -> list[Fold]:
    """Divisions in which each row is tested once, and no group is on both sides; of about equally many rows.

    The largest groups are dealt out first, each to the fold with the fewest rows; equal ones in random order.

    Args:
        groups: of the rows.
        count: folds, at most as many as there are groups.
        rng: shuffles.
    """
    names, sizes = np.unique(list(groups), return_counts=True)
    if len(names) < 2:
        raise ValueError(f"what is learnt of some groups is tested on others, but all rows are of {str(names[0])!r}")
    order = rng.permutation(len(names))
    rows_of, fold_of = np.zeros(min(count, len(names)), int), {}
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold = int(rows_of.argmin())
        fold_of[str(names[group])] = fold
        rows_of[fold] += sizes[group]
    places = [fold_of[group] for group in groups]
    return [
        Fold([row for row, at in enumerate(places) if at != fold], [row for row, at in enumerate(places) if at == fold])
        for fold in range(len(rows_of))
    ]


def learnt_only(fold: Fold, labels: Sequence[str]) -> Fold:
    """The fold without test rows whose label is not learnt, which nothing could get right."""
    learnt = {labels[row] for row in fold.train}
    return Fold(fold.train, [row for row in fold.test if labels[row] in learnt])
