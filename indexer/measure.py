"""How well and how fast an index answers, beside comparing with all: measured on a library's own embeddings."""

import time
from dataclasses import dataclass

import numpy as np

from indexer.records import Embeddings
from indexer.structures import Similarities
from indexer.vectors import VectorIndex

NEAREST = 10
_BLOCK = 50_000  # vectors compared at once
_OFF = 0.2  # share of another vector in a query, so that it is none of those stored
_TIE = 1e-5  # similarities this near are as good as each other


@dataclass(frozen=True)
class IndexQuality:
    """What was measured; times of one query alone, in milliseconds of its thread: other work does not count."""

    vectors: int
    queries: int
    nearest: int  # that are asked for
    recall: float  # share of them that is found, in [0, 1]
    p50_ms: float
    p99_ms: float


def measure_index(index: VectorIndex, queries: int = 200, nearest: int = NEAREST) -> IndexQuality:
    """Search for stored vectors mixed with a little of others.

    Args:
        index: not empty.
        queries: at most.
        nearest: vectors asked for by each, at most.
    """
    if not len(index):
        raise ValueError("an index without vectors finds nothing, so there is nothing to measure")
    stored = index.sample(queries)
    mixed = stored + _OFF * np.roll(stored, len(stored) // 2 + 1, axis=0)
    asked = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    count = min(nearest, len(index))
    index.search(asked[:1], count)  # what only the first search waits for
    found, times = [], []
    for query in asked:
        began = time.thread_time()
        found.append(index.search(query[None], count)[0][0])
        times.append(time.thread_time() - began)
    least = _nearest(index, asked, count)[:, -1:]
    p50, p99 = np.quantile(times, [0.5, 0.99]) * 1000
    recall = float((np.array(found) >= least - _TIE).mean())
    return IndexQuality(len(index), len(asked), count, recall, float(p50), float(p99))


def _nearest(index: VectorIndex, asked: Embeddings, count: int) -> Similarities:
    """(Q, count) similarities of the nearest of all vectors, best first."""
    ids, best = index.ids(), np.full((len(asked), count), -np.inf, np.float32)
    for start in range(0, len(ids), _BLOCK):
        both = np.concatenate([best, asked @ index.vectors(ids[start : start + _BLOCK]).T], axis=1)
        best = -np.sort(-np.partition(both, -count, axis=1)[:, -count:], axis=1)
    return best
