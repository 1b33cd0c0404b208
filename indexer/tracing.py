"""Where two videos show the same footage: a moment that they may share, followed as far as it goes both ways.

Around the moment, the pictures of one are laid over those of the other at any tempo and mirrored (`sightings`), which
`footage.compare` judges and places. Along the line `time in b = offset + tempo * time in a` that this gives, pictures
agree or not, one by one; the run of those that do is the shared stretch. A line that was fitted to a few seconds runs
out of step after a minute, so it is laid again through both ends of the run, until the run grows no more.

Sizes: N pictures of b along a line, P pixels that both show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import Segment, maximum_runs
from indexer.footage import SAME, Agreement, Film, Placement, compare, padded, total_agreement
from indexer.sightings import sightings

_CLIP_S = 2.0  # of a from the moment on, by which the line is found first, ...
_WINDOW_S = 4.0  # ... and at both ends of a run, by which it is laid again
_NEAR_S = 1.5  # from where embeddings say that it is shown in b
_OFF_LINE_S = 0.8  # by which clips, that begin once a second, may be off a line that they show
_AGREES = 0.8  # agreement of what moves at the moment, and of all of a stretch
_SEEN = 0.5  # agreement of a sighting that is worth a closer look
_MOVES = 0.7  # grey levels by which pixels vary: what moves less can't be told from another take of the same place
_PICTURES = 8  # that are judged together
_ENOUGH = 0.5  # of the anchor's agreement: what a picture of the run has
_SHORTEST_S = 0.9  # of a stretch
_ROUNDS = 8
_SHIFTS_S = np.array(sorted(np.arange(-8, 9) / 32, key=abs))  # the nearest first
_NOISE = 2e-3  # of an agreement

Seconds = NDArray[np.float64]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Stretch:
    """Footage that two videos share."""

    a: Span
    b: Span
    tempo: float  # seconds of b for each second of a
    mirrored: bool
    score: float  # agreement of the pictures, 1 for the same ones

    @property
    def offset(self) -> float:
        """Time in b at the time 0 of a."""
        return self.b.start - self.tempo * self.a.start

    def explains(self, in_a: float, in_b: float) -> bool:
        """Whether clips that begin at a moment of each video may be alike because of this stretch."""
        inside = self.a.start - _CLIP_S < in_a < self.a.end
        return inside and abs(self.offset + self.tempo * in_a - in_b) < _OFF_LINE_S

    def reversed(self) -> "Stretch":
        """As seen from b."""
        return Stretch(self.b, self.a, 1 / self.tempo, self.mirrored, self.score)


@dataclass(frozen=True)
class _Line:
    offset: float
    tempo: float
    placement: Placement


@dataclass(frozen=True)
class Reel:
    """All small pictures of a video, and when its last one goes off."""

    film: Film
    end: float  # seconds
    fps: float

    @property
    def span(self) -> Span:
        """All of it."""
        return Span(0.0, self.end)

    def moving(self, moments: Seconds) -> NDArray[np.bool_]:
        """Whether enough moves in the few seconds after each of some moments to tell footage from other takes."""
        every, which = np.unique(moments, return_inverse=True)
        parts = [self.part(span.start, span.end).pictures for span in (_after(self, moment) for moment in every)]
        return np.array([len(part) > 0 and part.std(0).mean() > _MOVES for part in parts], np.bool_)[which]

    def part(self, start: float, end: float) -> Film:
        """The pictures from one time to another."""
        first, last = np.searchsorted(self.film.times, [start - 1e-6, end - 1e-6])
        return Film(self.film.times[first:last], self.film.pictures[first:last])


def trace(a: Reel, b: Reel, in_a: float, in_b: float) -> Stretch | None:
    """The stretch that two videos share around a moment of each; None where they don't."""
    anchor = _anchor(a, b, in_a, in_b)
    if anchor is None:
        return None
    line, times = anchor
    run: tuple[float, float, float] | None = None
    for _ in range(_ROUNDS):
        found = _run(a, b, line, times)
        if found is None:
            return None
        settled = run is not None and found[1] - found[0] < run[1] - run[0] + 1 / b.fps
        if settled and run is not None and found[2] <= run[2] + _NOISE:
            break
        run, best = found, line
        line, times = _relaid(a, b, line, *found[:2]), found[:2]
    assert run is not None
    return _stretch(a, b, best, run)


def _anchor(a: Reel, b: Reel, in_a: float, in_b: float) -> tuple[_Line, tuple[float, float]] | None:
    """The line of a few seconds after a moment, and when they are shown in b.

    A sighting finds them at any tempo, if both show the whole picture; else the moment itself says where they lie.
    """
    window = _after(a, in_a)
    shown = b.part(in_b - _NEAR_S, in_b + 2 * window.duration + _NEAR_S)
    if len(shown.times) < _PICTURES:
        return None
    query = a.part(window.start - 1 / a.fps, window.end)
    seen = [one for one in sightings(query, window, shown, b.fps, most=1) if one.tempo > 0 and one.score > _SEEN]
    begin = max(in_b + window.start - in_a, float(shown.times[0]))
    end = min(begin + window.duration, float(shown.times[-1]) + 1 / b.fps)
    for segment in seen or [Segment(Span(begin, max(end, begin + 1 / b.fps)), window, 0.0, 1.0)]:
        agreement = compare(query, shown, segment)
        if agreement and agreement.total > SAME and agreement.motion > _AGREES and agreement.moves > _MOVES:
            return _line(agreement), (segment.video.start, segment.video.end)
    return None


def _after(a: Reel, moment: float) -> Span:
    """A few seconds from a moment on, or up to the end."""
    start = max(0.0, min(moment, a.end - _CLIP_S))
    return Span(start, min(a.end, start + _CLIP_S))


def _line(agreement: Agreement) -> _Line:
    return _Line(agreement.offset, agreement.tempo, agreement.placement)


def _beside(a: Reel, b: Reel, line: _Line, start: float, end: float) -> Film:
    """What b shows from one time to another, as far as a has pictures for it."""
    return b.part(max(start, line.offset), min(end, line.offset + line.tempo * a.end))


def _overlaid(a: Reel, shown: Film, line: _Line, shifts: Seconds) -> tuple[list[Values], Values]:
    """What a shows beside pictures (N,) of b, by each number of seconds that the line may be shifted, and these."""
    if not len(shown.times):
        return [np.empty((0, 1), np.float32) for _ in shifts], np.empty((0, 1), np.float32)
    in_a = [(shown.times - line.offset - shift) / line.tempo for shift in shifts]
    used = a.part(min(each[0] for each in in_a) - 1 / a.fps, max(each[-1] for each in in_a) + 1e-3)
    ours, theirs = line.placement.overlap(used, padded(shown.pictures))
    return [ours[used.showing(each)] for each in in_a], theirs


def _run(a: Reel, b: Reel, line: _Line, anchor: tuple[float, float]) -> tuple[float, float, float] | None:
    """When the stretch around an anchor begins and ends in b, and how well it agrees."""
    shown = _beside(a, b, line, 0.0, b.end)
    (ours,), theirs = _overlaid(a, shown, line, np.zeros(1))
    times = shown.times
    if len(times) < _PICTURES:
        return None
    look = _alike(ours, theirs)
    together, moves = _together(ours, theirs, look)
    there = (times >= anchor[0] - 1e-6) & (times < anchor[1] - 1e-6)
    if not there.any():
        return None
    evidence = np.minimum(together / np.median(together[there]), 1 - 3 * (np.median(look[there]) - look)) - _ENOUGH
    first, last = (int(each[0]) for each in maximum_runs(evidence.astype(np.float64)[None]))
    if times[last] < anchor[0] or times[first] > anchor[1]:
        return None
    inside = slice(first, last + 1)
    if moves[inside].mean() < _MOVES or last - first + 1 < _SHORTEST_S * b.fps:
        return None
    return float(times[first]), float(times[last] + 1 / b.fps), float(together[inside].mean())


def _together(ours: Values, theirs: Values, look: Values) -> tuple[Values, Values]:
    """How well pictures (N,) agree with their neighbours taken into account, and how much they move in grey levels.

    A picture is judged by the best of the windows that it lies in, so that the ends of a run are as good as its middle.
    """
    a, b = (sliding_window_view(each, _PICTURES, axis=0) for each in (ours, theirs))  # (N - W + 1, P, W)
    a, b = a - a.mean(2, keepdims=True), b - b.mean(2, keepdims=True)
    motion = (a * b).sum((1, 2)) / np.sqrt((a**2).sum((1, 2)) * (b**2).sum((1, 2)) + 1e-3)
    moves = b.std((1, 2))
    totals = total_agreement(motion, sliding_window_view(look, _PICTURES).mean(1), moves)
    best = np.pad(totals, _PICTURES - 1, constant_values=-np.inf)
    windows = sliding_window_view(best, _PICTURES)
    which = np.clip(np.arange(len(look)) - (_PICTURES - 1) + windows.argmax(1), 0, len(totals) - 1)
    return np.asarray(windows.max(1), np.float32), np.asarray(moves[which], np.float32)


def _relaid(a: Reel, b: Reel, line: _Line, start: float, end: float) -> _Line:
    """The line through the places at which both ends of a run agree best."""
    length = min(_WINDOW_S, (end - start) / 2)
    points = [_shifted(a, b, line, at, at + length) for at in (start, end - length)]
    middles = start + length / 2, end - length / 2
    in_a = [(middle - line.offset) / line.tempo for middle in middles]
    in_b = [middle + shift for middle, shift in zip(middles, points, strict=True)]
    tempo = (in_b[1] - in_b[0]) / (in_a[1] - in_a[0])
    return _Line(in_b[0] - tempo * in_a[0], tempo, line.placement)


def _shifted(a: Reel, b: Reel, line: _Line, start: float, end: float) -> float:
    """By how many seconds a line has to be shifted for the pictures of a part of b to agree best."""
    shown = _beside(a, b, line, start, end)
    if len(shown.times) < 2:
        return 0.0
    every, theirs = _overlaid(a, shown, line, _SHIFTS_S)
    other = theirs - theirs.mean(0)
    agreements = []
    for ours in every:
        one = ours - ours.mean(0)
        agreements.append(float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-3)))
    return float(_SHIFTS_S[int((np.array(agreements) > max(agreements) - _NOISE).argmax())])


def _stretch(a: Reel, b: Reel, line: _Line, run: tuple[float, float, float]) -> Stretch | None:
    score = run[2]
    in_a = np.clip((np.array(run[:2]) - line.offset) / line.tempo, 0, a.end)
    in_b = np.clip(line.offset + line.tempo * in_a, 0, b.end)
    if score < _AGREES or in_a[1] - in_a[0] < _SHORTEST_S or in_b[1] <= in_b[0]:
        return None
    return Stretch(Span(*in_a.tolist()), Span(*in_b.tolist()), line.tempo, line.placement.mirrored, score)


def _alike(one: Values, other: Values) -> Values:
    """The correlation of pictures (N, P), one by one."""
    a, b = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    alike = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1) + 1e-3)
    return np.asarray(alike, np.float32)
