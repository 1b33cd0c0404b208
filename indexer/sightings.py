"""Where a video may show the very footage of a query: at any moment and tempo, forwards or backwards, mirrored or not.

The query's small pictures are laid over every part of the video's. Of the query, what moves is its pictures less their
mean over time; as that sums to zero, the mean of the video's part drops out of the product. So one product of all
pictures with all others holds the correlation of every part, on its diagonals. It is a first guess in steps of a
picture; `footage.compare` judges it and makes it exact.

Sizes: N query pictures and as many of the video that they lie over, M pictures of the video, P pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.align import TEMPOS, Segment
from indexer.film import Film
from indexer.footage import total_agreement

_SIDE = 8  # pixels
_FEWEST = 6  # pictures of the video
_MOST = 3
_QUIET = 0.01  # grey levels squared by which pixels of a still query may vary: rounding correlates with anything
_CHANCE = 0.5  # over the root of the number of pictures: by how much few of them agree by chance

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class _Strip:
    """All pictures of a video, evenly in time."""

    rows: Rows  # (M, P)
    flat: Rows  # (M, P) each less its own mean, unit vectors
    energy: NDArray[np.float64]  # (M + 1,) sum of the squares of all rows before each
    sums: NDArray[np.float64]  # (M + 1, P) sum of all rows before each

    @classmethod
    def of(cls, film: Film, fps: float) -> "_Strip":
        times = np.arange(film.times[0], film.times[-1] + 0.5 / fps, 1 / fps)
        rows = film.scaled(_SIDE, _SIDE, False)[film.showing(times)].reshape(len(times), -1)
        wide = rows.astype(np.float64)
        energy, sums = (np.concatenate([each[:1] * 0, each.cumsum(0)]) for each in ((wide**2).sum(1), wide))
        return cls(rows, _flat(rows), energy, sums)

    def varying(self, count: int) -> Rows:
        """The energy, each row less the mean of them, of every `count` rows that follow each other."""
        energy = self.energy[count:] - self.energy[:-count]
        mean = (self.sums[count:] - self.sums[:-count]) / count
        return np.asarray((energy - count * (mean**2).sum(1)).clip(min=0), np.float32)


@dataclass(frozen=True)
class _Agreements:
    """How far parts of a video that start with each of its pictures agree with the query."""

    totals: Rows  # (M - N + 1,)
    tempo: float  # negative: backwards
    count: int  # N


def sightings(query: Film, span: Span, video: Film, fps: float, most: int = _MOST) -> list[Segment]:
    """The parts of a video that agree most with a query, best first, none overlapping one that runs the same way.

    Args:
        query: its pictures.
        span: of the query, in seconds.
        video: all its pictures.
        fps: how many of these there are a second.
        most: parts that run forwards, and as many that run backwards.
    """
    strip = _Strip.of(video, fps)
    found = [each for tempo in TEMPOS.tolist() for each in _agreements(query, span, tempo, strip, fps)]
    segments = [
        _segment(one, start, span, video, fps)
        for backwards in (False, True)
        for start, one in _peaks([each for each in found if (each.tempo < 0) == backwards], most)
    ]
    return sorted(segments, key=lambda segment: -segment.score)


def _segment(one: _Agreements, start: int, span: Span, video: Film, fps: float) -> Segment:
    begin = float(video.times[0]) + start / fps
    return Segment(Span(begin, begin + one.count / fps), span, float(one.totals[start]), one.tempo)


def _agreements(query: Film, span: Span, tempo: float, strip: _Strip, fps: float) -> Iterator[_Agreements]:
    count = round(span.duration * tempo * fps)
    if not _FEWEST <= count <= len(strip.rows):
        return
    shown = query.showing(span.start + np.arange(count) / (fps * tempo))
    varying = strip.varying(count)
    for mirrored in (False, True):
        rows = query.scaled(_SIDE, _SIDE, mirrored)[shown].reshape(count, -1)
        moving, looks = rows - rows.mean(0), _flat(rows)
        products, alike = moving @ strip.rows.T, looks @ strip.flat.T
        scale = np.sqrt(float((moving**2).sum() + _QUIET * rows.size) * varying + 1e-3)
        moves = np.sqrt(varying / rows.size)
        for backwards in (False, True):
            motion, look = (_diagonal_sums(each[::-1] if backwards else each) for each in (products, alike))
            totals = total_agreement(motion / scale, look / count, moves)
            yield _Agreements(totals, -tempo if backwards else tempo, count)


def _diagonal_sums(products: Rows) -> Rows:
    """Of (N, M) products those of picture i with picture start + i, summed, for every start; (M - N + 1,)."""
    count, length = products.shape
    rows = np.ascontiguousarray(products)
    step, next_column = rows.strides
    diagonals = as_strided(rows, (count, length - count + 1), (step + next_column, next_column), writeable=False)
    return np.asarray(diagonals.sum(0), np.float32)


def _peaks(found: Sequence[_Agreements], most: int) -> Iterator[tuple[int, _Agreements]]:
    """Where agreement is highest, and which, in parts of the video that don't overlap."""
    left = [one.totals - _CHANCE / np.sqrt(one.count) for one in found]
    for _ in range(most if found else 0):
        best = int(np.argmax([totals.max() for totals in left]))
        start, one = int(left[best].argmax()), found[best]
        if left[best][start] == -np.inf:
            return
        yield start, one
        for totals, other in zip(left, found, strict=True):
            totals[max(0, start - other.count + 1) : start + one.count] = -np.inf


def _flat(rows: Rows) -> Rows:
    level = rows - rows.mean(1, keepdims=True)
    return np.asarray(level / np.sqrt((level**2).sum(1, keepdims=True) + 1e-3), np.float32)
