"""Recognition metrics on arrays: how often the right class is named, or is among the first five. Numbers out.

Every number is its expected value over a random order of equal scores, so that a classifier which says the same of
everything scores chance.

Sizes: S seeds, V videos, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.evaluation import bootstrap_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TOP: Final = (1, 5)


@dataclass(frozen=True)
class Predictions:
    """What the mean over the seeds says of each video."""

    classes: list[str]  # that there are, sorted
    truth: Ints  # (V,) numbers of classes
    named: Ints  # (V,) the class that comes first
    confidence: Floats  # (V,) its score
    rank: Ints  # (V,) of the right class, from 1; the last of equals
    hits: Floats  # (V, 2) in [0, 1]: right at 1 and among 5, mean over the seeds
    owners: Ints  # (V,) which of them are drawn together by a bootstrap


@dataclass(frozen=True)
class RecognitionReport:
    """How well classes are named, as fractions in [0, 1] of the videos, means over the seeds."""

    top: dict[int, float]  # k -> how often the right class is among the first k
    intervals: dict[int, tuple[float, float]]  # k -> 95 %, bootstrap over groups
    by_seed: tuple[float, ...]  # top-1 of each seed
    mean_class: float  # top-1, each class counting alike
    per_class: dict[str, float]  # label -> top-1
    videos_per_class: dict[str, int]
    chance: dict[int, float]  # k -> top-k of guessing
    predictions: Predictions = field(repr=False, compare=False)

    @property
    def videos(self) -> int:
        """V."""
        return len(self.predictions.truth)

    @property
    def spread(self) -> float | None:
        """Standard deviation of top-1 between the seeds; None of a single one."""
        return float(np.std(self.by_seed, ddof=1)) if len(self.by_seed) > 1 else None

    @property
    def constant(self) -> float:
        """Top-1 of always naming the most frequent class."""
        return max(self.videos_per_class.values()) / self.videos


def evaluate_recognition(
    scores: ArrayLike, classes: Sequence[str], labels: Sequence[str], groups: Sequence[str] | None, seed: int
) -> RecognitionReport:
    """Count how often the right class scores highest.

    Args:
        scores: (S, V, C), finite; columns in the order of `classes`.
        classes: C names, sorted.
        labels: V names out of them.
        groups: V names of subjects, sources or recordings, which the interval resamples; None where there are none.
        seed: of the resamples.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 3 or values.shape[1:] != (len(labels), len(classes)) or not values.size:
        raise ValueError(f"scores must be (S, {len(labels)}, {len(classes)}), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    number = {name: place for place, name in enumerate(classes)}
    truth = np.array([number[label] for label in labels])
    owners = np.arange(len(truth)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    hits = np.array([[_hits(each, truth, k) for k in TOP] for each in values])  # (S, 2, V)
    mean, own = hits.mean(0), {str(classes[code]): truth == code for code in np.unique(truth)}
    per_class = {label: float(mean[0, rows].mean()) for label, rows in own.items()}
    return RecognitionReport(
        top={k: float(row.mean()) for k, row in zip(TOP, mean, strict=True)},
        intervals={
            k: bootstrap_interval(row, owners, np.random.default_rng(seed)) for k, row in zip(TOP, mean, strict=True)
        },
        by_seed=tuple(float(value) for value in hits[:, 0].mean(1)),
        mean_class=float(np.mean(list(per_class.values()))),
        per_class=per_class,
        videos_per_class={label: int(rows.sum()) for label, rows in own.items()},
        chance={k: min(1.0, k / len(classes)) for k in TOP},
        predictions=_predictions(values.mean(0), list(classes), truth, mean.T, owners),
    )


def confusion(predictions: Predictions) -> NDArray[np.intp]:
    """(C, C) how many videos of each class (row) are named what (column)."""
    size = len(predictions.classes)
    counts = np.bincount(predictions.truth * size + predictions.named, minlength=size * size)
    return counts.reshape(size, size)


def _hits(scores: Floats, truth: Ints, k: int) -> Floats:
    """(V,) chance that the right class is among the first k."""
    right = scores[np.arange(len(truth)), truth][:, None]
    above, equal = (scores > right).sum(1), (scores == right).sum(1)
    return np.asarray(((k - above) / equal).clip(0, 1))


def _predictions(scores: Floats, classes: list[str], truth: Ints, hits: Floats, owners: Ints) -> Predictions:
    named = scores.argmax(1)
    rows = np.arange(len(truth))
    rank = (scores >= scores[rows, truth][:, None]).sum(1)
    return Predictions(classes, truth, named, scores[rows, named], rank, hits, owners)
