"""Retrieval metrics on arrays: the right class, the right pair, the right moment. Arrays in, numbers out.

Similarity is the cosine; a zero vector has similarity 0 to everything. Similarities that round to the same
multiple of 1e-8 are tied, and every number is its expected value over a random order of the ties: an encoder
that maps everything to one point scores chance, whatever the order of the rows.

Sizes: N rows, D embedding, Q queries (of a block), G gallery rows, K depths, O owners of queries, R resamples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

KS: Final = (1, 5, 10, 20, 50)
LEFT_OUT: Final = -(1 << 30)  # the similarity of what is no candidate: behind every one that is
_TIE = 1e-8  # similarities become whole multiples of this, twice which fits 32 bits
_BLOCK = 500_000  # similarities held at once: about 120 MB with all that is made of them
_RESAMPLES = 2000


@dataclass(frozen=True)
class QueryScores:
    """What each query that can be answered scored, in the order of the rows."""

    rows: Ints  # (Q,)
    owners: Ints  # (Q,) which of them are drawn together by a bootstrap
    hits: Floats  # (Q, K) in [0, 1]: whether a right candidate is in the top k, for each k of the report
    precision: Floats  # (Q,) average precision


@dataclass(frozen=True)
class Difference:
    """How much more one thing scores than another on the same queries."""

    value: float
    interval: tuple[float, float]  # 95 %, paired bootstrap
    p: float  # two-sided, of no difference


@dataclass(frozen=True)
class RetrievalReport:
    """How well embeddings retrieve their own class, as fractions in [0, 1] of the answerable queries."""

    recall: dict[int, float]  # k -> R@k, a hit if any of the top k shares the class
    map: float  # mean over queries of the average precision of the full ranking
    queries: int  # that can be answered
    gallery: float  # candidates of a query, mean
    classes: int  # among all rows
    unanswerable: int  # queries left out because no candidate shares their class
    chance_recall: dict[int, float]  # k -> R@k expected of a random ranking
    chance_map: float  # mAP expected of a random ranking
    recall_intervals: dict[int, tuple[float, float]]  # k -> 95 %, bootstrap
    map_interval: tuple[float, float]  # 95 %, bootstrap
    per_class: dict[str, float]  # label -> R@1
    map_per_class: dict[str, float]  # label -> mAP
    queries_per_class: dict[str, int]  # label -> queries that can be answered
    scores: QueryScores = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        fractions = [*self.recall.values(), self.map, *self.per_class.values(), *self.map_interval]
        if not all(0 <= value <= 1 for value in fractions):
            raise ValueError(f"recall and mAP must be fractions in [0, 1], got {self}")
        if self.queries < 1 or 1 not in self.recall or self.recall.keys() != self.chance_recall.keys():
            raise ValueError(f"a report needs queries, R@1, and chance for every R@k, got {self}")

    @property
    def chance(self) -> float:
        """R@1 expected of a random ranking."""
        return self.chance_recall[1]

    @property
    def recall_at_1_interval(self) -> tuple[float, float]:
        """95 %, bootstrap."""
        return self.recall_intervals[1]

    @property
    def hit_at_1(self) -> dict[int, float]:
        """Row of the query -> 1 if its top candidate is right; between 0 and 1 where it is tied."""
        at_1 = list(self.recall).index(1)
        return dict(zip(self.scores.rows.tolist(), self.scores.hits[:, at_1].tolist(), strict=True))


def evaluate_retrieval(
    embeddings: ArrayLike,
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    split: Sequence[str] | None = None,
    ks: Sequence[int] = KS,
    *,
    rng: np.random.Generator,
) -> RetrievalReport:
    """Let rows search rows, and count how often what comes first shares the class of the query.

    Args:
        embeddings: (N, D), finite; need not be normalised.
        labels: N class names.
        groups: N names of subjects, sources or recordings. Without a split, a query's own group is left out
            of its gallery. With or without one, the interval resamples whole groups.
        split: N times `query` or `gallery`: the former search the latter. Without it, all search all others.
        ks: depths of R@k, 1 among them; one beyond the gallery takes the whole gallery.
        rng: draws the resamples of the interval.
    """
    pairs = similarities(embeddings, labels, groups, split)
    if 1 not in ks or min(ks) < 1:
        raise ValueError(f"the depths of R@k must be positive and include 1, got {ks}")
    classes, codes = np.unique(list(labels), return_inverse=True)
    outcomes = [_outcomes(_ranked(rows, similar, pairs.gallery, codes), ks) for rows, similar in pairs.blocks]
    hits, precision, answers, candidates = (np.concatenate(parts) for parts in zip(*outcomes, strict=True))
    answered = answers > 0
    if not answered.any():
        raise ValueError("no query has a candidate of its own class, so nothing can be measured")
    rows = pairs.queries[answered]
    scores = QueryScores(rows, pairs.owners[rows], hits[answered], precision[answered])
    *recalls, map_interval = _intervals(np.column_stack([scores.hits, scores.precision]), scores.owners, rng)
    chance = _hit_chances(np.zeros_like(answers), candidates, answers, ks)
    per_class = {str(classes[code]): codes[rows] == code for code in np.unique(codes[rows])}
    return RetrievalReport(
        recall=_by_depth(ks, scores.hits),
        map=float(scores.precision.mean()),
        queries=len(rows),
        gallery=float(candidates[answered].mean()),
        classes=len(classes),
        unanswerable=len(answered) - len(rows),
        chance_recall=_by_depth(ks, chance[answered]),
        chance_map=float(_chance_precision(candidates[answered], answers[answered]).mean()),
        recall_intervals=dict(zip(map(int, ks), recalls, strict=True)),
        map_interval=map_interval,
        per_class={label: float(scores.hits[own, list(ks).index(1)].mean()) for label, own in per_class.items()},
        map_per_class={label: float(scores.precision[own].mean()) for label, own in per_class.items()},
        queries_per_class={label: int(own.sum()) for label, own in per_class.items()},
        scores=scores,
    )


def centred(embeddings: ArrayLike, split: Sequence[str] | None = None) -> Floats:
    """Each set less its own mean, as CoCLR and FAME do: transductive, so only ever reported beside uncentred.

    Args:
        embeddings: (N, D).
        split: N names of the set that a row is in; without it all rows are one set.
    """
    rows = np.array(embeddings, dtype=np.float64)
    sets = np.zeros(len(rows), int) if split is None else np.unique(list(split), return_inverse=True)[1]
    for code in np.unique(sets):
        rows[sets == code] -= rows[sets == code].mean(axis=0)
    return rows


def bootstrap_interval(hits: ArrayLike, owners: ArrayLike, rng: np.random.Generator) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `hits` when their owners are drawn again with replacement.

    Cluster bootstrap: Field & Welsh 2007, Bootstrapping clustered data, J. R. Stat. Soc. B 69. A lone owner
    says nothing about others, so its interval is all of [0, 1].

    Args:
        hits: (Q,) in [0, 1].
        owners: (Q,) the group of each query, or its own number where queries are independent.
        rng: draws the owners.
    """
    (interval,) = _intervals(np.asarray(hits, dtype=np.float64)[:, None], owners, rng)
    return interval


def bootstrap_difference(
    hits: ArrayLike, others: ArrayLike, owners: ArrayLike, rng: np.random.Generator
) -> tuple[float, float]:
    """The 95 % interval of the mean of `hits` less that of `others`, for the same queries and the same draws of owners.

    Args:
        hits: (Q,) in [0, 1].
        others: (Q,) in [0, 1], what something else made of the same queries.
        owners: (Q,) as in `bootstrap_interval`.
        rng: draws the owners.
    """
    return paired_test(hits, others, owners, rng).interval


def paired_test(hits: ArrayLike, others: ArrayLike, owners: ArrayLike, rng: np.random.Generator) -> Difference:
    """Compare what two things made of the same queries, as `bootstrap_difference`, with a p value.

    It is twice the share of the resamples in which the difference is not on its side of 0, one more resample counted
    as such: Davison & Hinkley 1997, Bootstrap Methods and their Application. Few owners that agree say less than that:
    by luck alone all O are on one side in 2 of 2^O cases, and p is never below that.
    """
    differences = np.asarray(hits, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    drawn = 2 * _resampled((1 + differences[:, None]) / 2, owners, rng)[:, 0] - 1  # drawn in [0, 1]
    low, high = np.quantile(drawn, [0.025, 0.975])
    across = int(min((drawn <= _TIE).sum(), (drawn >= -_TIE).sum()))
    least = 2.0 ** (1 - len(np.unique(owners)))
    p = min(1.0, max(least, 2 * (across + 1) / (len(drawn) + 1)))
    return Difference(float(differences.mean()), (float(low), float(high)), p)


def micro_ap(scores: ArrayLike, right: ArrayLike, pairs: int) -> float:
    """Average precision of the answers to all queries ranked together, as for copies: one score has to mean the same.

    The measure of the descriptor track of Pizzi et al. 2023, https://arxiv.org/abs/2306.09489.

    Args:
        scores: (N,) of each pair of query and video that was answered, at most one answer a pair.
        right: (N,) whether the pair is one that should be found.
        pairs: how many should be, found or not.
    """
    values, found = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    if values.ndim != 1 or values.shape != found.shape or not np.isfinite(values).all():
        raise ValueError(f"micro-AP needs a finite score for each answer, got {values.shape} and {found.shape}")
    if not pairs >= max(1, found.sum()):
        raise ValueError(f"{int(found.sum())} answers can't be right of {pairs} pairs that should be found")
    if not found.any():
        return 0.0
    keys = np.sort(2 * np.unique(values, return_inverse=True)[1] + found)[::-1]
    _, average, _, _ = _outcomes(keys.astype(np.int32)[None], (1,))
    return float(average[0] * found.sum() / pairs)


def temporal_iou(found: ArrayLike, truth: ArrayLike) -> Floats:
    """How much of the time that two spans cover together they share, in [0, 1].

    Args:
        found: (..., 2) starts and ends in seconds.
        truth: (..., 2), of shapes that broadcast: `found[:, None]` against `truth[None]` gives all pairs.
    """
    spans = [np.asarray(each, dtype=np.float64) for each in (found, truth)]
    for each in spans:
        if not each.shape or each.shape[-1] != 2 or not (each[..., 0] < each[..., 1]).all():
            raise ValueError(f"a span needs a start before its end, got {each.tolist()}")
    (starts, ends), (true_starts, true_ends) = (np.moveaxis(each, -1, 0) for each in spans)
    shared = (np.minimum(ends, true_ends) - np.maximum(starts, true_starts)).clip(min=0)
    return np.asarray(shared / ((ends - starts) + (true_ends - true_starts) - shared))


def localisation_recall(
    overlaps: Sequence[ArrayLike], thresholds: Sequence[float] = (0.5, 0.75), depth: int = 1
) -> dict[float, float]:
    """Threshold -> share of the queries that an answer among the first `depth` overlaps with so well, or better.

    "R@n, IoU = m" of Gao et al. 2017, https://arxiv.org/abs/1705.02101.

    Args:
        overlaps: of each query the `temporal_iou` of its answers, best first; 0 where the answer is another video.
        thresholds: in (0, 1].
        depth: answers looked at.
    """
    if not overlaps or depth < 1 or not all(0 < threshold <= 1 for threshold in thresholds):
        raise ValueError(f"needs queries, {depth=} of 1 or more and thresholds in (0, 1], got {thresholds}")
    best = np.array([np.max(np.asarray(each)[:depth], initial=0.0) for each in overlaps])
    return {threshold: float((best >= threshold).mean()) for threshold in thresholds}


@dataclass(frozen=True)
class Similarities:
    """Which rows search which, and how similar these are."""

    queries: Ints  # (Q,) rows
    gallery: Ints  # (G,) rows
    owners: Ints  # (N,) number of the group of each row; its own where there are no groups
    blocks: Iterator[tuple[Ints, NDArray[np.int32]]]  # some query rows with (Q, G) cosines in 1e-8, or LEFT_OUT


def similarities(
    embeddings: ArrayLike,
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    split: Sequence[str] | None = None,
) -> Similarities:
    """Compare the queries with the gallery, a block at a time; for the arguments see `evaluate_retrieval`."""
    vectors = _unit_rows(embeddings)
    _check_rows(len(vectors), labels, groups, split)
    everyone = np.arange(len(vectors))
    owners = everyone if groups is None else np.unique(list(groups), return_inverse=True)[1]
    asks = np.ones(len(vectors), bool) if split is None else np.array([part == "query" for part in split])
    queries, gallery = everyone[asks], everyone if split is None else everyone[~asks]
    candidates = vectors if split is None else vectors[gallery]

    def block(rows: Ints) -> NDArray[np.int32]:
        similar = np.rint(vectors[rows] @ candidates.T / _TIE).astype(np.int32)
        if split is None:
            similar[owners[rows, None] == owners[gallery]] = LEFT_OUT
        return similar

    step = max(1, _BLOCK // len(gallery))
    parts = (queries[start : start + step] for start in range(0, len(queries), step))
    return Similarities(queries, gallery, owners, ((rows, block(rows)) for rows in parts))


def _intervals(values: Floats, owners: ArrayLike, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The 95 % interval of the mean of each column of (Q, M) values, see `bootstrap_interval`."""
    low, high = np.quantile(_resampled(values, owners, rng), [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _resampled(values: Floats, owners: ArrayLike, rng: np.random.Generator) -> Floats:
    """(R, M) means of the columns of (Q, M) values in [0, 1], each time with the owners drawn again."""
    _, codes = np.unique(owners, return_inverse=True)
    sums, counts = np.stack([np.bincount(codes, column) for column in values.T], axis=1), np.bincount(codes)
    if len(sums) == 1:  # could be anything
        return np.tile([[0.0], [1.0]], (_RESAMPLES // 2, values.shape[1]))
    draws = (rng.integers(len(sums), size=len(sums)) for _ in range(_RESAMPLES))
    return np.array([sums[drawn].sum(axis=0) / counts[drawn].sum() for drawn in draws])


def _unit_rows(embeddings: ArrayLike) -> Floats:
    rows = np.array(embeddings, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"embeddings must be (N, D) with at least one row, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"embedding {int(np.argmin(np.isfinite(rows).all(axis=1)))} is not finite")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(norms > 0, norms, 1)
    return rows


def _check_rows(
    count: int,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    split: Sequence[str] | None,
) -> None:
    for name, column in [("labels", labels), ("groups", groups), ("split", split)]:
        if column is not None and len(column) != count:
            raise ValueError(f"{name} must have one value for each of the {count} embeddings, got {len(column)}")
    if len(set(labels)) < 2:
        raise ValueError(f"retrieval needs at least two classes, but every row is {labels[0]!r}")
    if split is not None and set(split) != {"query", "gallery"}:
        raise ValueError(f"split must be `query` in some rows and `gallery` in all others, got {sorted(set(split))}")


def _ranked(rows: Ints, similar: NDArray[np.int32], gallery: Ints, codes: Ints) -> NDArray[np.int32]:
    """(Q, G) keys of the candidates of each query, most similar first.

    A key is twice the similarity, plus one if the candidate shares the class of the query.
    """
    right = (codes[rows, None] == codes[gallery]) & (similar != LEFT_OUT)
    keys: NDArray[np.int32] = 2 * similar + right
    keys.sort(axis=1)
    return keys[:, ::-1]


def _outcomes(keys: NDArray[np.int32], ks: Sequence[int]) -> tuple[Floats, Floats, Ints, Ints]:
    """Of each ranking: (Q, K) hits, (Q,) average precision, (Q,) right candidates, (Q,) candidates.

    Average precision under ties: McSherry & Najork 2008, https://doi.org/10.1007/978-3-540-78646-7_38.
    """
    place = np.arange(keys.shape[1])
    borders = np.diff(keys >> 1, axis=1, prepend=1 << 30, append=-(1 << 31)) != 0  # (Q, G + 1)
    first = np.maximum.accumulate(np.where(borders[:, :-1], place, 0), axis=1)  # of its tie
    after = np.minimum.accumulate(np.where(borders[:, 1:], place + 1, len(place))[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros((len(keys), len(place) + 1), dtype=np.intp)
    np.cumsum(keys & 1, axis=1, out=found[:, 1:])
    above = np.take_along_axis(found, first, axis=1)
    right, tied = np.take_along_axis(found, after, axis=1) - above, after - first
    precision = (above + 1 + (place - first) * (right - 1) / np.maximum(tied - 1, 1)) / (place + 1)
    average = (right / tied * precision).sum(axis=1) / np.maximum(found[:, -1], 1)
    best = np.arange(len(keys)), np.argmax(keys & 1, axis=1)  # the right ones lead their tie: where it starts
    hits = _hit_chances(first[best], tied[best], right[best], ks)
    return hits, average.clip(max=1), found[:, -1], (keys >> 1 != LEFT_OUT).sum(axis=1)


def _hit_chances(before: Ints, tied: Ints, right: Ints, ks: Sequence[int]) -> Floats:
    """(Q, K) chance that a right candidate is in the top k, when the best ones are among some equals.

    Args:
        before: (Q,) wrong candidates ahead of the tie.
        tied: (Q,) candidates in it.
        right: (Q,) of them, those that share the class.
        ks: the depths.
    """
    hits, miss = np.empty((len(before), len(ks))), np.ones(len(before))
    depths = np.minimum(ks, (before + tied).max())
    for depth in range(depths.max()):
        drawn = depth - before
        left = np.maximum(tied - drawn, 1)
        miss = np.where((drawn >= 0) & (drawn < tied), miss * np.maximum(left - right, 0) / left, miss)
        hits[:, depths == depth + 1] = 1 - miss[:, None]
    return hits


def _chance_precision(candidates: Ints, right: Ints) -> Floats:
    """(Q,) average precision expected when all candidates are tied."""
    harmonic = np.cumsum(1 / np.arange(1, candidates.max() + 1))[candidates - 1]
    slope = (right - 1) / np.maximum(candidates - 1, 1)
    return np.asarray((harmonic + slope * (candidates - harmonic)) / candidates)


def _by_depth(ks: Sequence[int], hits: Floats) -> dict[int, float]:
    return {int(k): float(value) for k, value in zip(ks, hits.mean(axis=0), strict=True)}
