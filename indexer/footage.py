"""Whether a query shows the very footage of a part of a video, told by small grey pictures of both.

Embeddings find what is alike, so another repetition of a movement may score above an edited copy of the first one. Here
the pictures decide. How the query's picture lies on the video's is found first (`placement`). Then the line
`video time = offset + tempo * query time` is found along which what moves agrees best, finer than the clips that found
the segment; how well it agrees there is the answer.

Sizes: N query pictures, M pictures of the video, S the side of these, P pixels that both show, L lines.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import Segment
from indexer.film import Film, Grey, Seconds
from indexer.placement import Placement, padded, placements

BEYOND_S = 0.5  # a segment's line may lie so far from where the footage is
_NOISE = 2e-3  # of a correlation: lines as good as that are equally good, and the nearest one wins
_FEWEST = 3  # pictures of the video
SAME = 0.72  # agreement of what is the same footage, edited or not
_CERTAIN = 0.4  # agreement from which on a score rises
_LOOK = 3.0  # by which look counts as less alike: pictures of one place are much alike anyway
_ABOVE_LOOK = 0.25  # most by which agreement exceeds look: a cut from black moves alike whatever comes after it
_MOVES = 1.0  # grey levels by which pixels vary over time: there, motion and look weigh alike
_LIVELY = 5.0  # grey levels by which they vary where steps count half of what they count at most, ...
_STEPS = 0.3  # ... which is so much: another take of a gesture moves alike, but not from picture to picture
_STEP_NOISE = 0.5  # for each pixel: steps in which next to nothing changes tell nothing


def _near(shifts: Seconds, factors: Seconds) -> tuple[Seconds, Seconds]:
    """Every shift with every factor, the nearest to no change first."""
    shift, factor = (grid.ravel() for grid in np.meshgrid(shifts, factors))
    nearest = np.argsort(np.abs(shift) + np.abs(np.log(factor)), kind="stable")  # of equals, the first wins
    return shift[nearest], factor[nearest]


_COARSE = _near(
    np.arange(-8, 9) / 8 * BEYOND_S, np.exp(np.arange(-5, 6) / 5 * np.log(1.27))
)  # seconds, times the tempo
_FINE = _near(np.arange(-4, 5) / 64, np.exp(np.arange(-4, 5) / 100))


@dataclass(frozen=True)
class Agreement:
    """How far a query and a part of a video show the same pictures at the same moments."""

    motion: float  # correlation of what moves, pictures less their mean over time, -1 to 1
    look: float  # correlation of the pictures, each less its mean, -1 to 1
    steps: float  # mean correlation of what changes from picture to picture, -1 to 1
    moves: float  # grey levels: standard deviation over time of the pixels of whichever moves more
    offset: float  # seconds of the video at the query's 0
    tempo: float  # video seconds for each query second
    placement: Placement

    @property
    def total(self) -> float:
        """Motion where something moves, else look, less what steps differ where much moves; at most 1."""
        lively = self.moves**2 / (self.moves**2 + _LIVELY**2)
        return float(total_agreement(self.motion, self.look, self.moves)) - _STEPS * lively * (1 - self.steps)


def total_agreement(motion: Any, look: Any, moves: Any) -> Any:
    """The same of arrays, or of numbers."""
    weight = moves**2 / (moves**2 + _MOVES**2)
    total = weight * motion + (1 - weight) * (1 - _LOOK * (1 - look))
    return np.minimum(total, look + _ABOVE_LOOK)


def compare(query: Film, video: Film, segment: Segment) -> Agreement | None:
    """How far a segment shows the query's footage, at the best placement and line; None where it is too short to tell.

    Args:
        query: its pictures, larger than the video's and closer in time.
        video: its pictures, from some time before the segment to some time after it.
        segment: where the two match by their embeddings.
    """
    inside = np.flatnonzero((video.times >= segment.video.start) & (video.times < segment.video.end))
    if len(inside) < _FEWEST:
        return None
    times = video.times[inside]
    seen = padded(video.pictures[inside])
    middle = (segment.query.start + segment.query.end) / 2
    offset = segment.video.start - segment.tempo * segment.query.start
    near = _lines(offset, segment.tempo, middle, *_COARSE)
    tried = placements(query, seen, times, segment)
    best = max((_along(query, placement, seen, times, near) for placement in tried), key=lambda one: one.total)
    nearer = _lines(best.offset, best.tempo, middle, *_FINE)
    return _along(query, best.placement, seen, times, nearer)


def certainty(total: float) -> float:
    """How far an agreement lifts a score towards that of the same footage, 0 to 1."""
    return float(max(0.0, (total - _CERTAIN) / (1 - _CERTAIN)) ** 3)


def refined(segment: Segment, agreement: Agreement, end: float, most: float = 1.0) -> Segment:
    """A segment that scores the more, up to the most, the better it agrees; on the line of a good agreement.

    Args:
        segment: as found by embeddings.
        agreement: of its pictures.
        end: of the video, in seconds.
        most: what the same footage scores.
    """
    score = segment.score + max(0.0, most - segment.score) * certainty(agreement.total)
    if agreement.total < SAME:
        return replace(segment, score=score)
    offset, tempo = agreement.offset, agreement.tempo
    times = np.clip([offset + tempo * segment.query.start, offset + tempo * segment.query.end], 0, end)
    if times[0] >= times[1]:
        return replace(segment, score=score)
    video, query = times.tolist(), ((times - offset) / tempo).tolist()
    shown = Span(max(query[0], segment.query.start), query[1])
    return replace(segment, video=Span(*video), query=shown, score=score, tempo=tempo)


def _lines(offset: float, tempo: float, middle: float, shifts: Seconds, factors: Seconds) -> Seconds:
    """Offsets and tempos (L, 2) of lines near one, turned about the query's middle."""
    tempos = tempo * factors
    return np.stack([offset + tempo * middle + shifts - tempos * middle, tempos], 1)


def _along(query: Film, placement: Placement, seen: Grey, times: Seconds, lines: Seconds) -> Agreement:
    """The agreement at a placement along the best of the lines."""
    shown = query.showing((times - lines[:, :1]) / lines[:, 1:])  # (L, M)
    used, rows = _different(shown, len(query.times))
    every, theirs = placement.overlap(query, seen)
    ours = every[used]
    a, b = ours - ours.mean(0), theirs - theirs.mean(0)
    products = (a @ b.T)[rows, np.arange(len(b))].sum(1)
    alike = products / np.sqrt((a**2).sum(1)[rows].sum(1) * (b**2).sum() + 1e-6)
    best = int((alike > alike.max() - _NOISE).argmax())
    ours = ours[rows[best]]
    a = ours - ours.mean(0)
    levels = _level(ours), _level(theirs)
    return Agreement(
        motion=_correlation(a, b),
        look=_correlation(*levels),
        steps=_steps_alike(*levels),
        moves=float(max(a.std(), b.std())),
        offset=float(lines[best, 0]),
        tempo=float(lines[best, 1]),
        placement=placement,
    )


def _different(numbers: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The different ones among numbers below a count, and which of them each is; faster than `np.unique`."""
    there = np.zeros(count, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _level(pictures: Grey) -> Grey:
    """Pictures (M, P), each less its mean, so that one of a single colour does not count."""
    return np.asarray(pictures - pictures.mean(1, keepdims=True), np.float32)


def _steps_alike(one: Grey, other: Grey) -> float:
    """The mean correlation of the steps from each of the pictures (M, P) to the next."""
    a, b = np.diff(one, axis=0), np.diff(other, axis=0)
    energy = np.sqrt((a**2).sum(1) * (b**2).sum(1) + _STEP_NOISE * a.shape[1])
    return float(((a * b).sum(1) / energy).mean())


def _correlation(one: Grey, other: Grey) -> float:
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-6))
