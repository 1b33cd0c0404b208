"""One part of the embeddings alone: how clips look, or how they move; what a search reads of a library, seen that way.

An embedding holds both parts, of which motion weighs the less the less moves. Here each is a unit vector again; a clip
in which nothing moves has no motion that could be like another's.

Sizes: N clips, Q query windows, D embedding.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.catalog import Catalog
from indexer.ranges import Ids
from indexer.records import Embeddings
from indexer.search import Query
from indexer.vectors import VectorIndex

_DEEPER = 8  # times as many clips as asked for are looked up, by both parts as they are weighed, and put in order


def facet_of(embeddings: Embeddings, part: slice) -> Embeddings:
    """One part as unit vectors, 0 elsewhere; 0 where there is none of it; (N, D)."""
    alone = np.zeros_like(embeddings)
    alone[:, part] = embeddings[:, part]
    return np.asarray(alone / np.linalg.norm(alone, axis=1, keepdims=True).clip(min=1e-6), np.float32)


def facet_of_query(query: Query, part: slice) -> Query:
    """A query whose windows have one part alone, and no pictures."""
    return Query([replace(each, embeddings=facet_of(each.embeddings, part), strip=None) for each in query.readings])


class FacetIndex:
    """A vector index of one part of its vectors."""

    def __init__(self, index: VectorIndex, part: slice) -> None:
        self._index, self._part = index, part

    def __len__(self) -> int:
        return len(self._index)

    def search(self, queries: Embeddings, k: int, among: Ids | None = None) -> tuple[NDArray[np.float32], Ids]:
        """As of the index; the nearest may be missed where they weigh little against the other part."""
        most = len(self) if among is None else len(among)
        _, ids = self._index.search(queries, min(_DEEPER * k, most), among)
        used, rows = np.unique(ids, return_inverse=True)
        known = used >= 0
        vectors = np.zeros((len(used), queries.shape[1]), np.float32)
        vectors[known] = facet_of(self._index.vectors(used[known]), self._part)
        alike = np.where(known, queries @ vectors.T, -np.inf)
        similarities = np.take_along_axis(alike, rows.reshape(ids.shape), 1)
        order = np.argsort(-similarities, 1, kind="stable")[:, :k]
        return np.take_along_axis(similarities, order, 1).astype(np.float32), np.take_along_axis(ids, order, 1)

    def sample(self, most: int) -> Embeddings:
        """As of the index."""
        return facet_of(self._index.sample(most), self._part)


class FacetCatalog:
    """A catalog of one part of its embeddings, without pictures."""

    def __init__(self, catalog: Catalog, part: slice) -> None:
        self._catalog, self._part = catalog, part

    def videos_of_clips(self, clip_ids: Iterable[int]) -> Mapping[int, int]:
        """As of the catalog."""
        return self._catalog.videos_of_clips(clip_ids)

    def clips_of_videos(self, video_ids: Iterable[int]) -> Iterator[tuple[int, tuple[list[Span], Embeddings]]]:
        """As of the catalog."""
        for video_id, (spans, embeddings) in self._catalog.clips_of_videos(video_ids):
            yield video_id, (spans, facet_of(embeddings, self._part))

    def sketches(self, video_id: int, span: Span) -> list[tuple[float, bytes]]:
        """None: pictures show both parts."""
        return []
