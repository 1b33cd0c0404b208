"""Where in a video a query happens: temporal alignment of two sequences of windows.

A pair of alike windows, of the query at time q and of the video at time v, votes for the diagonals
`v = offset + tempo q` through it. On each diagonal voted for, the run of video windows with the largest sum of excess
similarity is a segment: local alignment (Smith and Waterman 1981) with its path confined to a straight line, after
temporal Hough voting (Douze et al. 2010, https://doi.org/10.1109/TMM.2010.2046265).

Sizes: Q query windows, V video windows, P diagonals, L windows along the longest of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span

Seconds = NDArray[np.float64]
_TEMPOS = np.array([1.0, 0.5, 2 / 3, 0.8, 1.25, 1.5, 2.0])  # video seconds for each query second
_OFF_TEMPO = 0.9  # factor on the score of tempos other than 1, which have more freedom to fit by chance
_VOTES = 48  # strongest pairs of windows, which vote
_ENOUGH = 0.5  # of the best pair's excess: what a window must have to lengthen a run rather than end it
_NOISE = 2e-3  # of an excess: float16 embeddings of the same frames
_SAME_FRAMES_S = 0.25
_FURTHER = 0.5  # of the best segment's score: what a further segment must have
_SEGMENTS = 5


@dataclass(frozen=True)
class Segment:
    """A part of a video that matches a part of the query."""

    video: Span
    query: Span
    score: float  # share of the query found, times the mean excess of its windows; 1 for the same footage throughout
    tempo: float  # video seconds for each query second


@dataclass(frozen=True)
class Timeline:
    """Where the windows of a video or a query lie."""

    span: Span  # all of it
    starts: Seconds  # of the windows, ascending
    window_s: float  # how long each window is


def align(excess: NDArray[np.float32], query: Timeline, video: Timeline, most: int = _SEGMENTS) -> list[Segment]:
    """Find the segments of a video that match a query, best first, none overlapping another; at least one.

    Args:
        excess: (Q, V) similarity of each query window to each video window, 0 for unrelated and 1 for equal ones.
        query: where the query's windows lie.
        video: where the video's windows lie.
        most: segments.
    """
    left = excess.astype(np.float32, copy=True)
    segments: list[Segment] = []
    while len(segments) < most:
        found = _best_segment(left, query, video)
        if found is None or (segments and found.score < max(_FURTHER * segments[0].score, 1e-3)):
            break
        if not any(_overlap(found.video, other.video) for other in segments):
            segments.append(found)
        taken = (video.starts + video.window_s > found.video.start) & (video.starts < found.video.end)
        if not np.isfinite(left[:, taken]).any():  # can't be, but a search must not hang
            break
        left[:, taken] = -np.inf
    return segments


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _best_segment(excess: NDArray[np.float32], query: Timeline, video: Timeline) -> Segment | None:
    best = float(excess.max())
    if best == -np.inf:
        return None
    offsets, tempos = _diagonals(excess, query, video)
    rows, columns, valid = _paths(offsets, tempos, query, video)
    along = np.where(valid, excess[rows, columns], -np.inf)
    first, last = _maximum_runs(np.where(np.isfinite(along), along - _ENOUGH * best, -1e3))
    inside = (np.arange(along.shape[1]) >= first[:, None]) & (np.arange(along.shape[1]) <= last[:, None])
    closeness = np.where(inside & np.isfinite(along), along, 0.0).clip(min=0).sum(1) / (last - first + 1)
    every = np.arange(len(tempos))
    begins, ends = video.starts[columns[every, first]], video.starts[columns[every, last]]
    starts, stops = _extents(offsets, tempos, begins, ends, query, video)
    found = (stops - starts) / tempos / query.span.duration
    scores = closeness * found * np.where(tempos == 1, 1.0, _OFF_TEMPO)
    evidence = scores * np.minimum(1, tempos)  # few video seconds must not pass for a long slow match
    best_p = int(np.lexsort((np.abs(np.log(tempos)), -evidence.round(6)))[0])  # of equals, the tempo nearest to 1
    p = _middle_of_equals(best_p, evidence, offsets, tempos)
    score = float(scores[best_p])
    return _segment(score, float(offsets[p]), float(tempos[p]), float(starts[p]), float(stops[p]), query)


def _middle_of_equals(p: int, evidence: Seconds, offsets: Seconds, tempos: Seconds) -> int:
    """The middle one of the neighbouring diagonals that fit as well as `p`: they show the same frames of the file."""
    equals = (tempos == tempos[p]) & (np.abs(offsets - offsets[p]) < _SAME_FRAMES_S) & (evidence > evidence[p] - _NOISE)
    ordered = np.flatnonzero(equals)[np.argsort(offsets[equals])]
    return int(ordered[len(ordered) // 2])


def _diagonals(excess: NDArray[np.float32], query: Timeline, video: Timeline) -> tuple[Seconds, Seconds]:
    """The (P,) offsets and tempos that the strongest pairs vote for, each once."""
    votes = min(_VOTES, excess.size)
    strongest = np.argpartition(excess, excess.size - votes, axis=None)[-votes:]
    rows, columns = np.unravel_index(strongest, excess.shape)
    long_enough = query.starts[-1] - query.starts[0] >= query.window_s  # else tempos can't be told apart
    tempos = _TEMPOS if long_enough else _TEMPOS[:1]
    offsets = video.starts[columns][:, None] - tempos * query.starts[rows][:, None]
    pairs = np.unique(np.stack([offsets.round(3).ravel(), np.broadcast_to(tempos, offsets.shape).ravel()]), axis=1)
    return pairs[0], pairs[1]


def _paths(
    offsets: Seconds, tempos: Seconds, query: Timeline, video: Timeline
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """The query window and the video window at each step of each diagonal, (P, L) each, and which of them are real."""
    step = float(np.diff(query.starts).min()) if len(query.starts) > 1 else np.inf
    reach = min(step, query.span.duration)  # so a run's ends lie in the query, however short that is
    slack = 0.5 * np.minimum(reach * tempos, min(_hop(video), video.window_s))
    low = np.searchsorted(video.starts, offsets + tempos * query.starts[0] - slack)
    high = np.searchsorted(video.starts, offsets + tempos * query.starts[-1] + slack, side="right")
    columns = low[:, None] + np.arange(max(1, int((high - low).max())))
    valid = columns < high[:, None]
    columns = columns.clip(max=len(video.starts) - 1)
    at = (video.starts[columns] - offsets[:, None]) / tempos[:, None]
    rows = np.searchsorted((query.starts[1:] + query.starts[:-1]) / 2, at)  # the nearest
    return rows, columns, valid


def _maximum_runs(
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
    offsets: Seconds, tempos: Seconds, begins: Seconds, ends: Seconds, query: Timeline, video: Timeline
) -> tuple[Seconds, Seconds]:
    """The video time from which to which each run goes, whose first and last windows start at `begins` and `ends`.

    Where the query has no window before or after them on the diagonal, the run goes on to the query's start or end.
    """
    hop = _hop(video)
    reaches_start = (begins - offsets) / tempos - query.starts[0] < hop / tempos
    reaches_end = query.starts[-1] - (ends - offsets) / tempos < hop / tempos
    starts = np.where(reaches_start, offsets + tempos * query.span.start, begins)
    stops = np.where(reaches_end, offsets + tempos * query.span.end, ends + video.window_s)
    inside = offsets + tempos * query.span.start, offsets + tempos * query.span.end
    return np.maximum(starts, np.maximum(video.span.start, inside[0])), np.minimum(
        stops, np.minimum(video.span.end, inside[1])
    )


def _segment(score: float, offset: float, tempo: float, start: float, end: float, query: Timeline) -> Segment:
    in_query = (start - offset) / tempo, (end - offset) / tempo
    shown = Span(
        max(in_query[0], query.span.start), min(in_query[1], query.span.end)
    )  # but for rounding they lie in it
    return Segment(Span(start, end), shown, score, tempo)
