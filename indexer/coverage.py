"""Which parts of a video are footage of others, and where it is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from encoder.clips import Span
from indexer.blas import one_blas_thread
from indexer.duplicates import Hits, named_videos, stretches
from indexer.library import Library
from indexer.material import Material, stored_material
from indexer.tracing import Stretch

_VIDEOS = 200  # of the library that one is compared with


@dataclass(frozen=True)
class Source:
    """Another video, and what it shares with the one that is looked at."""

    name: str  # path
    video_id: int | None  # of one that is in the library
    duration: float  # seconds
    stretches: list[Stretch]  # `a` is the one that is looked at; in order of its time


@dataclass(frozen=True)
class Coverage:
    """What of a video is found in others."""

    name: str  # path
    duration: float  # seconds
    sources: list[Source]  # in order of the first part that they cover

    @property
    def parts(self) -> list[tuple[Span, list[Source]]]:
        """The parts that are found anywhere, in order, and in which sources; as long as these stay the same."""
        edges = sorted(
            {time for source in self.sources for one in source.stretches for time in (one.a.start, one.a.end)}
        )
        parts: list[tuple[Span, list[Source]]] = []
        for start, end in pairwise(edges):
            inside = [s for s in self.sources if any(one.a.start <= start and end <= one.a.end for one in s.stretches)]
            if inside:
                parts.append((Span(start, end), inside))
        return parts

    @property
    def covered(self) -> float:
        """Seconds of it that are found anywhere."""
        return sum(span.duration for span, _ in self.parts)


def cover(
    library: Library, video: Material, others: Sequence[Material] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:  # fmt: skip
    """Find what of a video is footage of others.

    Args:
        library: whose encoder embedded them.
        video: the one that is looked at.
        others: where to look; None for all other videos of the library.
        progress: told how many of how many others are done.
    """
    pairs = _among(video, others) if others is not None else _in_library(library, video)
    sources = []
    for done, (find, hits) in enumerate(pairs, 1):
        other = find()
        found = stretches(video.reel, other.reel, hits) if other else []
        if other and found:
            found.sort(key=lambda one: one.a.start)
            sources.append(Source(other.name, other.video_id, other.reel.end, found))
        if progress:
            progress(done, len(pairs))
    sources.sort(key=lambda source: (source.stretches[0].a.start, source.name))
    return Coverage(video.name, video.reel.end, sources)


_Finder = Callable[[], Material | None]  # so that one other video is in memory at a time


def _in_library(library: Library, video: Material) -> list[tuple[_Finder, Hits]]:
    index, own = library.index.current(), video.video_id
    if not len(index):
        return []
    named = named_videos(video.embeddings, video.starts, video.reel, own, library.catalog, index, _VIDEOS)
    return [(partial(stored_material, library, other), hits) for other, hits in named]


def _among(video: Material, others: Sequence[Material]) -> list[tuple[_Finder, Hits]]:
    found: list[tuple[_Finder, Hits]] = []
    for other in others:
        with one_blas_thread():
            alike = video.embeddings @ other.embeddings.T
        found.append((partial(_itself, other), Hits.of(alike, video.starts, other.starts, video.reel)))
    return found


def _itself(other: Material) -> Material:
    return other
