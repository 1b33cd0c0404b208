"""The frames of a video at their presentation times.

PyAV reads, because it was measured against OpenCV (benchmarks/decode.py, docs/performance.md): OpenCV 5.0
decodes no AV1, stops at the first damaged packet, gives the last frames of some AVI and MPEG program streams the time
0, ignores the pixel shape and converts whole frames to BGR before they can be made small.
"""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from encoder.container import open_video
from encoder.lookahead import Moments, drops_only_unused, with_unseen

_FRAME_S = 1 / 25  # how long a picture is shown whose file does not say
_LONGEST_STILL_S = 600.0  # a longer gap between frames, past the declared duration, is a broken timestamp
_REGULAR_S = 1.0  # nearer to each other, times are of one clock
_SEEK_FROM_S = 10.0  # nearer starts are reached by decoding


class Frames:
    """Those of one open file, to be gone through once in order of presentation; damaged packets are passed over."""

    def __init__(self, path: str | Path, threads: int) -> None:
        """Open a file.

        Args:
            path: the file.
            threads: that decode its frames.

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
        self.first = next(self._frames, None)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def since(self, start: float, moments: Moments) -> Iterator[tuple[float, VideoFrame]]:
        """Yield (seconds from the first frame, frame), times ascending, beginning at or before `start`.

        Pictures that are on at none of the given moments may be left out.
        """
        first = self.first
        if first is None:
            return
        self._moments = moments
        zero, length = _time(first, 0.0), _length(first, self._frame_s())
        self._zero = zero
        frames = self._seek(zero, start) if start > _SEEK_FROM_S else itertools.chain([first], self._frames)
        shift, last = 0.0, None
        for frame in frames:
            time = _time(frame, zero + (self.end if last is not None else 0.0)) - zero + shift
            if last is not None:
                broken = time < last - 1 or (time > last + _LONGEST_STILL_S and time > self.declared_s)
                if broken:  # the clock was set anew, as between joined recordings: go on from here
                    shift, time = shift + self.end - time, self.end
                    self._moments = None  # packets don't tell their times any more
                if time <= last:
                    continue
            length = _length(frame, length)
            self.end = max(0.0, time) + length
            last = self._last = time
            yield max(0.0, time), frame

    def why_none(self, since: float = 0.0) -> str:
        """Say in words why not one picture came."""
        if self.end:
            return f"lasts {self.end:.1f} s, so nothing lies at or after {since:g} s"
        if not self.packets:
            return "holds no pictures: only a header, a fragment or a file cut off at the start"
        return "no picture can be decoded: damaged, encrypted or cut off"

    @property
    def declared_s(self) -> float:
        """Seconds, as the header says; 0 where it does not."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return (self._container.duration or 0) / 1e6  # microseconds

    def _open(self) -> None:
        self._container, self.stream = open_video(self.path, self._threads)
        codec = self.stream.codec_context
        self._guessed = self._container.format.name == "avi"  # holds no presentation times: a pts goes to and fro
        self._may_drop = not self._guessed and drops_only_unused(codec.name, codec.extradata)

    def _decoded(self) -> Iterator[VideoFrame]:
        codec = self.stream.codec_context
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
        packets = self._container.demux(self.stream)
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
        if self._moments is None or self.stream.time_base is None:
            return False
        begins, ends = (float(ticks * self.stream.time_base) - self._zero for ticks in (start, end))
        regular = abs(begins - self._last) < _REGULAR_S  # else the clock may have been set anew
        return regular and not self._moments.between(begins, ends)

    def _seek(self, zero: float, since: float) -> Iterator[VideoFrame]:
        """Frames from a key frame at or before `since`; from the start where the file can't seek there."""
        try:
            assert self.stream.time_base is not None
            self._container.seek(int((zero + since) / self.stream.time_base), stream=self.stream)
            frames = self._decoded()
            first = next(frames, None)
            if first is not None and _time(first, math.inf) <= zero + since:
                return itertools.chain([first], frames)
        except av.FFmpegError:
            pass  # no index to seek by: decode from the start
        self._container.close()
        self._open()
        return self._decoded()

    def _frame_s(self) -> float:
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(1 / rate) if rate else _FRAME_S


def _time(frame: VideoFrame, unknown: float) -> float:
    """Presentation time in seconds on the container's clock."""
    return unknown if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def _length(frame: VideoFrame, unknown: float) -> float:
    """How long a frame is shown, in seconds."""
    length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else unknown
    return length if 0 < length < _LONGEST_STILL_S else unknown
