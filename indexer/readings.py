"""What a query may have been before it was edited, as the clips of its readings: at other tempos, of parts of it.

A copy is often slower or faster than what it was made of, lies between bars or over another video. Each guess at what
it was is a reading, which is searched for like a query of its own.

Sizes: N pictures, S their side, Q windows, T frames, D embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from indexer.align import Segment, Timeline
from indexer.film import Film

Pictures = NDArray[np.uint8]  # (N, S, S, 3) RGB

FINER = 4  # pictures to a grid frame: where windows of a query meet the video's phase, they show the very same frames
OTHER_STRIDES = (2, 3, 6, 8)  # pictures from one frame to the next, so tempos 2, 1.33, 0.67 and 0.5
_CLOSE_S = 1 / 4  # from one window to the next of a query as it is


@dataclass(frozen=True, eq=False)
class Strip:
    """The pictures of a query, or a part of each, evenly spread over when they are shown."""

    pictures: Pictures
    span: Span  # seconds of the file

    @cached_property
    def film(self) -> Film:
        """Small grey ones, which all readings of these pictures share."""
        return Film.of(self.pictures, self.span)

    def as_film(self) -> "Strip":
        """The same as small grey pictures alone: nobody asks for the colours once the clips are embedded."""
        bare = Strip(np.empty((0, *self.pictures.shape[1:]), np.uint8), self.span)
        vars(bare)["film"] = self.film  # where the property keeps it
        return bare


@dataclass(frozen=True)
class Shots:
    """The clips of a reading, still to be embedded."""

    frames: NDArray[np.uint8]  # (Q, T, S, S, 3)
    timeline: Timeline  # on the reading's clock
    strip: Strip  # that the clips are made of
    rate: float  # seconds of the reading for each second of the query


@dataclass(frozen=True)
class Reading:
    """The embedded windows of one guess at what a query was, on a clock that runs as that did."""

    timeline: Timeline
    embeddings: NDArray[np.float32]  # (Q, D)
    rate: float = 1.0  # seconds of the reading for each second of the query
    strip: Strip | None = None  # none of a long query

    def in_query(self, segment: Segment, trust: float) -> Segment:
        """A segment of the reading as one of the query, its score times `trust`."""
        span = Span(segment.query.start / self.rate, segment.query.end / self.rate)
        alike = segment.alike and replace(segment.alike, moments=segment.alike.moments / self.rate)
        return replace(segment, query=span, score=segment.score * trust, tempo=segment.tempo * self.rate, alike=alike)


def as_it_is(strip: Strip, spec: ClipSpec) -> Shots:
    """The windows of a query, closer together than those of guesses; see `resampled`."""
    return resampled(strip, spec, apart=_CLOSE_S)


def resampled(strip: Strip, spec: ClipSpec, stride: int = FINER, apart: float = 1.0) -> Shots:
    """The windows of a guess: that a query is `stride / FINER` times as slow as what it was.

    Args:
        strip: the query, or a part of its picture, `FINER` pictures to a grid frame.
        spec: of the library's clips.
        stride: pictures from one frame to the next.
        apart: seconds of the reading from one window to the next.
    """
    pictures, span = strip.pictures, strip.span
    step = stride * max(1, round(apart * spec.fps))
    last, rate = max(0, len(pictures) - 1 - (spec.frames - 1) * stride), FINER / stride
    begins = np.array(sorted({*range(0, last + 1, step), last}))
    shown = begins[:, None] + stride * np.arange(spec.frames)
    starts = span.start + begins / (spec.fps * FINER)
    timeline = Timeline(Span(span.start * rate, span.end * rate), starts * rate, spec.clip_s)
    frames = pictures[shown.clip(max=len(pictures) - 1)]  # a short query holds its last picture
    return Shots(frames, timeline, strip, rate)


def embedded(shots: Sequence[Shots], embeddings: NDArray[np.float32]) -> list[Reading]:
    """The readings whose clips, one after the other, have the given embeddings."""
    ends = np.cumsum([len(one.frames) for one in shots])
    parts = np.split(embeddings, ends[:-1])
    strips = {id(one.strip): one.strip.as_film() for one in shots}
    return [
        Reading(one.timeline, part, one.rate, strips[id(one.strip)]) for one, part in zip(shots, parts, strict=True)
    ]
