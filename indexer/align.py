"""Where in a video a query happens: temporal alignment of two sequences of windows.

A pair of alike windows, of the query at time q and of the video at time v, votes for the diagonals
`v = offset + tempo q` through it. On each diagonal voted for, the run of video windows with the largest sum of excess
similarity is a segment: local alignment (Smith and Waterman 1981) with its path confined to a straight line, after
temporal Hough voting (Douze et al. 2010, https://doi.org/10.1109/TMM.2010.2046265).

Many videos are aligned at once, laid end to end on a reel: that takes little more time than to align one.

Sizes: Q query windows, V windows of a video, N videos, W windows of a reel, P diagonals, L windows along the longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span

Seconds = NDArray[np.float64]
TEMPOS = np.array([1.0, 0.5, 2 / 3, 0.8, 1.25, 1.5, 2.0])  # video seconds for each query second
_OFF_TEMPO = 0.9  # factor on the score of tempos other than 1, which have more freedom to fit by chance
_VOTES = 48  # strongest pairs of windows, which vote
_ENOUGH = 0.5  # of the best pair's excess: what a window must have to lengthen a run rather than end it
_NOISE = 2e-3  # of an excess: float16 embeddings of the same frames
_SAME_FRAMES_S = 0.25
SHARE = 0.5  # power of the share of the query found: an exact part must not lose to all of it somewhat alike
_FURTHER = 0.5  # of the best segment's score: what a further segment must have
SEGMENTS = 5


@dataclass(frozen=True)
class Alike:
    """How alike the windows of a segment are to those of the query beside them."""

    moments: Seconds  # (L,) of the query: the middles of its windows
    excess: Seconds  # (L,) 0 or more


@dataclass(frozen=True)
class Segment:
    """A part of a video that matches a part of the query."""

    video: Span
    query: Span
    score: float  # root of the share of the query found, times the mean excess; 1 for the same footage throughout
    tempo: float  # video seconds for each query second
    example: int = 0  # which of several examples it matches
    alike: Alike | None = field(default=None, compare=False, repr=False)  # moment by moment, where it was aligned


@dataclass(frozen=True)
class Timeline:
    """Where the windows of a video or a query lie."""

    span: Span  # all of it
    starts: Seconds  # of the windows, ascending
    window_s: float  # how long each window is


def align(excess: NDArray[np.float32], query: Timeline, video: Timeline, most: int = SEGMENTS) -> list[Segment]:
    """Find the segments of a video that match a query, best first, none overlapping another; at least one.

    Args:
        excess: (Q, V) similarity of each query window to each video window, 0 for unrelated and 1 for equal ones.
        query: where the query's windows lie.
        video: where the video's windows lie.
        most: segments.
    """
    return align_all([excess], query, [video], most)[0]


def align_all(
    excesses: Sequence[NDArray[np.float32]],
    query: Timeline,
    videos: Sequence[Timeline],
    most: int = SEGMENTS,
    best: Sequence[Segment] | None = None,
) -> list[list[Segment]]:
    """What `align` finds of each video; with `best`, its best segment is known already."""
    left = [excess.astype(np.float32, copy=True) for excess in excesses]
    segments: list[list[Segment]] = [[] for _ in videos]
    searched, found = list(range(len(videos))), best
    while searched:
        if found is None:
            reel = _Reel([videos[i] for i in searched])
            found = _best_segments(np.concatenate([left[i] for i in searched], 1), query, reel)
        pairs, found = zip(searched, found, strict=True), None
        searched = [i for i, one in pairs if _taken(one, segments[i], left[i], videos[i], most)]
    return segments


def _taken(found: Segment, segments: list[Segment], left: NDArray[np.float32], video: Timeline, most: int) -> bool:
    """Take a segment and its windows out of what is left; False where the search for segments ends."""
    if segments and found.score < max(_FURTHER * segments[0].score, 1e-3):
        return False
    if not any(found.video.shared(other.video) for other in segments):
        segments.append(found)
    taken = (video.starts + video.window_s > found.video.start) & (video.starts < found.video.end)
    if not np.isfinite(left[:, taken]).any():  # can't be, but a search must not hang
        return False
    left[:, taken] = -np.inf
    return len(segments) < most and bool(np.isfinite(left).any())


class _Reel:
    """Videos end to end."""

    def __init__(self, videos: Sequence[Timeline]) -> None:
        self.starts = np.concatenate([video.starts for video in videos])  # (W,), on the clock of each video
        self.edges = np.cumsum([0, *(len(video.starts) for video in videos)])  # (N + 1,) first windows, and W
        self.hops = np.array([_hop(video) for video in videos])  # (N,)
        self.begins, self.ends = (np.array([getattr(v.span, edge) for v in videos]) for edge in ("start", "end"))
        self.window_s = videos[0].window_s
        self._apart = float(self.starts.max()) + 1  # seconds from one video's 0 to the next one's
        self._on_one_clock = self.starts + self._apart * np.repeat(np.arange(len(videos)), np.diff(self.edges))

    def first(self, times: Seconds, videos: NDArray[np.intp], after: bool = False) -> NDArray[np.intp]:
        """The first window of each of the given videos to start at a time, or after it, or later; else its last + 1."""
        found = np.searchsorted(self._on_one_clock, times + self._apart * videos, side="right" if after else "left")
        return found.clip(self.edges[videos], self.edges[videos + 1])


@dataclass(frozen=True)
class _Diagonals:
    """Lines `video time = offset + tempo query time`, ascending by video, then by offset."""

    videos: NDArray[np.intp]  # (P,) which of the reel's
    offsets: Seconds  # (P,)
    tempos: Seconds  # (P,)


def _best_segments(excess: NDArray[np.float32], query: Timeline, reel: _Reel) -> list[Segment]:
    """The best segment of each video of a reel, of whose (Q, W) similarities some are finite in every video."""
    lines = _diagonals(excess, query, reel)
    rows, columns, valid = _paths(lines, query, reel)
    along = np.where(valid, excess[rows, columns], -np.inf)
    enough = _ENOUGH * np.maximum.reduceat(excess.max(0), reel.edges[:-1])[lines.videos, None]
    first, last = maximum_runs(np.where(np.isfinite(along), along - enough, -1e3))
    steps = np.arange(along.shape[1])
    inside = (steps >= first[:, None]) & (steps <= last[:, None]) & np.isfinite(along)
    along = np.where(inside, along, 0.0).clip(min=0)
    closeness = along.sum(1) / (last - first + 1)
    every = np.arange(len(first))
    begins, ends = reel.starts[columns[every, first]], reel.starts[columns[every, last]]
    starts, stops = _extents(lines, begins, ends, query, reel)
    found = (stops - starts) / lines.tempos / query.span.duration
    scores = closeness * found**SHARE * np.where(lines.tempos == 1, 1.0, _OFF_TEMPO)
    evidence = scores * np.minimum(1, lines.tempos) ** SHARE  # few video seconds must not pass for a long slow match
    best = _best(evidence, lines)
    segments = []
    for b, p in zip(best, _middles_of_equals(best, evidence, lines), strict=True):
        run = slice(first[p], last[p] + 1)
        at = (reel.starts[columns[p, run]] - lines.offsets[p]) / lines.tempos[p]
        alike = Alike(at + query.window_s / 2, along[p, run])
        line = float(lines.offsets[p]), float(lines.tempos[p])
        segments.append(_segment(float(scores[b]), *line, float(starts[p]), float(stops[p]), query, alike))
    return segments


def _best(evidence: Seconds, lines: _Diagonals) -> NDArray[np.intp]:
    """The diagonal of each video for which there is most evidence; of equals, the tempo nearest to 1."""
    order = np.lexsort((np.abs(np.log(lines.tempos)), -evidence.round(6), lines.videos))
    first = np.unique(lines.videos, return_index=True)[1]
    return np.asarray(order[first])


def _middles_of_equals(best: NDArray[np.intp], evidence: Seconds, lines: _Diagonals) -> NDArray[np.intp]:
    """The middle one of the diagonals beside the best that fit as well: they show the same frames of the file."""
    rival = best[lines.videos]
    near = (lines.tempos == lines.tempos[rival]) & (np.abs(lines.offsets - lines.offsets[rival]) < _SAME_FRAMES_S)
    equals = np.flatnonzero(near & (evidence > evidence[rival] - _NOISE))
    _, first, counts = np.unique(lines.videos[equals], return_index=True, return_counts=True)
    return np.asarray(equals[first + counts // 2])


def _diagonals(excess: NDArray[np.float32], query: Timeline, reel: _Reel) -> _Diagonals:
    """What the strongest pairs of each video vote for, each once."""
    pairs = [_strongest(excess[:, start:end]) + np.array([0, start]) for start, end in pairwise(reel.edges)]
    rows, columns = np.concatenate(pairs).T
    videos = np.repeat(np.arange(len(pairs)), [len(each) for each in pairs])
    long_enough = query.starts[-1] - query.starts[0] >= query.window_s  # else tempos can't be told apart
    tempos = np.sort(TEMPOS) if long_enough else TEMPOS[:1]
    offsets = reel.starts[columns][:, None] - tempos * query.starts[rows][:, None]
    ticks = (offsets * 1000).round().astype(np.int64)
    lowest, sizes = ticks.min(), (len(pairs), int(np.ptp(ticks)) + 1, len(tempos))
    votes = np.ravel_multi_index(np.broadcast_arrays(videos[:, None], ticks - lowest, np.arange(len(tempos))), sizes)
    videos, ticks, which = np.unravel_index(np.unique(votes), sizes)
    return _Diagonals(videos, (ticks + lowest) / 1000, tempos[which])


def _strongest(excess: NDArray[np.float32]) -> NDArray[np.intp]:
    """The (row, column) of the pairs that vote."""
    votes = min(_VOTES, excess.size)
    strongest = np.argpartition(excess, excess.size - votes, axis=None)[-votes:]
    return np.stack(np.unravel_index(strongest, excess.shape), 1)


def _paths(
    lines: _Diagonals, query: Timeline, reel: _Reel
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """The query window and the video window at each step of each diagonal, (P, L) each, and which of them are real."""
    step = float(np.diff(query.starts).min()) if len(query.starts) > 1 else np.inf
    reach = min(step, query.span.duration)  # so a run's ends lie in the query, however short that is
    offsets, tempos, videos = lines.offsets, lines.tempos, lines.videos
    slack = 0.5 * np.minimum(reach * tempos, np.minimum(reel.hops[videos], reel.window_s))
    low = reel.first(offsets + tempos * query.starts[0] - slack, videos)
    high = reel.first(offsets + tempos * query.starts[-1] + slack, videos, after=True)
    columns = low[:, None] + np.arange(max(1, int((high - low).max())))
    valid = columns < high[:, None]
    columns = columns.clip(max=reel.edges[videos + 1, None] - 1)
    at = (reel.starts[columns] - offsets[:, None]) / tempos[:, None]
    rows = np.searchsorted((query.starts[1:] + query.starts[:-1]) / 2, at)  # the nearest
    return rows, columns, valid


def maximum_runs(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last index of the contiguous run with the largest sum of each row of (P, L) values."""
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(1)], 1)
    lowest = np.minimum.accumulate(sums[:, :-1], 1)
    last = (sums[:, 1:] - lowest).argmax(1)
    upto = np.where(np.arange(values.shape[1]) <= last[:, None], sums[:, :-1], np.inf)
    first = upto.argmin(1)
    return first, last


def _hop(video: Timeline) -> float:
    """Seconds from one window to the next."""
    return float(np.diff(video.starts).max()) if len(video.starts) > 1 else video.window_s


def _extents(
    lines: _Diagonals, begins: Seconds, ends: Seconds, query: Timeline, reel: _Reel
) -> tuple[Seconds, Seconds]:
    """The video time from which to which each run goes, whose first and last windows start at `begins` and `ends`.

    Where the query has no window before or after them on the diagonal, the run goes on to the query's start or end.
    """
    offsets, tempos, hop = lines.offsets, lines.tempos, reel.hops[lines.videos]
    reaches_start = (begins - offsets) / tempos - query.starts[0] < hop / tempos
    reaches_end = query.starts[-1] - (ends - offsets) / tempos < hop / tempos
    starts = np.where(reaches_start, offsets + tempos * query.span.start, begins)
    stops = np.where(reaches_end, offsets + tempos * query.span.end, ends + reel.window_s)
    inside = offsets + tempos * query.span.start, offsets + tempos * query.span.end
    first, last = reel.begins[lines.videos], reel.ends[lines.videos]
    return np.maximum(starts, np.maximum(first, inside[0])), np.minimum(stops, np.minimum(last, inside[1]))


def _segment(
    score: float, offset: float, tempo: float, start: float, end: float, query: Timeline, alike: Alike
) -> Segment:
    in_query = (start - offset) / tempo, (end - offset) / tempo
    shown = Span(
        max(in_query[0], query.span.start), min(in_query[1], query.span.end)
    )  # but for rounding they lie in it
    return Segment(Span(start, end), shown, score, tempo, alike=alike)
