"""Where two videos show the same footage: a moment that they may share, followed as far as it goes both ways.

Around the moment, the pictures of one are laid over those of the other at any tempo, backwards and mirrored
(`sightings`), which `footage.compare` judges and places. Along the line `time in b = offset + tempo * time in a` that
this gives, pictures agree or not, one by one; the run of those that do is the shared stretch. A line that was fitted to
a few seconds runs out of step after a minute, so it is laid again through both ends of the run, until the run grows no
more. Footage that runs backwards is traced in b turned round.

What a stretch scores is how far its pictures *change* alike, every moment at which something changes counting as much
as any other. Else the cut from a title to whatever follows would make one of any two videos with such titles.

Sizes: N pictures of b along a line, P pixels that both show, L lines.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import Segment, maximum_runs
from indexer.film import Film, Seconds
from indexer.footage import SAME, compare, total_agreement
from indexer.placement import Placement, padded
from indexer.reel import LOOK_S, MOVES, Reel
from indexer.sightings import sightings

_WINDOW_S = 4.0  # at both ends of a run, by which its line is laid again
_NEAR_S = 1.5  # from where embeddings say that footage is shown in b
_OFF_LINE_S = 0.8  # by which clips, that begin once a second, may be off a line that they show
_AGREES = 0.8  # agreement of what moves at the moment, and of a stretch
_SEEN = 0.5  # agreement of a sighting that is worth a closer look
_PICTURES = 8  # that are judged together
_ENOUGH = 0.5  # of the anchor's agreement: what a picture of the run has
_SHORTEST_S = 0.9  # of a stretch
_ROUNDS = 8
_SHIFTS_S = np.array(sorted(np.arange(-8, 9) / 32, key=abs))  # the nearest first
_NOISE = 2e-3  # of an agreement
_APART = 4  # pictures over which change is measured
_CHANGES = 2.0  # grey levels by which pixels change: a moment of that counts a quarter of one of great change
_CHANGING_S = 0.2  # what counts of a stretch, all in all

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Stretch:
    """Footage that two videos share."""

    a: Span
    b: Span
    tempo: float  # seconds of b for each second of a; negative where b runs backwards
    mirrored: bool
    score: float  # how far pictures change alike, 1 for the same ones

    def explains(self, in_a: float, in_b: float) -> bool:
        """Whether clips that begin at a moment of each video may be alike because of this stretch."""
        inside = self.a.start - LOOK_S < in_a < self.a.end
        start = self.b.start if self.tempo > 0 else self.b.end - LOOK_S
        return inside and abs(start + self.tempo * (in_a - self.a.start) - in_b) < _OFF_LINE_S

    def reversed(self) -> "Stretch":
        """As seen from b."""
        return Stretch(self.b, self.a, 1 / self.tempo, self.mirrored, self.score)


@dataclass(frozen=True)
class _Line:
    offset: float
    tempo: float
    placement: Placement


@dataclass(frozen=True)
class _Run:
    line: _Line
    shown: Span  # in b
    score: float  # how far its pictures change alike
    changing_s: float  # seconds that tell this

    def improves(self, other: "_Run", fps: float) -> bool:
        """Whether it is longer by a picture, or agrees better."""
        return self.shown.duration >= other.shown.duration + 1 / fps or self.score > other.score + _NOISE


def trace(a: Reel, b: Reel, in_a: float, in_b: float) -> Stretch | None:
    """The stretch that two videos share around a moment of each; None where they don't."""
    window = a.after(in_a)
    query = a.part(window.start - 1 / a.fps, window.end)
    near = b.part(in_b - _NEAR_S, min(b.end, in_b + 2 * window.duration + _NEAR_S))
    if len(near.times) < _PICTURES:
        return None
    seen = next((one for one in sightings(query, window, near, b.fps, most=1) if one.score > _SEEN), None)
    seen = seen or _said(window, in_b + window.start - in_a, near.times, b.fps)
    backwards, shown = seen.tempo < 0, b
    if backwards:
        seen, shown = Segment(b.turned(seen.video), window, seen.score, -seen.tempo), b.backwards()
    agreement = compare(query, shown.part(seen.video.start, seen.video.end), seen)
    if not agreement or agreement.total < SAME or agreement.motion < _AGREES or agreement.moves < MOVES:
        return None
    stretch = _followed(a, shown, _Line(agreement.offset, agreement.tempo, agreement.placement), seen.video)
    if stretch and backwards:
        return replace(stretch, b=b.turned(stretch.b), tempo=-stretch.tempo)
    return stretch


def changing_alike(ours: Values, theirs: Values, fps: float) -> tuple[float, float]:
    """How far pictures (N, P) change alike, -1 to 1, each moment at which something changes counting the same.

    Returns:
        The agreement, and the seconds that count.
    """
    a, b = _changes(ours), _changes(theirs)
    power = np.sqrt((a**2).mean(1) * (b**2).mean(1))
    weights = (power / (power + _CHANGES**2)) ** 2
    alike = (a * b).mean(1) / (power + 1e-3)
    return float(weights @ alike / (weights.sum() + 1e-6)), float(weights.sum()) / fps


def _said(window: Span, begin: float, times: Seconds, fps: float) -> Segment:
    """That a few seconds of a are shown in b from where embeddings say so, at times at which b has pictures."""
    begin = max(begin, float(times[0]))
    end = min(begin + window.duration, float(times[-1]) + 1 / fps)
    return Segment(Span(begin, max(end, begin + 1 / fps)), window, 0.0, 1.0)


def _followed(a: Reel, b: Reel, line: _Line, anchor: Span) -> Stretch | None:
    """The stretch around a part of b, along a line that fits there and is laid anew until nothing is won by it."""
    best: _Run | None = None
    for _ in range(_ROUNDS):
        run = _run(a, b, line, anchor)
        if run is None or (best and not run.improves(best, b.fps)):
            break
        best, line, anchor = run, _relaid(a, b, line, run.shown), run.shown
    return _stretch(a, b, best) if best else None


def _beside(a: Reel, b: Reel, line: _Line, start: float, end: float) -> Film:
    """What b shows from one time to another, as far as a has pictures for it."""
    return b.part(max(start, line.offset), min(end, line.offset + line.tempo * a.end))


def _overlaid(a: Reel, shown: Film, line: _Line, shifts: Seconds) -> tuple[list[Values], Values]:
    """What a shows beside pictures (N,) of b, by each number of seconds that the line may be shifted, and these.

    Between two pictures a shows some of both: b has its pictures at other moments of the footage.
    """
    if not len(shown.times):
        return [np.empty((0, 1), np.float32) for _ in shifts], np.empty((0, 1), np.float32)
    in_a = (shown.times - line.offset - shifts[:, None]) / line.tempo  # (L, N)
    used = a.part(float(in_a.min()) - 1 / a.fps, float(in_a.max()) + 1 / a.fps + 1e-3)
    ours, theirs = line.placement.overlap(used, padded(shown.pictures))
    at = np.interp(in_a, used.times, np.arange(len(ours)))
    before, share = at.astype(np.intp), (at % 1).astype(np.float32)[..., None]
    after = np.minimum(before + 1, len(ours) - 1)
    laid = [ours[i] * (1 - part) + ours[j] * part for i, j, part in zip(before, after, share, strict=True)]
    return laid, theirs


def _run(a: Reel, b: Reel, line: _Line, anchor: Span) -> _Run | None:
    """The stretch around an anchor in b, as far as pictures agree along a line."""
    shown = _beside(a, b, line, 0.0, b.end)
    times, ((ours,), theirs) = shown.times, _overlaid(a, shown, line, np.zeros(1))
    if len(times) < _PICTURES:
        return None
    look = _alike(ours, theirs)
    together = _together(ours, theirs, look)
    there = (times >= anchor.start - 1e-6) & (times < anchor.end - 1e-6)
    if not there.any():
        return None
    evidence = np.minimum(together / np.median(together[there]), 1 - 3 * (np.median(look[there]) - look)) - _ENOUGH
    first, last = (int(each[0]) for each in maximum_runs(evidence.astype(np.float64)[None]))
    if times[last] < anchor.start or times[first] > anchor.end or last - first + 1 < _SHORTEST_S * b.fps:
        return None
    inside = slice(first, last + 1)
    score, seconds = changing_alike(ours[inside], theirs[inside], b.fps)
    return _Run(line, Span(float(times[first]), float(times[last] + 1 / b.fps)), score, seconds)


def _together(ours: Values, theirs: Values, look: Values) -> Values:
    """How well pictures (N,) agree with their neighbours taken into account.

    A picture is judged by the best of the windows that it lies in, so that the ends of a run are as good as its middle.
    """
    a, b = (sliding_window_view(each, _PICTURES, axis=0) for each in (ours, theirs))  # (N - W + 1, P, W)
    a, b = a - a.mean(2, keepdims=True), b - b.mean(2, keepdims=True)
    motion = (a * b).sum((1, 2)) / np.sqrt((a**2).sum((1, 2)) * (b**2).sum((1, 2)) + 1e-3)
    totals = total_agreement(motion, sliding_window_view(look, _PICTURES).mean(1), b.std((1, 2)))
    best = np.pad(totals, _PICTURES - 1, constant_values=-np.inf)
    return np.asarray(sliding_window_view(best, _PICTURES).max(1), np.float32)


def _relaid(a: Reel, b: Reel, line: _Line, run: Span) -> _Line:
    """The line through the places at which both ends of a run agree best."""
    length = min(_WINDOW_S, run.duration / 2)
    points = [_shifted(a, b, line, at, at + length) for at in (run.start, run.end - length)]
    middles = run.start + length / 2, run.end - length / 2
    in_a = [(middle - line.offset) / line.tempo for middle in middles]
    in_b = [middle + shift for middle, shift in zip(middles, points, strict=True)]
    tempo = (in_b[1] - in_b[0]) / (in_a[1] - in_a[0])
    return _Line(in_b[0] - tempo * in_a[0], tempo, line.placement)


def _shifted(a: Reel, b: Reel, line: _Line, start: float, end: float) -> float:
    """By how many seconds a line has to be shifted for the pictures of a part of b to agree best."""
    shown = _beside(a, b, line, start, end)
    if len(shown.times) < _APART + 2:
        return 0.0
    every, theirs = _overlaid(a, shown, line, _SHIFTS_S)
    other, agreements = _changes(theirs), []
    for one in map(_changes, every):
        agreements.append(float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-3)))
    return float(_SHIFTS_S[int((np.array(agreements) > max(agreements) - _NOISE).argmax())])


def _stretch(a: Reel, b: Reel, run: _Run) -> Stretch | None:
    line = run.line
    in_a = np.clip((np.array([run.shown.start, run.shown.end]) - line.offset) / line.tempo, 0, a.end)
    in_b = np.clip(line.offset + line.tempo * in_a, 0, b.end)
    if run.score < _AGREES or run.changing_s < _CHANGING_S or in_a[1] - in_a[0] < _SHORTEST_S or in_b[1] <= in_b[0]:
        return None
    return Stretch(Span(*in_a.tolist()), Span(*in_b.tolist()), line.tempo, line.placement.mirrored, run.score)


def _changes(pictures: Values) -> Values:
    """What changes in pictures (N, P), but for brightness and contrast: cameras set these, and films fade.

    Of means of two and over half a second: footage in fast movement is not kept at the same moments twice.
    """
    smooth = (pictures[1:] + pictures[:-1]) / 2
    before, after = (each - each.mean(1, keepdims=True) for each in (smooth[:-_APART], smooth[_APART:]))
    change, shown = after - before, after + before
    contrast = (change * shown).sum(1, keepdims=True) / ((shown**2).sum(1, keepdims=True) + 1e-3)
    return np.asarray(change - contrast * shown, np.float32)


def _alike(one: Values, other: Values) -> Values:
    """The correlation of pictures (N, P), one by one."""
    a, b = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    alike = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1) + 1e-3)
    return np.asarray(alike, np.float32)
