"""How similar a query is to clips that have nothing to do with it, and how far above that a similarity lies.

Some moments are like much of what a library holds: still shots, dark ones, what its cameras always see. So here what
is usual for a moment becomes 0, and an equal clip 1; what only the nearest fiftieth of the library reaches counts a
tenth, so that being somewhat alike for long adds up to little. Copy detection normalises by the nearest of a background
as well (Douze et al. 2021, https://arxiv.org/abs/2106.09672), but subtracts, so that equal clips no longer score alike:
`benchmarks/normalisation.py` compares both.

Sizes: Q query windows, N clips, D embedding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.lookup import Lookup
from indexer.records import Embeddings

SAMPLE = 1000  # clips that stand for the whole library
_MOST_ALIKE = 0.95  # unrelated clips are taken as at most so alike, so that equal ones stay above them
_NEAREST = 20  # clips of the sample
_COUNTS = 0.1  # excess of what is as alike as the nearest


@dataclass(frozen=True)
class Background:
    """How similar each window of a query is to the clips of a library, whatever they show."""

    usual: NDArray[np.float32]  # (Q,) median similarity
    near: NDArray[np.float32]  # (Q,) mean of the nearest, from usual (0) to equal (1); at least what they count

    @classmethod
    def of(cls, queries: Embeddings, index: Lookup) -> "Background":
        """That of query windows (Q, D), by a sample of the library."""
        return cls.among(queries @ index.sample(SAMPLE).T)

    @classmethod
    def among(cls, similarities: NDArray[np.float32]) -> "Background":
        """That of query windows with such similarities (Q, N) to the clips of a sample."""
        ascending = np.sort(similarities, 1)
        usual = np.median(ascending, 1).clip(max=_MOST_ALIKE)
        nearest = ascending[:, -_NEAREST:].mean(1)
        near = ((nearest - usual) / (1 - usual)).clip(_COUNTS, _MOST_ALIKE)
        return cls(usual.astype(np.float32), near.astype(np.float32))

    def excess(self, similarities: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far (Q, N) similarities are from usual (0) to equal (1): two straight lines, that meet at the nearest."""
        usual, near = self.usual[:, None], self.near[:, None]
        excess = (similarities - usual) / (1 - usual)
        raised: NDArray[np.float32] = np.maximum(_COUNTS / near * excess, 1 - (1 - _COUNTS) / (1 - near) * (1 - excess))
        return raised
