"""Many embeddings that lie as real ones do, drawn from a library's few.

A drawn video is a real one moved as a whole, by the difference of two random clips, and clip by clip, by differences of
clips that follow each other in some video; both scaled, and all brought back to unit length. So directions, clusters
and neighbours are those of real embeddings; a share of the videos is taken over unchanged, as copies are in real
collections.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog
from indexer.records import Embeddings

MOVED = 0.7  # of the difference of two random clips, for a video as a whole
JITTER = 0.2  # of the difference of two successive clips, for each clip
_COPIES = 0.02  # of the videos
_BLOCK = 4096  # videos drawn at once


@dataclass(frozen=True)
class Source:
    """Real embeddings, video by video and in order of time; (N, D), and the first row of each video."""

    embeddings: Embeddings
    starts: NDArray[np.int64]

    @property
    def steps(self) -> Embeddings:
        """The differences of successive clips of a video."""
        first = np.delete(np.arange(1, len(self.embeddings)), self.starts[1:] - 1)
        return self.embeddings[first] - self.embeddings[first - 1]


def from_library(folder: Path) -> Source:
    """All embeddings of a library, which is only read."""
    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    blocks = list(catalog.embeddings())
    ids = np.concatenate([block_ids for block_ids, _ in blocks])
    embeddings = np.concatenate([block for _, block in blocks])
    video_of = catalog.videos_of_clips(ids.tolist())
    catalog.close()
    video_ids = np.array([video_of[i] for i in ids.tolist()])
    order = np.argsort(video_ids, kind="stable")
    return Source(embeddings[order], np.flatnonzero(np.diff(video_ids[order], prepend=-1)))


def invented(videos: int, dim: int, seed: int = 0) -> Source:
    """Stands in where there is no library: random walks around random points, of ten clips each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(videos // 20, 1), dim))
    walks = rng.normal(size=(videos, 10, dim)).cumsum(1) * 0.2
    clips = centres[rng.integers(0, len(centres), videos)][:, None] + rng.normal(size=(videos, 1, dim)) * 0.5 + walks
    return Source(_unit(clips.reshape(-1, dim).astype(np.float32)), np.arange(0, videos * 10, 10))


def draw(source: Source, count: int, seed: int) -> NDArray[np.float16]:
    """So many embeddings of drawn videos, one video after the other; (count, D)."""
    rng = np.random.default_rng(seed)
    ends = np.append(source.starts[1:], len(source.embeddings))
    drawn, at = np.empty((count, source.embeddings.shape[1]), np.float16), 0
    while at < count:
        which = rng.integers(0, len(source.starts), _BLOCK)
        lengths = (ends - source.starts)[which]
        rows = np.concatenate([np.arange(source.starts[i], ends[i]) for i in which])
        one, other = source.embeddings[rng.integers(0, len(source.embeddings), (2, _BLOCK))]
        moved = MOVED * (one - other) * (rng.random((_BLOCK, 1)) >= _COPIES)
        moves = np.repeat(moved.astype(np.float32), lengths, 0)
        clips = source.embeddings[rows] + moves + _jitter(source, len(rows), rng) * moves.any(1, keepdims=True)
        block = _unit(clips)[: count - at]
        drawn[at : at + len(block)] = block
        at += len(block)
    return drawn


def draw_queries(source: Source, vectors: NDArray[np.float16], count: int, seed: int) -> Embeddings:
    """Query vectors, half of them changed a little from what there is and half of videos that are not there."""
    rng = np.random.default_rng(seed)
    known = vectors[rng.integers(0, len(vectors), count // 2)] + _jitter(source, count // 2, rng)
    queries = np.concatenate([_unit(known), draw(source, 50 * count, seed + 1)[::50][: count - count // 2]])
    return np.ascontiguousarray(rng.permutation(queries), np.float32)


def neighbour_similarities(vectors: Embeddings) -> NDArray[np.float32]:
    """The similarity of each vector to the nearest other one."""
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -1)
    nearest: NDArray[np.float32] = similarities.max(1)
    return nearest


def _jitter(source: Source, count: int, rng: np.random.Generator) -> Embeddings:
    steps = source.steps
    jitter: Embeddings = JITTER * steps[rng.integers(0, len(steps), count)]
    return jitter


def _unit(vectors: NDArray[np.floating]) -> Embeddings:
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit
