"""Whether a query shows the very footage of a part of a video, told by small grey pictures of both.

Embeddings find what is alike, so another repetition of a movement may score above an edited copy of the first one. Here
the pictures decide. Where the query lies in the video's picture is found first: the whole of it, mirrored, or a crop
(template matching by normalised correlation). Then the line `video time = offset + tempo * query time` is found along
which what moves agrees best, finer than the clips that found the segment; how well it agrees there is the answer.

Sizes: N query pictures, M pictures of the video, S the side of these, K the side of a query picture laid on them,
L lines.
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
_CROPS = (1.0, 0.93, 0.86, 0.78, 0.7)  # side of what the query shows of the video's picture
MARGIN = 1  # pixels by which the query's picture may reach beyond the video's
_LOOKED_AT = 6  # pictures of the video, evenly spread, by which placements are judged
_PLACEMENTS = 3  # that look best are tried, and the plain ones
BEYOND_S = 0.5  # a segment's line may lie so far from where the footage is
_NOISE = 2e-3  # of a correlation: lines as good as that are equally good, and the nearest one wins
_FEWEST = 3  # pictures of the video
SAME = 0.8  # agreement of what is the same footage, edited or not
_LOOK = 3.0  # by which look counts as less alike: pictures of one place are much alike anyway
_ABOVE_LOOK = 0.25  # most by which agreement exceeds look: a cut from black moves alike whatever comes after it
_MOVES = 1.0  # grey levels by which pixels vary over time: there, motion and look weigh alike

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
        """Colour pictures (N, S, S, 3), evenly spread over a span."""
        grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures])
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
    def _scaled(self) -> dict[tuple[int, bool], Grey]:
        return {}

    def scaled(self, side: int, mirrored: bool) -> Grey:
        """The pictures (N, side, side)."""
        key = side, mirrored
        if key not in self._scaled:
            self._scaled[key] = (
                np.ascontiguousarray(self.scaled(side, False)[..., ::-1]) if mirrored else _shrunk(self.pictures, side)
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
    """Where a query's picture, K pixels wide, lies in the video's picture with its margin."""

    side: int
    left: int
    top: int
    mirrored: bool

    def of(self, padded: Grey) -> Grey:
        """What it covers of (M, S + margins, S + margins) pictures, (M, K, K)."""
        return padded[:, self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class Agreement:
    """How far a query and a part of a video show the same pictures at the same moments."""

    motion: float  # correlation of what moves, pictures less their mean over time, -1 to 1
    look: float  # correlation of the pictures, each less its mean, -1 to 1
    moves: float  # grey levels: standard deviation over time of the video's pixels
    offset: float  # seconds of the video at the query's 0
    tempo: float  # video seconds for each query second
    placement: Placement

    @property
    def total(self) -> float:
        """Motion where something moves, else look; -1 to 1."""
        return float(total_agreement(self.motion, self.look, self.moves))


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
    padded = np.pad(
        video.pictures[inside].astype(np.float32), ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge"
    )
    middle = (segment.query.start + segment.query.end) / 2
    offset = segment.video.start - segment.tempo * segment.query.start
    near = _lines(offset, segment.tempo, middle, *_COARSE)
    placements = _placements(query, padded, times, segment)
    best = max((_along(query, placement, padded, times, near) for placement in placements), key=lambda one: one.total)
    nearer = _lines(best.offset, best.tempo, middle, *_FINE)
    return _along(query, best.placement, padded, times, nearer)


def refined(segment: Segment, agreement: Agreement, end: float) -> Segment:
    """A segment that scores the more, up to 1, the better it agrees; on the line of a good agreement.

    Args:
        segment: as found by embeddings.
        agreement: of its pictures.
        end: of the video, in seconds.
    """
    score = segment.score + (1 - segment.score) * max(0.0, 2 * agreement.total - 1) ** 4
    if agreement.total < SAME:
        return replace(segment, score=score)
    offset, tempo = agreement.offset, agreement.tempo
    times = np.clip([offset + tempo * segment.query.start, offset + tempo * segment.query.end], 0, end)
    if times[0] >= times[1]:
        return replace(segment, score=score)
    video, query = times.tolist(), ((times - offset) / tempo).tolist()
    return Segment(Span(*video), Span(max(query[0], segment.query.start), query[1]), score, tempo)


def _lines(offset: float, tempo: float, middle: float, shifts: Seconds, factors: Seconds) -> Seconds:
    """Offsets and tempos (L, 2) of lines near one, turned about the query's middle."""
    tempos = tempo * factors
    return np.stack([offset + tempo * middle + shifts - tempos * middle, tempos], 1)


def _placements(query: Film, padded: Grey, times: Seconds, segment: Segment) -> Sequence[Placement]:
    """The placements that look best along the segment's own line, and the plain ones."""
    some = np.linspace(0, len(times) - 1, _LOOKED_AT).round().astype(int)
    moments = segment.query.start + (times[some] - segment.video.start) / segment.tempo
    shown, seen = query.showing(moments), padded[some]
    found: list[tuple[float, Placement]] = []
    for mirrored in (False, True):
        for side in sorted({round(SIDE * crop) for crop in _CROPS}, reverse=True):
            alike = _correlations(query.scaled(side, mirrored)[shown], seen)
            top, left = np.unravel_index(int(alike.argmax()), alike.shape)
            found.append((float(alike.max()), Placement(side, int(left), int(top), mirrored)))
    best = [placement for _, placement in sorted(found, key=lambda pair: -pair[0])[:_PLACEMENTS]]
    plain = [Placement(SIDE, MARGIN, MARGIN, mirrored) for mirrored in (False, True)]
    return list(dict.fromkeys([*plain, *best]))


def _correlations(pictures: Grey, seen: Grey) -> Grey:
    """The mean normalised correlation at every place that pictures can have in others, one by one."""
    maps = [cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED) for small, large in zip(pictures, seen, strict=True)]
    usable = np.nan_to_num(np.stack(maps), nan=0.0, posinf=0.0, neginf=0.0).clip(-1, 1)  # pictures of one colour
    return np.asarray(usable.mean(0), np.float32)


def _along(query: Film, placement: Placement, padded: Grey, times: Seconds, lines: Seconds) -> Agreement:
    """The agreement at a placement along the best of the lines."""
    shown = query.showing((times - lines[:, :1]) / lines[:, 1:])  # (L, M)
    used, rows = _different(shown, len(query.times))
    ours = query.scaled(placement.side, placement.mirrored)[used].reshape(len(used), -1)
    theirs = placement.of(padded).reshape(len(padded), -1)
    a, b = ours - ours.mean(0), theirs - theirs.mean(0)
    products = (a @ b.T)[rows, np.arange(len(b))].sum(1)
    alike = products / np.sqrt((a**2).sum(1)[rows].sum(1) * (b**2).sum() + 1e-6)
    best = int((alike > alike.max() - _NOISE).argmax())
    a, b = ours[rows[best]], theirs
    return Agreement(
        motion=_correlation(a - a.mean(0), b - b.mean(0)),
        look=_alike(a, b),
        moves=float((b - b.mean(0)).std()),
        offset=float(lines[best, 0]),
        tempo=float(lines[best, 1]),
        placement=placement,
    )


def _different(numbers: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The different ones among numbers below a count, and which of them each is; faster than `np.unique`."""
    there = np.zeros(count, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _alike(one: Grey, other: Grey) -> float:
    """The correlation of pictures (M, K * K), each less its mean, so that one of a single colour does not count."""
    return _correlation(one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True))


def _correlation(one: Grey, other: Grey) -> float:
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-6))


def _shrunk(pictures: Grey | NDArray[np.uint8], side: int) -> Grey:
    size = (side, side)
    return np.stack([cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in pictures])
