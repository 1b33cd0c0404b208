"""A library that copies are searched for in: which answers are right, and what plainer ways to search would answer."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.background import Background
from indexer.combine import alike_among, search_all
from indexer.folders import is_below
from indexer.library import Library
from indexer.search import Query
from indexer.tables import Video
from indexer.vectors import VectorIndex

RESULTS = 10  # a query, as `reelseek search` lists


class Gallery:
    """A library, with what tells right answers from wrong ones and the mean embeddings of its videos."""

    def __init__(self, library: Library, same: Sequence[str] = ()) -> None:
        self.library, self.catalog, self.spec = library, library.catalog, library.checkpoint.spec
        library.index.refresh()
        self.index = VectorIndex.load(library.index.path, library.checkpoint.config.dim)
        self.paths = self.catalog.paths()
        self._recordings = {
            video: set[str]().union(*(recordings(path, same) for path in paths)) for video, paths in self.paths.items()
        }
        self._ids = np.array(list(self.paths))
        self._means = np.stack([_unit_mean(self.catalog.clips_of(video)[1]) for video in self.paths])

    def videos(self, roots: Sequence[str], shortest_s: float) -> dict[str, Video]:
        """Those below the given folders that last long enough, each by one path."""
        return {
            below[0]: video
            for video in self.catalog.videos().values()
            if (below := [path for path in self.paths[video.id] if any(is_below(path, root) for root in roots)])
            and video.duration >= shortest_s
        }

    def right(self, video: int) -> set[int]:
        """The videos of the same recording, itself among them."""
        return {other for other, names in self._recordings.items() if names & self._recordings[video]}

    def search(self, query: Query, ignored: set[int]) -> list[tuple[int, float]]:
        """The videos that `Library.search` finds with their scores, best first, for what is embedded already."""
        matches = search_all([query], [], self.catalog, self.index, RESULTS, self.spec)
        return [(match.video_id, match.score) for match in matches if match.video_id not in ignored]

    def nearest_mean(self, query: Query, ignored: set[int]) -> int:
        """The video whose mean embedding is most like the query's."""
        alike = self._means @ _unit_mean(query.readings[0].embeddings)
        alike[np.isin(self._ids, list(ignored))] = -np.inf
        return int(self._ids[alike.argmax()])

    def score(self, query: Query, video: int) -> float:
        """The score that a search gives one video."""
        background = Background.of(query.embeddings, self.index)
        matches = alike_among(query, background, self.catalog, [video], self.spec)
        return matches[0].score if matches else 0.0


def recordings(path: str, same: Sequence[str]) -> set[str]:
    """The names of what a file is a recording of: what each pattern matches or its group captures, and the path."""
    found = [re.search(pattern, path) for pattern in same]
    return {path, *(match[1] if match.groups() else match.re.pattern for match in found if match)}


def _unit_mean(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    total = embeddings.mean(0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)
