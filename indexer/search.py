"""From the embedded readings of a query to ranked videos with the segments that match.

Sizes: Q query windows, V clips of a video, D embedding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import Segment, Timeline, align
from indexer.catalog import Catalog, Embeddings
from indexer.readings import Reading
from indexer.vectors import VectorIndex

_HITS = 200  # clips looked up for each query window
_SAMPLE = 1000  # clips that stand for the whole library
_MOST_ALIKE = 0.95  # similarity of unrelated clips is taken as at most this, so that equal clips stay above it
_GUESSED = 0.9  # factor on the score of readings other than the query as it is: more of them fit by chance


@dataclass(frozen=True)
class Query:
    """A query clip as it is, and what it may have been before it was edited."""

    readings: Sequence[Reading]  # as it is first

    @cached_property
    def embeddings(self) -> Embeddings:
        """Those (Q, D) of the windows of all readings, one reading after the other."""
        return np.concatenate([reading.embeddings for reading in self.readings])

    @cached_property
    def parts(self) -> list[slice]:
        """Which rows of the embeddings belong to each reading."""
        ends = np.cumsum([len(reading.embeddings) for reading in self.readings]).tolist()
        return [slice(start, end) for start, end in pairwise([0, *ends])]


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
    """The k videos that match a query best, in whichever reading, best first."""
    if not len(index):
        return []
    usual = usual_similarity(query.embeddings, index)
    matches = [
        Match(video_id, segments)
        for video_id in candidates(query, usual, catalog, index, k)
        if (segments := align_video(query, usual, catalog, video_id, clip_s))
    ]
    return sorted(matches, key=lambda match: (-match.score, match.video_id))[:k]


def candidates(query: Query, usual: NDArray[np.float32], catalog: Catalog, index: VectorIndex, k: int) -> list[int]:
    """The videos worth aligning to find the k best: by the excess of their best hit, summed over a reading's windows.

    Each reading names its own, the query as it is more than the guesses.
    """
    similarities, ids = index.search(query.embeddings, min(_HITS, len(index)))
    excess = _excess(similarities, usual).clip(min=0)
    video_of = catalog.videos_of_clips(int(i) for i in np.unique(ids) if i >= 0)
    named = [
        video_id
        for number, part in enumerate(query.parts)
        for video_id in _most_promising(excess[part], ids[part], video_of)[: k if number else max(3 * k, 30)]
    ]
    return list(dict.fromkeys(named))


def _most_promising(excess: NDArray[np.float32], ids: NDArray[np.int64], video_of: Mapping[int, int]) -> list[int]:
    total: dict[int, float] = {}
    for row, row_ids in zip(excess.tolist(), ids.tolist(), strict=True):
        best: dict[int, float] = {}
        for value, clip_id in zip(row, row_ids, strict=True):  # best first
            if clip_id in video_of:
                best.setdefault(video_of[clip_id], value)
        for video_id, value in best.items():
            total[video_id] = total.get(video_id, 0.0) + value
    return sorted(total, key=lambda video_id: (-total[video_id], video_id))


def align_video(
    query: Query, usual: NDArray[np.float32], catalog: Catalog, video_id: int, clip_s: float
) -> list[Segment]:
    """The segments of one video in the reading that fits it best; none of a video that has just been removed."""
    spans, embeddings = catalog.clips_of(video_id)
    if not spans:
        return []
    starts = np.array([span.start for span in spans])
    whole = Timeline(Span(0.0, spans[-1].end), starts, clip_s)
    excess = _excess(query.embeddings @ embeddings.T, usual)
    best: list[Segment] = []
    for number, (reading, part) in enumerate(zip(query.readings, query.parts, strict=True)):
        trust = _GUESSED if number else 1.0
        if best and trust * excess[part].max() <= best[0].score:  # a score is a mean excess at most
            continue
        found = [reading.in_query(segment, trust) for segment in align(excess[part], reading.timeline, whole)]
        if not best or found[0].score > best[0].score:
            best = found
    return best


def usual_similarity(queries: Embeddings, index: VectorIndex) -> NDArray[np.float32]:
    """The similarity (Q,) that each query window has to unrelated clips: the median over a sample of the library."""
    usual: NDArray[np.float32] = np.median(queries @ index.sample(_SAMPLE).T, 1).clip(max=_MOST_ALIKE)
    return usual


def _excess(similarities: NDArray[np.float32], usual: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far (Q, N) similarities are from usual (0) to equal (1)."""
    excess: NDArray[np.float32] = (similarities - usual[:, None]) / (1 - usual[:, None])
    return excess
