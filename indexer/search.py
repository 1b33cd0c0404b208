"""From the embedded readings of a query to ranked videos with the segments that match.

Embeddings name the candidates and align them; of the best ones, small pictures tell copies from what is only alike.

Sizes: Q query windows, V clips of a video, D embedding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from indexer.align import SEGMENTS, SHARE, Segment, Timeline, align_all
from indexer.along import Along
from indexer.background import Background
from indexer.film import Film
from indexer.footage import BEYOND_S, compare, refined
from indexer.lookup import Clips, Lookup
from indexer.ranges import Ids
from indexer.rarity import EQUAL, Rarity, weights_of
from indexer.readings import Reading
from indexer.records import Embeddings

_HITS = 200  # clips looked up for each query window
_LOOKED_AT = 16  # segments that match best by their embeddings, whose pictures are compared with the query's: ...
_VIDEOS = 12  # ... the best ones of so many videos, and then whichever
_GUESSES = 2  # that a video is aligned with
_ALIGNED_AT_ONCE = 16  # videos
_GUESSED = 0.9  # factor on the score of readings other than the query as it is: more of them fit by chance


@dataclass(frozen=True)
class Query:
    """A query clip as it is, and what it may have been before it was edited."""

    readings: Sequence[Reading]  # as it is first

    @cached_property
    def embeddings(self) -> Embeddings:
        """Those (Q, D) of the windows of all readings, one reading after the other."""
        return np.concatenate([reading.embeddings for reading in self.readings])

    @property
    def span(self) -> Span:
        """The part of its file that it is, in seconds."""
        return self.readings[0].timeline.span

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
    together: float | None = None  # score of several examples; None where there is one
    along: Along | None = field(default=None, compare=False)  # how alike the video is from start to end

    @property
    def score(self) -> float:
        """That of all examples together, or of the best segment."""
        return self.segments[0].score if self.together is None else self.together


def candidates(
    query: Query, background: Background, catalog: Clips, index: Lookup, k: int, among: Ids | None = None
) -> list[int]:
    """The videos worth aligning to find the k best: by the excess of their best hits, rare windows counting most.

    Each reading names its own, the query as it is more than the guesses; with `among`, those of clips that are in it.
    There are k or more, unless fewer exist.
    """
    most = len(index) if among is None else len(among)
    hits = min(_HITS, most)
    while len(named := _named(query, background, catalog, index, k, hits, among)) < k and hits < most:
        hits = min(4 * hits, most)
    return named


def _named(
    query: Query,
    background: Background,
    catalog: Clips,
    index: Lookup,
    k: int,
    hits: int,
    among: Ids | None,
) -> list[int]:
    """The candidates that the nearest clips of each window name, so many `hits` of each."""
    similarities, ids = index.search(query.embeddings, hits, among)
    excess = background.excess(similarities).clip(min=0)
    video_of = catalog.videos_of_clips(int(i) for i in np.unique(ids) if i >= 0)
    named = [
        video_id
        for number, part in enumerate(query.parts)
        for video_id in _most_promising(excess[part], ids[part], video_of)[: k if number else max(3 * k, 30)]
    ]
    return list(dict.fromkeys(named))


def _most_promising(excess: NDArray[np.float32], ids: NDArray[np.int64], video_of: Mapping[int, int]) -> list[int]:
    clips, which = np.unique(ids, return_inverse=True)
    videos, of_clip = np.unique([video_of.get(clip, -1) for clip in clips.tolist()], return_inverse=True)
    best = np.zeros((len(ids), len(videos)))
    np.maximum.at(best, (np.arange(len(ids))[:, None], of_clip[which].reshape(ids.shape)), excess)
    ranked = videos[np.lexsort((videos, -(weights_of(best) @ best)))]
    return [int(video) for video in ranked if video >= 0]


@dataclass(frozen=True)
class Found:
    """The segments of a video that match a reading by their embeddings, best first."""

    video_id: int
    end: float  # of the video, in seconds
    reading: Reading
    segments: list[Segment]
    along: Along
    rarity: Rarity = EQUAL  # of the query's moments among all the videos aligned

    def share(self, segment: Segment) -> float:
        """What share of the query's time a segment shows."""
        return segment.query.duration * self.reading.rate / self.reading.timeline.span.duration

    def most(self, segment: Segment) -> float:
        """What a segment scores that shows the same footage."""
        return float(self.rarity.share(segment.query, self.share(segment)) ** SHARE)


@dataclass(frozen=True)
class _Shown:
    """A video beside all readings."""

    video_id: int
    timeline: Timeline
    excess: NDArray[np.float32]  # (Q, V)


def align_videos(
    query: Query, background: Background, catalog: Clips, video_ids: Sequence[int], spec: ClipSpec
) -> list[Found]:
    """What each video shows of the query, in the reading that fits it best; nothing of those just removed."""
    found: list[Found] = []
    nearest: list[NDArray[np.float32]] = []
    for start in range(0, len(video_ids), _ALIGNED_AT_ONCE):
        shown = [
            _Shown(
                video_id,
                Timeline(Span(0.0, spans[-1].end), np.array([span.start for span in spans]), spec.clip_s),
                background.excess(query.embeddings @ embeddings.T),
            )
            for video_id, (spans, embeddings) in catalog.clips_of_videos(video_ids[start : start + _ALIGNED_AT_ONCE])
        ]
        nearest += [one.excess[query.parts[0]].max(1) for one in shown]
        found += _aligned(query, shown)
    rarity = Rarity.among(nearest, query.readings[0].timeline)
    return [replace(one, rarity=rarity) for one in found]


def _aligned(query: Query, shown: Sequence[_Shown]) -> Iterator[Found]:
    best = _best_readings(query, shown)
    for number, reading in enumerate(query.readings):
        fitted = [one for one, (fits, _) in zip(shown, best, strict=True) if fits == number]
        known = [segment for fits, segment in best if fits == number]
        for one, segments in zip(fitted, _align(query, number, fitted, best=known), strict=True):
            in_query = [reading.in_query(segment, _trust(number)) for segment in segments]
            end, alike = one.timeline.span.end, one.excess[query.parts[number]].max(0)
            yield Found(one.video_id, end, reading, in_query, Along(one.timeline.starts, end, alike))


def _best_readings(query: Query, shown: Sequence[_Shown]) -> list[tuple[int, Segment]]:
    """The number of the reading that fits each video best, and its best segment."""
    likely, scores = [_likely(query, one.excess) for one in shown], np.full(len(shown), -np.inf)
    best: dict[int, tuple[int, Segment]] = {}
    for number in range(len(query.readings)):
        trust = _trust(number)
        worth = [  # a score is a mean excess at most
            i for i, one in enumerate(shown)
            if number in likely[i] and trust * one.excess[query.parts[number]].max() > scores[i]
        ]  # fmt: skip
        for i, (segment, *_) in zip(worth, _align(query, number, [shown[i] for i in worth], most=1), strict=True):
            if trust * segment.score > scores[i]:
                scores[i], best[i] = trust * segment.score, (number, segment)
    return [best[i] for i in range(len(shown))]


def _likely(query: Query, excess: NDArray[np.float32]) -> set[int]:
    """The query as it is, and the guesses whose windows find the most alike ones in a video, in the mean."""
    nearest = excess.max(1)
    means = [nearest[part].mean() for part in query.parts]
    return {0, *sorted(range(1, len(means)), key=lambda number: -means[number])[:_GUESSES]}


def _align(
    query: Query, number: int, shown: Sequence[_Shown], most: int = SEGMENTS, best: Sequence[Segment] | None = None
) -> list[list[Segment]]:
    """The segments of videos that match one of the readings, on the reading's clock; the best ones may be known."""
    excesses = [one.excess[query.parts[number]] for one in shown]
    return align_all(excesses, query.readings[number].timeline, [one.timeline for one in shown], most, best)


def _trust(number: int) -> float:
    return _GUESSED if number else 1.0


def looked_at(found: Sequence[Found], catalog: Clips, spec: ClipSpec) -> list[Match]:
    """The matches after a look at the pictures of the best segments: what shows the query's rises, and gets finer."""
    segments = {
        (one.video_id, i): one.rarity.weighed(part, one.share(part))
        for one in found
        for i, part in enumerate(one.segments)
    }
    ranked = sorted(segments, key=lambda key: -segments[key].score)
    first = [key for key in ranked if not key[1]][:_VIDEOS]
    by_video = {one.video_id: one for one in found}
    for video_id, number in list(dict.fromkeys([*first, *ranked]))[:_LOOKED_AT]:
        segments[video_id, number] = _looked_at(by_video[video_id], segments[video_id, number], catalog, spec)
    return [
        Match(
            one.video_id,
            sorted((segments[one.video_id, i] for i in range(len(one.segments))), key=_by_score),
            along=one.along,
        )
        for one in found
    ]


def _looked_at(found: Found, segment: Segment, catalog: Clips, spec: ClipSpec) -> Segment:
    strip = found.reading.strip
    film = film_around(segment, found.video_id, catalog, spec) if strip else None
    agreement = compare(strip.film, film, segment) if strip and film else None
    if agreement is None:
        return segment
    return refined(segment, agreement, found.end, found.most(segment))


def film_around(segment: Segment, video_id: int, catalog: Clips, spec: ClipSpec) -> Film | None:
    """The small pictures that a library keeps of a video around a segment; None where it has none."""
    starts = Span(max(0.0, segment.video.start - BEYOND_S - spec.clip_s), segment.video.end + BEYOND_S)
    packed = catalog.sketches(video_id, starts)
    return Film.from_sketches(packed, spec.fps) if packed else None


def _by_score(segment: Segment) -> float:
    return -segment.score
