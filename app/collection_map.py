"""A map of a library: videos that look and move alike lie close together, each in a cell of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog

_MOST = 400  # videos: more are too small to see
_ROOM = 1.5  # cells a video, so that groups stay apart
_FEWEST = 12  # that t-SNE can tell apart; fewer lie along their main directions

Points = NDArray[np.float64]  # (N, 2)


@dataclass(frozen=True)
class Spot:
    """Where a video lies, counted from the top left."""

    video_id: int
    column: int
    row: int


@dataclass(frozen=True)
class CollectionMap:
    """Videos in a grid, no two in one cell."""

    spots: Sequence[Spot]
    columns: int
    of: int  # videos in the library, of which some may be left out


def draw_map(catalog: Catalog, most: int = _MOST) -> CollectionMap:
    """Lay out the videos of a library, or so many of them, evenly chosen."""
    every = sorted(catalog.videos())
    chosen = [every[i * len(every) // most] for i in range(most)] if len(every) > most else every
    clips = {video_id: embeddings.mean(0) for video_id, (_, embeddings) in catalog.clips_of_videos(chosen)}
    if not clips:
        return CollectionMap([], 1, len(every))
    columns, cells = place_in_grid(flatten(np.stack([*clips.values()])))
    spots = [Spot(video_id, cell % columns, cell // columns) for video_id, cell in zip(clips, cells, strict=True)]
    return CollectionMap(spots, columns, len(every))


def flatten(vectors: NDArray[np.float32]) -> Points:
    """Points in a plane whose neighbours are those of the (N, D) vectors: t-SNE, from where PCA puts them.

    van der Maaten and Hinton 2008, https://www.jmlr.org/papers/v9/vandermaaten08a.html.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    start = np.zeros((len(vectors), 2))
    start[:, : len(axes)] = centred @ axes.T
    if len(vectors) < _FEWEST:
        return start
    from sklearn.manifold import TSNE  # it takes long to load, and is needed for this only

    scale = 1e-4 / max(1e-12, float(start.std()))
    near = min(30.0, len(vectors) / 4)
    points: Points = TSNE(metric="cosine", init=start * scale, perplexity=near, random_state=0).fit_transform(vectors)
    return points


def place_in_grid(points: Points) -> tuple[int, list[int]]:
    """Number of columns, and a cell for each point, so that all together move as little as can be."""
    from scipy.optimize import linear_sum_assignment

    columns = ceil(sqrt(_ROOM * len(points)))
    rows = ceil(_ROOM * len(points) / columns)
    low, high = points.min(0), points.max(0)
    scaled = (points - low) / np.maximum(high - low, 1e-12) * [columns - 1, rows - 1]
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    apart = ((scaled[:, None] - cells[None]) ** 2).sum(-1)
    return columns, [int(cell) for cell in linear_sum_assignment(apart)[1]]
