"""Whether a query shows the very footage of a part of a video, told by small grey pictures of both.

Embeddings find what is alike, so another repetition of a movement may score above an edited copy of the first one. Here
the pictures decide. How the query's picture lies on the video's is found first: the whole of it, mirrored, or one of
the two a crop of the other, by both sides or by one (template matching by normalised correlation). Then the line
`video time = offset + tempo * query time` is found along which what moves agrees best, finer than the clips that found
the segment; how well it agrees there is the answer.

Sizes: N query pictures, M pictures of the video, S the side of these, P pixels that both show, L lines.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from encoder.errors import WorldError
from indexer.align import Segment

SIDE = 16  # pixels of a sketch
_EFFORT = 1  # of zlib
_HELD = 3 * SIDE  # pixels: side of a query's pictures
_SMALLER = (15, 14, 12, 11)  # pixels of the video's picture that a side of the query shows, ...
_LARGER = (18, 21, 24)  # ... and that it would show if the video were not a crop of it
MARGIN = 1  # pixels by which a smaller picture may reach beyond the video's
_LOOKED_AT = 3  # pictures of the video, evenly spread, by which placements are judged
_PLACEMENTS = 3  # that look best are tried, and the plain ones
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
_STEP_NOISE = 0.5  # grey levels squared that a pixel may change from picture to picture and tell nothing

Seconds = NDArray[np.float64]
Grey = NDArray[np.float32]


def _near(shifts: Seconds, factors: Seconds) -> tuple[Seconds, Seconds]:
    """Every shift with every factor, the nearest to no change first."""
    shift, factor = (grid.ravel() for grid in np.meshgrid(shifts, factors))
    nearest = np.argsort(np.abs(shift) + np.abs(np.log(factor)), kind="stable")  # of equals, the first wins
    return shift[nearest], factor[nearest]


_COARSE = _near(
    np.arange(-8, 9) / 8 * BEYOND_S, np.exp(np.arange(-5, 6) / 5 * np.log(1.27))
)  # seconds, times the tempo
_SIZES = [(SIDE, SIDE)] + [
    size for side in (*_SMALLER, *_LARGER) for size in ((side, side), (SIDE, side), (side, SIDE))
]  # height and width of the query's picture
_FINE = _near(np.arange(-4, 5) / 64, np.exp(np.arange(-4, 5) / 100))


class SketchError(WorldError):
    """A sketch that can't be read, in one sentence."""


@dataclass(frozen=True)
class Film:
    """Grey pictures and when they are shown."""

    times: Seconds  # (N,), ascending
    pictures: Grey | NDArray[np.uint8]  # (N, S, S)

    @classmethod
    def of(cls, pictures: NDArray[np.uint8], span: Span) -> "Film":
        """Colour pictures (N, S, S, 3), evenly spread over a span, as small ones."""
        side = min(_HELD, pictures.shape[1])
        grey = _shrunk([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures], side, side)
        starts = span.start + np.arange(len(grey)) * (span.duration / len(grey))
        return cls(starts.astype(np.float64), grey)

    @classmethod
    def from_sketches(cls, packed: Iterable[tuple[float, bytes]], fps: float) -> "Film":
        """The sketches of clips, by the start of each, and how many a second there are; ends of clips may overlap."""
        times, pictures = [], []
        for start, sketch in packed:
            pictures.append(unpack(sketch))
            times.append(start + np.arange(len(pictures[-1])) / fps)
        every, first = np.unique(np.concatenate(times).round(6), return_index=True)
        return cls(every, np.concatenate(pictures)[first].astype(np.float32))

    @cached_property
    def _scaled(self) -> dict[tuple[int, int, bool], Grey]:
        return {}

    def scaled(self, height: int, width: int, mirrored: bool) -> Grey:
        """The pictures (N, height, width)."""
        key = height, width, mirrored
        if key not in self._scaled:
            self._scaled[key] = (
                np.ascontiguousarray(self.scaled(height, width, False)[..., ::-1])
                if mirrored
                else _shrunk(self.pictures, height, width)
            )
        return self._scaled[key]

    def backwards(self, span: Span) -> "Film":
        """The last picture first, over the same span."""
        ends = np.append(self.times[1:], span.end)
        return Film(span.start + span.end - ends[::-1], self.pictures[::-1])

    def showing(self, times: Seconds) -> NDArray[np.intp]:
        """Which pictures are shown at some moments."""
        return np.searchsorted(self.times, times + 1e-6, side="right").clip(1) - 1


@dataclass(frozen=True)
class Placement:
    """How a query's picture lies on the video's, in pixels of the latter."""

    height: int
    width: int
    top: int  # of the query's picture, from the video's; below 0 where the video is a crop of it
    left: int
    mirrored: bool

    def overlap(self, query: Film, video: Grey) -> tuple[Grey, Grey]:
        """What both show, (N, P) of the query and (M, P) of the video.

        Args:
            query: its pictures.
            video: (M, S + margins, S + margins) pictures, of `padded`.
        """
        (ours_down, theirs_down), (ours_across, theirs_across) = (
            _shared(self.top, self.height), _shared(self.left, self.width),
        )  # fmt: skip
        ours = query.scaled(self.height, self.width, self.mirrored)[:, ours_down, ours_across]
        theirs = video[:, theirs_down, theirs_across]
        return ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)


def _shared(start: int, length: int) -> tuple[slice, slice]:
    """Which pixels of a side of the query both show, and which of the video with its margin."""
    if length > SIDE:
        return slice(-start, SIDE - start), slice(MARGIN, MARGIN + SIDE)
    return slice(None), slice(MARGIN + start, MARGIN + start + length)


def padded(pictures: Grey | NDArray[np.uint8]) -> Grey:
    """Pictures (M, S, S) of a video with margins that repeat their edges."""
    return np.pad(pictures.astype(np.float32), ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge")


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


def sketches(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour pictures (..., H, W, 3) as small grey ones (..., SIDE, SIDE)."""
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in flat]
    small = np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in grey])
    return small.reshape(*pictures.shape[:-3], SIDE, SIDE).astype(np.uint8)


def pack(pictures: NDArray[np.uint8]) -> bytes:
    """Sketches (n, SIDE, SIDE) that follow each other, in about a quarter of the bytes."""
    steps = np.concatenate([pictures[:1], np.diff(pictures, axis=0)])  # modulo 256
    return zlib.compress(steps.tobytes(), _EFFORT)


def unpack(packed: bytes) -> NDArray[np.uint8]:
    """The sketches (n, SIDE, SIDE) of `pack`.

    Raises:
        SketchError: these are other bytes.
    """
    try:
        steps = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, SIDE, SIDE)
    except (zlib.error, ValueError) as error:
        raise SketchError(f"a sketch is damaged ({error}); mend it with: reelseek verify --repair") from error
    return np.cumsum(steps, axis=0, dtype=np.uint8)


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
    placements = _placements(query, seen, times, segment)
    best = max((_along(query, placement, seen, times, near) for placement in placements), key=lambda one: one.total)
    nearer = _lines(best.offset, best.tempo, middle, *_FINE)
    return _along(query, best.placement, seen, times, nearer)


def refined(segment: Segment, agreement: Agreement, end: float, most: float = 1.0) -> Segment:
    """A segment that scores the more, up to the most, the better it agrees; on the line of a good agreement.

    Args:
        segment: as found by embeddings.
        agreement: of its pictures.
        end: of the video, in seconds.
        most: what the same footage scores.
    """
    certain = max(0.0, (agreement.total - _CERTAIN) / (1 - _CERTAIN)) ** 3
    score = segment.score + max(0.0, most - segment.score) * certain
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


def _placements(query: Film, seen: Grey, times: Seconds, segment: Segment) -> Sequence[Placement]:
    """The placements that look best along the segment's own line, and the plain ones."""
    some = np.linspace(0, len(times) - 1, _LOOKED_AT).round().astype(int)
    moments = segment.query.start + (times[some] - segment.video.start) / segment.tempo
    shown, theirs = query.pictures[query.showing(moments)], seen[some]
    found: list[tuple[float, Placement]] = []
    for height, width in _SIZES:
        ours = _shrunk(shown, height, width)
        for mirrored in (False, True):
            alike, top, left = _best_place(ours[..., ::-1] if mirrored else ours, theirs)
            found.append((alike, Placement(height, width, top, left, mirrored)))
    best = [placement for _, placement in sorted(found, key=lambda pair: -pair[0])[:_PLACEMENTS]]
    plain = [Placement(SIDE, SIDE, 0, 0, mirrored) for mirrored in (False, True)]
    return list(dict.fromkeys([*plain, *best]))


def _best_place(ours: Grey, theirs: Grey) -> tuple[float, int, int]:
    """How alike pictures are where they are most alike, and top and left of the query's there."""
    if max(ours.shape[1:]) > SIDE:
        alike = _correlations(theirs[:, MARGIN:-MARGIN, MARGIN:-MARGIN], ours)
        top, left = np.unravel_index(int(alike.argmax()), alike.shape)
        return float(alike.max()), -int(top), -int(left)
    alike = _correlations(ours, theirs)
    top, left = np.unravel_index(int(alike.argmax()), alike.shape)
    return float(alike.max()), int(top) - MARGIN, int(left) - MARGIN


def _correlations(pictures: Grey, seen: Grey) -> Grey:
    """The mean normalised correlation at every place that pictures can have in others, one by one."""
    maps = [cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED) for small, large in zip(pictures, seen, strict=True)]
    usable = np.nan_to_num(np.stack(maps), nan=0.0, posinf=0.0, neginf=0.0).clip(-1, 1)  # pictures of one colour
    return np.asarray(usable.mean(0), np.float32)


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
    return Agreement(
        motion=_correlation(a, b),
        look=_correlation(_level(ours), _level(theirs)),
        steps=_steps_alike(_level(ours), _level(theirs)),
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


def _shrunk(pictures: Iterable[Any], height: int, width: int) -> Grey:
    """Pictures (N, height, width)."""
    size = (width, height)
    return np.stack([cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in pictures])
