"""How rare the moments of a query are: black frames, intros and still shots are in many videos, and tell little.

As of words in documents (Sparck Jones 1972, https://doi.org/10.1108/eb026526), the more videos have nearly the same
moment, the less it counts. Only the moments of one query are weighed against each other, so that what is common
throughout, such as an intro searched for alone, is found as ever.

Sizes: Q windows of a query, N videos that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import SHARE, Segment, Timeline

_SAME = 0.7  # excess of a clip that shows nearly the same moment


@dataclass(frozen=True)
class Rarity:
    """How much each window of a query counts."""

    middles: NDArray[np.float64]  # (Q,) of the windows, in seconds
    weights: NDArray[np.float64]  # (Q,) in (0, 1]

    @classmethod
    def among(cls, nearest: Sequence[NDArray[np.float32]], query: Timeline) -> "Rarity":
        """By how many of some videos have nearly the same moment.

        Args:
            nearest: (Q,) of each of the N videos, the excess of its clip that is most like each window.
            query: where the windows lie.
        """
        excess = np.stack(nearest, 1) if nearest else np.zeros((len(query.starts), 0), np.float32)
        return cls(query.starts + query.window_s / 2, weights_of(excess))

    def share(self, span: Span, of_time: float) -> float:
        """What share of all that tells of the query a part of it tells, given its share of the time; in (0, 1]."""
        inside = (self.middles >= span.start) & (self.middles < span.end - 1e-6)
        rows = np.flatnonzero(inside) if inside.any() else self._nearest(np.array([(span.start + span.end) / 2]))
        return min(1.0, of_time * float(self.weights[rows].mean() / self.weights.mean()))

    def weighed(self, segment: Segment, of_time: float) -> Segment:
        """A segment that shows a share of the query's time, its score as if the rarer moments were the longer ones."""
        score = segment.score * (self.share(segment.query, of_time) / of_time) ** SHARE
        if segment.alike is not None and segment.alike.excess.any():
            weights, excess = self.weights[self._nearest(segment.alike.moments)], segment.alike.excess
            score *= float(np.average(excess, weights=weights) / excess.mean())
        return replace(segment, score=score)

    def _nearest(self, moments: NDArray[np.float64]) -> NDArray[np.intp]:
        """The window nearest to each moment."""
        return np.asarray(np.abs(self.middles - moments[:, None]).argmin(1))


def weights_of(excess: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much each window counts: one over the root of the number of videos that have nearly the same moment; (Q,).

    Args:
        excess: (Q, N) of the clip of each video that is most like each window.
    """
    videos = (excess >= _SAME).sum(1)
    return np.asarray(np.maximum(1, videos) ** -0.5)


EQUAL = Rarity(np.zeros(1), np.ones(1))
