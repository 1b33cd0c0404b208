"""Other ways to align a query with a video than `indexer.align`, each after its paper, to be compared with it.

All take the same similarities and find segments one after the other: the best one, then the best one of the windows
that it leaves. Where a path of pairs of windows reaches an end of the query is decided for all as in `indexer.align`.

Sizes: Q query windows, V windows of a video, L pairs of a path.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import SEGMENTS, Seconds, Segment, Timeline

Excess = NDArray[np.floating]  # (Q, V) similarities, 0 for unrelated and 1 for equal windows, -inf for those taken
Windows = NDArray[np.intp]
_BestOf = Callable[[Excess, Timeline, Timeline], Segment | None]
_FURTHER = 0.5  # of the best segment's score: what a further one must have, as in `indexer.align`
_NEAREST = 5  # video windows of each query window that count, as in He et al. 2022
_ENOUGH = 0.5  # of the best pair's excess: what a pair must have to count
_GAP_S = 5.0  # between two pairs of a path, at most, as of the baseline of Pizzi et al. 2023
_TAKEN = 1e3  # cost of a window that is taken


def max_similarity(excess: Excess, query: Timeline, video: Timeline) -> list[Segment]:
    """The whole query, laid where its most similar pair of windows lies; the score is that pair's excess."""
    return _one_by_one(_best_pair, excess, query, video)


def hough(excess: Excess, query: Timeline, video: Timeline) -> list[Segment]:
    """The shift for which likely pairs vote most; the score is the sum of the votes over Q.

    Temporal Hough voting, Douze et al. 2010, https://doi.org/10.1109/TMM.2010.2046265: tempos are not told apart.
    """
    return _one_by_one(_best_shift, _likely(excess), query, video)


def dtw(excess: Excess, query: Timeline, video: Timeline) -> list[Segment]:
    """The cheapest way to walk through all of the query along any part of the video; the score is its mean excess.

    Dynamic time warping of a subsequence, Müller 2007, https://doi.org/10.1007/978-3-540-74048-3_4, without weights.
    """
    return _one_by_one(_cheapest_walk, excess, query, video)


def temporal_network(excess: Excess, query: Timeline, video: Timeline) -> list[Segment]:
    """The heaviest path over likely pairs that ascend in both; the score is its weight over Q.

    Tan et al. 2009, https://doi.org/10.1145/1631272.1631295, as in He et al. 2022, https://arxiv.org/abs/2203.02654.
    """
    return _one_by_one(_heaviest_path, _likely(excess), query, video)


def _one_by_one(best_of: _BestOf, excess: Excess, query: Timeline, video: Timeline) -> list[Segment]:
    left, segments = excess.astype(np.float64), list[Segment]()
    while len(segments) < SEGMENTS and left.max() > 0 and (found := best_of(left, query, video)):
        if segments and found.score < _FURTHER * segments[0].score:
            break
        if not any(found.video.shared(other.video) for other in segments):
            segments.append(found)
        taken = (video.starts + video.window_s > found.video.start) & (video.starts < found.video.end)
        if not np.isfinite(left[:, taken]).any():
            break
        left[:, taken] = -np.inf
    return sorted(segments, key=lambda segment: -segment.score)


def _best_pair(excess: Excess, query: Timeline, video: Timeline) -> Segment:
    row, column = np.unravel_index(excess.argmax(), excess.shape)
    offset = float(video.starts[column] - query.starts[row])
    return _on_line(offset, 1.0, query.span, float(excess[row, column]), video)


def _best_shift(likely: Excess, query: Timeline, video: Timeline) -> Segment:
    rows, columns = np.nonzero(likely > 0)
    offsets = video.starts[columns] - query.starts[rows]
    order = np.argsort(offsets, kind="stable")
    votes = np.concatenate([[0.0], likely[rows, columns][order].cumsum()])
    past = np.searchsorted(offsets[order], offsets[order] + _hop(video) - 1e-6)  # each query window votes once in a hop
    sums = votes[past] - votes[:-1]
    first = int(sums.argmax())
    agreeing = np.sort(order[first : past[first]])
    return _along(rows[agreeing], columns[agreeing], 1.0, sums[first] / len(likely), query, video)


def _cheapest_walk(excess: Excess, query: Timeline, video: Timeline) -> Segment | None:
    totals = _totals(np.where(np.isfinite(excess), 1 - excess, _TAKEN))
    rows, columns = _walk(totals)
    along = excess[rows, columns]
    if not np.isfinite(along).all():
        return None
    return _along(rows, columns, _tempo(rows, columns, query, video), max(0.0, along.mean()), query, video)


def _totals(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost of the cheapest walk to each pair from any of the first query window, by steps right, down or both."""
    totals = costs.copy()
    for row in range(1, len(costs)):
        entered = np.minimum(totals[row - 1], np.concatenate([[np.inf], totals[row - 1, :-1]]))
        along = costs[row].cumsum()  # entered at k and gone on to j costs entered[k] - before[k] + along[j]
        totals[row] = along + np.minimum.accumulate(entered - (along - costs[row]))
    return totals


def _walk(totals: NDArray[np.float64]) -> tuple[Windows, Windows]:
    """The rows and columns of the cheapest walk, (L,) each, found from its end."""
    row, column = len(totals) - 1, int(totals[-1].argmin())
    walk = [(row, column)]
    while row:
        before = [(row - 1, column), (row - 1, column - 1), (row, column - 1)] if column else [(row - 1, 0)]
        row, column = min(before, key=lambda pair: float(totals[pair]))
        walk.append((row, column))
    rows, columns = np.array(walk[::-1]).T
    return rows, columns


def _heaviest_path(likely: Excess, query: Timeline, video: Timeline) -> Segment:
    rows, columns = np.nonzero(likely > 0)
    q, v = query.starts[rows], video.starts[columns]
    apart_q, apart_v = q[:, None] - q, v[:, None] - v
    # The paper wants the video to go on as well, but here several query windows lie beside one window of the video.
    follows = (apart_q > 0) & (apart_v >= 0) & (apart_q <= _GAP_S) & (apart_v <= _GAP_S)
    weights, before = likely[rows, columns], np.full(len(rows), -1)
    for node in range(len(rows)):
        if (previous := np.flatnonzero(follows[node])).size:
            before[node] = previous[weights[previous].argmax()]
            weights[node] += weights[before[node]]
    path = [int(weights.argmax())]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    of_path = rows[path[::-1]], columns[path[::-1]]
    return _along(*of_path, _tempo(*of_path, query, video), weights.max() / len(likely), query, video)


def _likely(excess: Excess) -> Excess:
    """The excess of the pairs that count, and 0 of all others."""
    counts = min(_NEAREST, excess.shape[1])
    nearest = np.argpartition(excess, -counts, axis=1)[:, -counts:]
    likely = np.zeros(excess.shape)
    np.put_along_axis(likely, nearest, np.take_along_axis(excess, nearest, axis=1), axis=1)
    return np.where(likely >= _ENOUGH * excess.max(), likely, 0.0)


def _tempo(rows: Windows, columns: Windows, query: Timeline, video: Timeline) -> float:
    """The slope of a path, from 0.5 to 2; 1 where it is too short to tell, as in `indexer.align`."""
    q, v = query.starts[rows], video.starts[columns]
    if q[-1] - q[0] < query.window_s:
        return 1.0
    from_mean = q - q.mean()
    return float(np.clip(from_mean @ v / (from_mean @ from_mean), 0.5, 2))


def _along(rows: Windows, columns: Windows, tempo: float, score: float, query: Timeline, video: Timeline) -> Segment:
    """What a path covers; it goes on to an end of the query before or after which it has no window."""
    first, last, hop = query.starts[rows[0]], query.starts[rows[-1]], _hop(video) / tempo
    start = query.span.start if first - query.starts[0] < hop else float(first)
    end = query.span.end if query.starts[-1] - last < hop else float(last) + query.window_s
    offsets: Seconds = np.sort(video.starts[columns] - tempo * query.starts[rows])
    return _on_line(float(offsets[len(offsets) // 2]), tempo, Span(start, end), float(score), video)


def _on_line(offset: float, tempo: float, shown: Span, score: float, video: Timeline) -> Segment:
    """The part of the query that is shown on the line `video time = offset + tempo query time`, inside the video."""
    start, end = max(video.span.start, offset + tempo * shown.start), min(video.span.end, offset + tempo * shown.end)
    return Segment(Span(start, end), Span((start - offset) / tempo, (end - offset) / tempo), score, tempo)


def _hop(video: Timeline) -> float:
    """Seconds from one window to the next."""
    return float(np.diff(video.starts).max()) if len(video.starts) > 1 else video.window_s
