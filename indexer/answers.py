"""What each query finds first: for showing what goes right and wrong. The numbers are made by `evaluation`.

Candidates that are equally similar come in the order of their rows here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.evaluation import LEFT_OUT, Similarities, similarities

_UNIT = 1e-8  # of the similarities


@dataclass(frozen=True)
class Answers:
    """What one query found."""

    row: int  # of the query
    best: tuple[int, ...]  # rows, most similar first
    cosines: tuple[float, ...]  # of the best
    rank: int | None  # of the first candidate of the query's class; None where it has none

    @property
    def right(self) -> bool:
        """Whether what comes first shares the class of the query."""
        return self.rank == 1


def first_answers(
    embeddings: ArrayLike,
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    split: Sequence[str] | None = None,
    depth: int = 5,
) -> list[Answers]:
    """The first answers of every query that has a candidate, in the order of the rows.

    Args:
        embeddings: (N, D), and the other columns as in `evaluate_retrieval`.
        labels: N class names.
        groups: N names of subjects, sources or recordings.
        split: N times `query` or `gallery`.
        depth: answers of a query, at most.
    """
    pairs = similarities(embeddings, labels, groups, split)
    codes = np.unique(list(labels), return_inverse=True)[1]
    found = (
        _answers(int(row), pairs, similar, codes[pairs.gallery] == codes[row], depth)
        for rows, block in pairs.blocks
        for row, similar in zip(rows, block, strict=True)
    )
    return [answers for answers in found if answers.best]


def confusion(answers: Sequence[Answers], labels: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The class names, sorted, and (C, C) how many queries of each class (row) have which class first (column).

    Queries that have no right candidate are left out.
    """
    names, codes = np.unique(list(labels), return_inverse=True)
    counts = np.zeros((len(names), len(names)), dtype=np.intp)
    for one in answers:
        if one.rank is not None:
            counts[codes[one.row], codes[one.best[0]]] += 1
    return names.tolist(), counts


def _answers(
    row: int, pairs: Similarities, similar: NDArray[np.int32], right: NDArray[np.bool_], depth: int
) -> Answers:
    """What a query found, from its similarity to each of the gallery and whether that shares its class."""
    candidate = similar != LEFT_OUT
    keys = similar.astype(np.int64) * len(similar) - np.arange(len(similar))  # no two are equal
    count = int(candidate.sum())
    best = np.sort(np.partition(keys[candidate], max(0, count - depth))[-depth:])[::-1] if count else keys[:0]
    columns = -best % len(similar)
    right &= candidate
    return Answers(
        row=row,
        best=tuple(pairs.gallery[columns].tolist()),
        cosines=tuple((similar[columns] * _UNIT).tolist()),
        rank=int((keys[candidate] >= keys[right].max()).sum()) if right.any() else None,
    )
