"""Where clips lie in a video: arithmetic on seconds and grid frames, nothing else.

A video is sampled on a regular time grid: grid frame k is the picture shown at k / fps seconds after the
first frame. A clip is `frames` consecutive grid frames; a new one starts every `hop` grid frames.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

_ROUNDING = 1e-6  # grid frames: container times are rounded to their time base


@dataclass(frozen=True)
class Span:
    """A half-open interval [start, end) of presentation time, in seconds from the video's first frame."""

    start: float
    end: float  # inf: to the end, wherever that is

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, got {self.start=}, {self.end=}")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def shared(self, other: "Span") -> float:
        """Seconds that lie in both."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(frozen=True)
class ClipSpec:
    """How a video becomes clips; saved with the encoder, since it changes the result."""

    frames: int = 8  # a clip
    fps: float = 4.0  # grid frames a second
    size: int = 64  # pixels, both sides: the whole picture is resized to a square
    hop: int = 4  # grid frames from one clip to the next

    def __post_init__(self) -> None:
        if min(self.frames, self.size, self.hop) < 1 or not 0 < self.fps < math.inf:
            raise ValueError(f"a clip needs frames, fps, size and hop above zero, got {self}")

    @property
    def clip_s(self) -> float:
        """Length of a clip in seconds."""
        return self.frames / self.fps

    @property
    def hop_s(self) -> float:
        """Seconds from the start of one clip to the start of the next."""
        return self.hop / self.fps

    @property
    def frame_s(self) -> float:
        """Seconds from one grid frame to the next."""
        return 1 / self.fps


def grid_length(duration: float, fps: float) -> int:
    """How many grid frames a video of `duration` seconds has: those at k / fps < duration, at least one."""
    return max(1, math.ceil(duration * fps - _ROUNDING))


def clip_starts(length: int, spec: ClipSpec) -> Iterator[int]:
    """Yield the first grid frame of each clip of a video of `length` grid frames.

    Every `hop` frames, then one more clip flush with the end where the regular ones leave a rest. A video
    shorter than a clip is one clip, whose last frame is repeated.
    """
    last = max(0, length - spec.frames)
    yield from range(0, last + 1, spec.hop)
    if last % spec.hop:
        yield last


def clip_span(start: int, duration: float, spec: ClipSpec) -> Span:
    """The time that the clip from grid frame `start` covers in a video of `duration` seconds."""
    return Span(start / spec.fps, min((start + spec.frames) / spec.fps, duration))


def clip_spans(duration: float, spec: ClipSpec) -> list[Span]:
    """The spans of all clips of a video of `duration` seconds, in order."""
    return [clip_span(start, duration, spec) for start in clip_starts(grid_length(duration, spec.fps), spec)]
