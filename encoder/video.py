"""Video file -> clips of small pictures at presentation times."""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span, clip_span
from encoder.errors import VideoError
from encoder.frames import Frames
from encoder.lookahead import Moments
from encoder.picture import Picture, Resizer, quarter_turns

_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class VideoInfo:
    """What the header of a video says; width and height as shown, after rotation and pixel shape."""

    duration: float  # seconds, as declared; 0 where the header does not say
    width: int  # pixels
    height: int  # pixels
    fps: float  # mean frames a second; 0 where the header does not say
    codec: str


@dataclass(frozen=True)
class Clip:
    """Consecutive grid frames of a video."""

    span: Span  # seconds from the video's first frame
    pictures: list[Picture]  # T of (size, size, 3); those of overlapping clips, or shown twice, are the same arrays
    damaged: int = 0  # packets of the file that could not be decoded so far

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(T, size, size, 3) RGB."""
        return np.stack(self.pictures)


def probe(path: str | Path) -> VideoInfo:
    """Read the header and the first picture of a video.

    Raises:
        VideoError: the file can't be read, or holds no picture that can be decoded.
    """
    with Video(path) as video:
        return video.info()


def read_clips(
    path: str | Path, spec: ClipSpec, span: Span | None = None, starts: Iterable[int] | None = None
) -> Iterator[Clip]:
    """Yield the clips of a video, see `Video.clips`."""
    with Video(path) as video:
        yield from video.clips(spec, span, starts)


class Video:
    """One open video, to be read once: frames in order of presentation, damaged packets counted and passed over."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        """Open a file.

        Args:
            path: the file.
            threads: that decode its frames; more than one where there are not as many files to decode side by side.

        Raises:
            VideoError: the file can't be read.
        """
        self.path, self._frames = path, Frames(path, threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded so far."""
        return self._frames.damaged

    def info(self) -> VideoInfo:
        """What the header and the first picture say.

        Raises:
            VideoError: the file holds no picture that can be decoded.
        """
        first, stream = self._frames.first, self._frames.stream
        if first is None:
            raise VideoError(self.path, self._frames.why_none())
        codec, rate = stream.codec_context, float(stream.average_rate or 0)
        shape = stream.sample_aspect_ratio or codec.sample_aspect_ratio or Fraction(1)
        width, height = max(1, round(first.width * shape)), first.height
        if quarter_turns(first) % 2:
            width, height = height, width
        return VideoInfo(self._frames.declared_s, width, height, rate, codec.name)

    def clips(
        self,
        spec: ClipSpec,
        span: Span | None = None,
        starts: Iterable[int] | None = None,
        on_picture: Callable[[], None] | None = None,
    ) -> Iterator[Clip]:
        """Yield the clips in one sequential pass; windows share their decoded frames.

        Args:
            spec: grid and clip size; the whole picture is resized to a square.
            span: read only this part; the grid then starts at span.start. Clip spans stay in the video's time.
            starts: ascending grid frames at which clips start, instead of those of `clip_starts`; the ones whose
                clip would pass the end are left out, but at least one clip comes.
            on_picture: called whenever a picture was decoded, however few of them end up in clips.

        Raises:
            VideoError: nothing could be read. A file that breaks off later yields what was readable.
        """
        origin, stop = (span.start, span.end) if span else (0.0, math.inf)
        wanted = iter(itertools.count(0, spec.hop) if starts is None else starts)
        recent: deque[Picture] = deque(maxlen=spec.frames)
        start, filled, length, clips = next(wanted, None), False, 0, 0
        for picture in self._grid(spec, origin, stop, on_picture):
            if filled and start is not None:  # kept back until now: only the last clip can end early
                yield _clip(recent, origin, start, math.inf, spec, self.damaged)
                start, clips = next(wanted, None), clips + 1
            recent.append(picture)
            length += 1
            filled = start is not None and length == start + spec.frames
        if not length:
            raise VideoError(self.path, self._frames.why_none(origin))
        if filled or starts is None or not clips:  # the last clip is flush with the end
            start = max(0, length - spec.frames)
            yield _clip(recent, origin, start, min(stop, self._frames.end), spec, self.damaged)

    def _grid(
        self, spec: ClipSpec, origin: float, stop: float, on_picture: Callable[[], None] | None
    ) -> Iterator[Picture]:
        """Yield the picture shown at origin + k / fps for k = 0, 1, ... until the video ends, or `stop`."""
        resized = Resizer(spec.size)
        count, shown, small = 0, None, None
        frames = self._frames.since(origin, Moments(origin, spec.fps))
        for time, frame in itertools.chain(frames, [(math.inf, None)]):
            if on_picture is not None:
                on_picture()
            until = min(time if frame else self._frames.end, stop) - _ROUNDING_S
            while shown is not None and origin + count / spec.fps < until:
                small = resized(shown) if small is None else small
                yield small
                count += 1
            if time >= stop:
                return
            shown, small = frame, None


def _clip(recent: deque[Picture], origin: float, start: int, end: float, spec: ClipSpec, damaged: int) -> Clip:
    held = [recent[-1]] * (spec.frames - len(recent))  # a short video holds its last picture
    shown = clip_span(start, end - origin, spec)
    shown = Span(origin + shown.start, origin + shown.end)
    return Clip(shown, [*recent, *held], damaged)
