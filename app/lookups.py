"""How well and how fast a library would look up the clips of an evaluation: as it does with so few, and with many."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.report.evaluation import Lookups
from indexer.measure import measure_index
from indexer.vectors import EXACT_UP_TO, VectorIndex

DEPTHS = (1, 10, 100, 200)  # nearest clips asked for; a search asks for 200 for each moment of a query
_QUERIES = 200


def measure_lookups(clips: Sequence[NDArray[np.float32]]) -> list[Lookups]:
    """Put clips into an index in both of its structures, and ask for what is nearest.

    Args:
        clips: (N, D) of each video, at least one in all.
    """
    vectors = np.concatenate(clips)
    exact = VectorIndex(vectors.shape[1])
    exact.add(np.arange(len(vectors)), vectors)
    few = len(vectors) <= EXACT_UP_TO
    return [
        _measured("every clip", few, exact),
        _measured("a graph's clips", not few, exact.as_graph() or exact),
    ]


def _measured(name: str, used: bool, index: VectorIndex) -> Lookups:
    depths = [k for k in DEPTHS if k <= len(index)]
    return Lookups(name, used, [measure_index(index, _QUERIES, k) for k in depths])
