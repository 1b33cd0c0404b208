"""Footage that videos of a library share: whole and partial copies, with the times at which they run in step.

Every clip names the clips of other videos that are most like it, by the vector index. The videos that are named most
are compared picture by picture around those moments (`tracing`), which decides. For N clips that is N look-ups, and for
each video a few comparisons, however large the library is. Memory holds some videos' pictures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.blas import one_blas_thread
from indexer.catalog import Catalog
from indexer.film import Seconds
from indexer.ranges import Ids
from indexer.records import Embeddings
from indexer.reel import Reel
from indexer.reels import Reels
from indexer.tracing import Stretch, trace
from indexer.vectors import VectorIndex

_NEAREST = 48  # clips that each clip names
_ALIKE = 0.7  # similarity of a clip that is named
_VIDEOS = 16  # that each video is compared with
_FAILURES, _TRIES = 2, 40  # moments of a pair of videos that are compared in vain, and at all, before it is left
_CLEARLY = 0.04  # agreement by which footage is better than a repetition of its movement
_OFF, _OFF_BY_SECOND = 0.1, 0.004  # what an edit takes of agreement at most, and another take at least, by s squared
_WHOLE = 0.9  # share of a video that a stretch covers which makes it a copy of all of it

Kind = Literal["identical", "whole", "partial"]


@dataclass(frozen=True)
class Shared:
    """Footage that two videos share."""

    a: int  # video id, less than b
    b: int  # video id
    stretch: Stretch
    whole: bool  # whether it is nearly all of both


@dataclass(frozen=True)
class Group:
    """Videos that share footage, each with another one of the group at least."""

    kind: Kind  # `whole` where copies of all of them link all of them
    videos: list[int]  # ids, ascending
    shared: list[Shared]


@dataclass(frozen=True)
class Hits:
    """Moments of two videos that are alike, most alike first."""

    in_a: Seconds
    in_b: Seconds

    @classmethod
    def of(cls, alike: NDArray[np.float32], starts_a: Seconds, starts_b: Seconds, reel: Reel) -> "Hits":
        """Those of all clips of two videos.

        Args:
            alike: (A, B) similarities.
            starts_a: of the clips, (A,).
            starts_b: of the clips, (B,).
            reel: of the first.
        """
        rows, columns = np.nonzero(alike >= _ALIKE)
        moving = reel.moving(starts_a[rows])
        rows, columns = rows[moving], columns[moving]
        order = np.argsort(-alike[rows, columns], kind="stable")
        return cls(starts_a[rows[order]], starts_b[columns[order]])


def find_shared(
    catalog: Catalog, index: VectorIndex, fps: float, progress: Callable[[int, int], None] | None = None
) -> list[Shared]:
    """All footage that videos of a library share, by ascending ids of the videos and by time.

    Args:
        catalog: of the library.
        index: of the same library.
        fps: small pictures that the library keeps of each second.
        progress: told how many clips of how many are done.
    """
    reels, seen, found = Reels(catalog, fps), set[tuple[int, int]](), list[Shared]()
    ids, done = catalog.clip_ids(), 0
    for a in sorted(set(catalog.videos_of_clips(ids.tolist()).values())):
        clips, reel = catalog.clip_ids(np.array([a])), reels.get(a)
        start_of = catalog.starts_of_clips(clips.tolist())
        if reel and len(start_of) == len(clips):  # else it was removed meanwhile
            starts = np.array([start_of[clip] for clip in clips.tolist()])
            for b, hits in named_videos(index.vectors(clips), starts, reel, a, catalog, index, _VIDEOS):
                if (pair := (min(a, b), max(a, b))) not in seen:
                    seen.add(pair)
                    found += _between(a, b, hits, reels)
        done += len(clips)
        if progress:
            progress(done, len(ids))
    return sorted(found, key=lambda one: (one.a, one.b, one.stretch.a.start))


def named_videos(
    embeddings: Embeddings,
    starts: Seconds,
    reel: Reel,
    own: int | None,
    catalog: Catalog,
    index: VectorIndex,
    most: int,
) -> list[tuple[int, Hits]]:
    """The videos of a library that the clips of a video name most, and the moments at which they are alike.

    Args:
        embeddings: (N, D) of the clips.
        starts: (N,) of the clips.
        reel: the video's pictures.
        own: its id, where it is in the library.
        catalog: of the library.
        index: of the same library.
        most: videos.
    """
    with one_blas_thread():
        alike, named = index.search(embeddings, min(_NEAREST, len(index)))
    video_of = catalog.videos_of_clips(named[named >= 0].tolist())
    others = np.array([video_of.get(clip, 0) for clip in named.ravel().tolist()]).reshape(named.shape)
    rows, columns = np.nonzero((alike >= _ALIKE) & (others > 0) & (others != (own or 0)))
    moving = reel.moving(starts[rows])
    rows, columns = rows[moving], columns[moving]
    order = np.argsort(-alike[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    start_of = catalog.starts_of_clips(named[rows, columns].tolist())
    in_a, in_b = starts[rows], np.array([start_of.get(clip, 0.0) for clip in named[rows, columns].tolist()])
    videos = others[rows, columns]
    best = _most_named(videos, alike[rows, columns])[:most]
    return [(b, Hits(in_a[videos == b], in_b[videos == b])) for b in best]


def grouped(shared: Iterable[Shared], copied: Iterable[int] = ()) -> list[Group]:
    """What is shared as groups, the largest first.

    Args:
        shared: by videos.
        copied: further videos, of which there are several identical files.
    """
    shared = list(shared)
    whole = _connected((one.a, one.b) for one in shared if one.whole)
    every = _connected([*((one.a, one.b) for one in shared), *((video, video) for video in copied)])
    groups = []
    for videos in every:
        inside = set(videos)
        kind: Kind = "identical" if len(videos) == 1 else "whole" if videos in whole else "partial"
        groups.append(Group(kind, videos, [one for one in shared if one.a in inside]))
    return sorted(groups, key=lambda group: (-len(group.videos), group.videos))


def stretches(a: Reel, b: Reel, hits: Hits) -> list[Stretch]:
    """What two videos share around the moments at which they are alike, each moment of a once with each of b."""
    found: list[Stretch] = []
    tried = failed = 0
    for in_a, in_b in zip(hits.in_a.tolist(), hits.in_b.tolist(), strict=True):
        if failed == _FAILURES or tried == _TRIES:
            break
        if any(one.explains(in_a, in_b) for one in found):
            continue
        tried, stretch = tried + 1, trace(a, b, in_a, in_b)
        if stretch and _is_sure(stretch) and not any(_same(stretch, other) for other in found):
            found.append(stretch)
        else:
            failed += 1
    return [one for one in found if not any(_repeats(one, other) for other in found)]


def _most_named(others: Ids, alike: NDArray[np.float32]) -> list[int]:
    """The videos that are named most and nearest."""
    total: dict[int, float] = defaultdict(float)
    for video, similarity in zip(others.tolist(), alike.tolist(), strict=True):
        total[video] += similarity - _ALIKE
    return sorted(total, key=lambda video: (-total[video], video))


def _between(a: int, b: int, hits: Hits, reels: Reels) -> list[Shared]:
    """What two videos share, seen from the one with the lower id."""
    one, other = reels.get(a), reels.get(b)
    if one is None or other is None:
        return []
    found = []
    for stretch in stretches(one, other, hits):
        whole = _covers(stretch.a, one) and _covers(stretch.b, other)
        found.append(Shared(a, b, stretch, whole) if a < b else Shared(b, a, stretch.reversed(), whole))
    return found


def _covers(span: Span, reel: Reel) -> bool:
    return span.duration >= _WHOLE * reel.end


def _is_sure(stretch: Stretch) -> bool:
    """Whether this is no other take: who repeats a movement may stay in step for two seconds, but hardly for four."""
    return 1 - stretch.score <= min(_OFF, _OFF_BY_SECOND * min(stretch.a.duration, stretch.b.duration) ** 2)


def _repeats(one: Stretch, other: Stretch) -> bool:
    """Whether a stretch is no more than like another one: most of it lies there in one video, clearly more alike."""
    in_a, in_b = one.a.shared(other.a) / one.a.duration, one.b.shared(other.b) / one.b.duration
    return max(in_a, in_b) > 0.5 and one.score < other.score - _CLEARLY


def _same(one: Stretch, other: Stretch) -> bool:
    return one.a.shared(other.a) > 0.5 * one.a.duration and one.b.shared(other.b) > 0.5 * one.b.duration


def _connected(edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The videos that edges link, directly or by way of others; each list ascending."""
    group: dict[int, set[int]] = {}
    for a, b in edges:
        joined = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joined, joined))
    return [list(videos) for videos in dict.fromkeys(tuple(sorted(videos)) for videos in group.values())]
