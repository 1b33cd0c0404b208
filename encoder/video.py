"""Video file -> pictures at presentation times. The only file that opens video.

PyAV reads, because it was measured against OpenCV (benchmarks/decode.py, docs/performance.md): OpenCV 5.0
decodes no AV1, stops at the first damaged packet, gives the last frames of some AVI and MPEG program streams the time
0, ignores the pixel shape and converts whole frames to BGR before they can be made small.
"""

import itertools
import math
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span, clip_span
from encoder.errors import VideoError
from encoder.lookahead import Moments, drops_only_unused, with_unseen

av.logging.set_level(av.logging.PANIC)

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

_OPEN_TIMEOUT_S, _READ_TIMEOUT_S = 20.0, 20.0  # of one blocking system call
_FRAME_S = 1 / 25  # how long a picture is shown whose file does not say
_LONGEST_STILL_S = 600.0  # a longer gap between frames, past the declared duration, is a broken timestamp
_REGULAR_S = 1.0  # nearer to each other, times are of one clock
_ROUNDING_S = 1e-6
_MOST_PIXELS = 1 << 26  # of a picture: 8192 x 8192; a header of a few bytes may claim any size
# Formats that name other files or addresses, or are programs
_LISTS = {
    *("applehttp", "avisynth", "concat", "concatf", "dash", "hls", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp"),
    *("vapoursynth", "webm_dash_manifest"),
}
_SEEK_FROM_S = 10.0  # nearer starts are reached by decoding


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


def open_alone(path: str | Path, timeout: tuple[float, float] | None = None) -> InputContainer:
    """Open a file and no other: a list of files is refused, which could show its author what is not theirs.

    Args:
        path: the file.
        timeout: seconds for opening it and for one reading call.
    """
    return av.open(
        f"file:{os.fspath(path)}",  # without it `12:30.mp4` is taken for an address
        options={"format_whitelist": ",".join(sorted(av.formats_available - _LISTS))},
        timeout=timeout,
        metadata_errors="ignore",
    )


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
        self.path, self._threads = path, threads
        self.end = 0.0  # seconds: when the last picture read so far goes off
        self.packets = self.damaged = 0
        self._moments: Moments | None = None  # the only ones at which pictures are looked at; None: all are
        self._zero = self._last = -math.inf  # seconds on the container's clock: the first frame, the latest one
        self._open()
        self._frames = self._decoded()
        self._first = next(self._frames, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def info(self) -> VideoInfo:
        """What the header and the first picture say.

        Raises:
            VideoError: the file holds no picture that can be decoded.
        """
        if self._first is None:
            raise VideoError(self.path, self._why_no_picture())
        declared, codec = self._declared_s(), self._stream.codec_context
        shape = self._stream.sample_aspect_ratio or codec.sample_aspect_ratio or Fraction(1)
        width, height = max(1, round(self._first.width * shape)), self._first.height
        if _quarter_turns(self._first) % 2:
            width, height = height, width
        return VideoInfo(declared, width, height, float(self._stream.average_rate or 0), codec.name)

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
            raise VideoError(self.path, self._why_no_picture(origin))
        if filled or starts is None or not clips:  # the last clip is flush with the end
            start = max(0, length - spec.frames)
            yield _clip(recent, origin, start, min(stop, self.end), spec, self.damaged)

    def _grid(
        self, spec: ClipSpec, origin: float, stop: float, on_picture: Callable[[], None] | None
    ) -> Iterator[Picture]:
        """Yield the picture shown at origin + k / fps for k = 0, 1, ... until the video ends, or `stop`."""
        resize = VideoReformatter()
        count, shown, small = 0, None, None
        self._moments = Moments(origin, spec.fps)
        for time, frame in itertools.chain(self._pictures(origin), [(math.inf, None)]):
            if on_picture is not None:
                on_picture()
            until = min(time if frame else self.end, stop) - _ROUNDING_S
            while shown is not None and origin + count / spec.fps < until:
                small = _resized(shown, spec.size, resize) if small is None else small
                yield small
                count += 1
            if time >= stop:
                return
            shown, small = frame, None

    def _pictures(self, since: float) -> Iterator[tuple[float, VideoFrame]]:
        """Yield (seconds from the first frame, frame), times ascending, beginning at or before `since`."""
        first = self._first
        if first is None:
            return
        zero, length = _time(first, 0.0), _length(first, self._frame_s())
        self._zero = zero
        frames = self._seek(zero, since) if since > _SEEK_FROM_S else itertools.chain([first], self._frames)
        shift, last = 0.0, None
        for frame in frames:
            time = _time(frame, zero + (self.end if last is not None else 0.0)) - zero + shift
            if last is not None:
                broken = time < last - 1 or (time > last + _LONGEST_STILL_S and time > self._declared_s())
                if broken:  # the clock was set anew, as between joined recordings: go on from here
                    shift, time = shift + self.end - time, self.end
                    self._moments = None  # packets don't tell their times any more
                if time <= last:
                    continue
            length = _length(frame, length)
            self.end = max(0.0, time) + length
            last = self._last = time
            yield max(0.0, time), frame

    def _why_no_picture(self, since: float = 0.0) -> str:
        """Say in words why not one picture came."""
        if self.end:
            return f"lasts {self.end:.1f} s, so nothing lies at or after {since:g} s"
        if not self.packets:
            return "holds no pictures: only a header, a fragment or a file cut off at the start"
        return "no picture can be decoded: damaged, encrypted or cut off"

    def _open(self) -> None:
        _check_file(self.path)
        try:
            self._container = open_alone(self.path, (_OPEN_TIMEOUT_S, _READ_TIMEOUT_S))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(self.path, _in_words(error)) from error
        self._stream = self._choose_stream()
        codec = self._stream.codec_context
        codec.thread_count, codec.thread_type = self._threads, ThreadType.FRAME
        codec.options = {"max_pixels": str(_MOST_PIXELS)}
        self._guessed = self._container.format.name == "avi"  # holds no presentation times: a pts goes to and fro
        self._may_drop = not self._guessed and drops_only_unused(codec.name, codec.extradata)

    def _choose_stream(self) -> VideoStream:
        videos = [s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:
            self._container.close()
            raise VideoError(self.path, "has no video stream (sound or data only)")
        if not _has_decoder(videos[0]):
            self._container.close()
            raise VideoError(self.path, "its video codec is not one this installation can decode")
        width, height = videos[0].codec_context.width, videos[0].codec_context.height
        if width * height > _MOST_PIXELS:
            self._container.close()
            raise VideoError(self.path, f"claims pictures of {width} x {height} pixels, more than can be read")
        return videos[0]

    def _decoded(self) -> Iterator[VideoFrame]:
        codec = self._stream.codec_context
        for packet, unseen in with_unseen(self._stored(), self._is_unseen):
            if self._may_drop:
                codec.skip_frame = "NONREF" if unseen else "DEFAULT"
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                self.damaged += 1
                continue
            except (av.FFmpegError, OSError):
                self.damaged += 1
                return
            for frame in frames:
                if self._guessed:
                    frame.pts = frame.dts  # of the packet that brought this frame out, so they ascend
                yield frame

    def _stored(self) -> Iterator["av.Packet[VideoStream]"]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self.damaged += 1
                return
            self.packets += packet.size > 0
            yield packet

    def _is_unseen(self, start: int, end: int) -> bool:
        """Whether a picture that is on for some ticks of the container's clock is looked at by nobody."""
        if self._moments is None or self._stream.time_base is None:
            return False
        begins, ends = (float(ticks * self._stream.time_base) - self._zero for ticks in (start, end))
        regular = abs(begins - self._last) < _REGULAR_S  # else the clock may have been set anew
        return regular and not self._moments.between(begins, ends)

    def _seek(self, zero: float, since: float) -> Iterator[VideoFrame]:
        """Frames from a key frame at or before `since`; from the start where the file can't seek there."""
        try:
            assert self._stream.time_base is not None
            self._container.seek(int((zero + since) / self._stream.time_base), stream=self._stream)
            frames = self._decoded()
            first = next(frames, None)
            if first is not None and _time(first, math.inf) <= zero + since:
                return itertools.chain([first], frames)
        except av.FFmpegError:
            pass  # no index to seek by: decode from the start
        self._container.close()
        self._open()
        return self._decoded()

    def _declared_s(self) -> float:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6  # microseconds

    def _frame_s(self) -> float:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate else _FRAME_S


def _clip(recent: deque[Picture], origin: float, start: int, end: float, spec: ClipSpec, damaged: int) -> Clip:
    held = [recent[-1]] * (spec.frames - len(recent))  # a short video holds its last picture
    shown = clip_span(start, end - origin, spec)
    shown = Span(origin + shown.start, origin + shown.end)
    return Clip(shown, [*recent, *held], damaged)


def _check_file(path: str | Path) -> None:
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise VideoError(path, "is a folder, not a video file")
        if not stat.S_ISREG(status.st_mode):  # asked before it is opened: opening a pipe waits for a writer
            raise VideoError(path, "is not a regular file")
        if not status.st_size:
            raise VideoError(path, "is empty")
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise VideoError(path, _in_words(error)) from error


def _has_decoder(stream: VideoStream) -> bool:
    context: VideoCodecContext | None = getattr(stream, "codec_context", None)  # PyAV's stub forgets the None
    return context is not None


def _in_words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, EOFError):
        return "is cut off before its first picture"
    if isinstance(error, av.InvalidDataError | ValueError):  # of a list of files too
        return "is not a video file, or is damaged beyond reading"
    return f"can't be read: {getattr(error, 'strerror', None) or error}"


def _time(frame: VideoFrame, unknown: float) -> float:
    """Presentation time in seconds on the container's clock."""
    return unknown if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def _length(frame: VideoFrame, unknown: float) -> float:
    """How long a frame is shown, in seconds."""
    length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else unknown
    return length if 0 < length < _LONGEST_STILL_S else unknown


def _quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns that set the picture upright; 0 for angles between, shown by no player."""
    return frame.rotation // 90 % 4 if frame.rotation % 90 == 0 else 0


def _resized(frame: VideoFrame, size: int, resize: VideoReformatter) -> Picture:
    small = resize.reformat(frame, size, size, "rgb24", interpolation=Interpolation.AREA)
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), _quarter_turns(frame)))
