"""From the embedded windows of a query to ranked videos with the segments that match.

Sizes: Q query windows, V clips of a video, D embedding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import Segment, Timeline, align
from indexer.catalog import Catalog, Embeddings
from indexer.vectors import VectorIndex

_HITS = 200  # clips looked up for each query window
_SAMPLE = 1000  # clips that stand for the whole library
_MOST_ALIKE = 0.95  # similarity of unrelated clips is taken as at most this, so that equal clips stay above it


@dataclass(frozen=True)
class Query:
    """The embedded windows of a query clip, in its file's time."""

    timeline: Timeline
    embeddings: Embeddings  # (Q, D)


@dataclass(frozen=True)
class Match:
    """A video that answers a query, with its matching segments, best first."""

    video_id: int
    segments: list[Segment]

    @property
    def score(self) -> float:
        """That of the best segment."""
        return self.segments[0].score


def search(query: Query, catalog: Catalog, index: VectorIndex, k: int, clip_s: float) -> list[Match]:
    """The k videos that match a query best, best first."""
    if not len(index):
        return []
    usual = usual_similarity(query.embeddings, index)
    matches = [
        Match(video_id, segments)
        for video_id in candidates(query.embeddings, usual, catalog, index, most=max(3 * k, 30))
        if (segments := align_video(query, usual, catalog, video_id, clip_s))
    ]
    return sorted(matches, key=lambda match: (-match.score, match.video_id))[:k]


def candidates(
    queries: Embeddings, usual: NDArray[np.float32], catalog: Catalog, index: VectorIndex, most: int
) -> list[int]:
    """The videos worth aligning, most promising first: by the excess of their best hit, summed over query windows."""
    similarities, ids = index.search(queries, min(_HITS, len(index)))
    excess = _excess(similarities, usual).clip(min=0)
    video_of = catalog.videos_of_clips(int(i) for i in np.unique(ids) if i >= 0)
    total: dict[int, float] = {}
    for row, row_ids in zip(excess.tolist(), ids.tolist(), strict=True):
        best: dict[int, float] = {}
        for value, clip_id in zip(row, row_ids, strict=True):  # best first
            if clip_id in video_of:
                best.setdefault(video_of[clip_id], value)
        for video_id, value in best.items():
            total[video_id] = total.get(video_id, 0.0) + value
    return sorted(total, key=lambda video_id: (-total[video_id], video_id))[:most]


def align_video(
    query: Query, usual: NDArray[np.float32], catalog: Catalog, video_id: int, clip_s: float
) -> list[Segment]:
    """The segments of one video that match the query; none of a video that has just been removed."""
    spans, embeddings = catalog.clips_of(video_id)
    if not spans:
        return []
    starts = np.array([span.start for span in spans])
    whole = Timeline(Span(0.0, spans[-1].end), starts, clip_s)
    return align(_excess(query.embeddings @ embeddings.T, usual), query.timeline, whole)


def usual_similarity(queries: Embeddings, index: VectorIndex) -> NDArray[np.float32]:
    """The similarity (Q,) that each query window has to unrelated clips: the median over a sample of the library."""
    usual: NDArray[np.float32] = np.median(queries @ index.sample(_SAMPLE).T, 1).clip(max=_MOST_ALIKE)
    return usual


def _excess(similarities: NDArray[np.float32], usual: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far (Q, N) similarities are from usual (0) to equal (1)."""
    excess: NDArray[np.float32] = (similarities - usual[:, None]) / (1 - usual[:, None])
    return excess
