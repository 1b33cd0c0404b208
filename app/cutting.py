"""Cut parts out of videos: exact to the frame, encoded as H.264 with its sound as AAC, which everything plays."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.container import InputContainer, OutputContainer

from encoder.clips import Span
from encoder.container import open_alone

_CLOCK, _RATE = 90_000, 48_000  # ticks a second of pictures, and of sound
_QUALITY = {"preset": "veryfast", "crf": "20", "threads": "1"}


@dataclass(frozen=True)
class Cutting:
    """What is cut, and where to."""

    path: str
    span: Span  # seconds from the first frame
    size: tuple[int, int]  # width and height as shown, even
    target: str


def cut_all(cuttings: Sequence[Cutting]) -> None:
    """Make the cuts; meant for a process of its own, whose exit says whether all went well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # codecs write to stderr behind Python's back
    for cutting in cuttings:
        cut(cutting)


def cut(cutting: Cutting) -> None:
    """Make one cut.

    Raises:
        ValueError: nothing is shown in the span.
        av.FFmpegError: the file can't be read.
    """
    options = {"movflags": "+faststart"}
    with (
        open_alone(cutting.path) as source,
        av.open(cutting.target, "w", "mp4", options) as target,
    ):
        _cut(source, target, cutting)


def _cut(source: InputContainer, target: OutputContainer, cutting: Cutting) -> None:
    pictures = source.streams.video[0]
    pictures.thread_type = "NONE"
    rate = pictures.average_rate or Fraction(25)
    made = target.add_stream("libx264", min(rate, Fraction(120)), options=_QUALITY)
    made.width, made.height = cutting.size
    made.pix_fmt = "yuv420p"
    made.codec_context.time_base = Fraction(1, _CLOCK)
    heard = source.streams.audio[0] if source.streams.audio else None
    sound = target.add_stream("aac", _RATE, layout="stereo") if heard else None
    resample = av.AudioResampler("fltp", "stereo", _RATE)
    shown = 0
    for frame, at in _frames(source, cutting.span, heard is not None):
        if isinstance(frame, av.VideoFrame):
            target.mux(made.encode(_picture(frame, cutting.size, at)))
            shown += 1
        elif sound is not None:
            frame.pts, frame.time_base = round(at * frame.sample_rate), Fraction(1, frame.sample_rate)
            for part in resample.resample(frame):
                target.mux(sound.encode(part))
    if not shown:
        raise ValueError(f"nothing is shown from {cutting.span.start} to {cutting.span.end} s")
    target.mux(made.encode())
    if sound is not None:
        target.mux(sound.encode())


def _frames(source: InputContainer, span: Span, heard: bool) -> Iterator[tuple[av.VideoFrame | av.AudioFrame, float]]:
    """The frames of a span, each with its seconds from the start of the span."""
    video = source.streams.video[0]
    first = next(source.decode(video))
    begin = (first.time or 0.0) + span.start
    with suppress(av.FFmpegError):  # what can't seek is read on from its start
        assert video.time_base is not None
        source.seek(int(begin / video.time_base), stream=video)
    late: set[int] = set()  # streams that are past the end
    streams = [video, *source.streams.audio[:1]] if heard else [video]
    before: av.VideoFrame | None = None  # which is still shown when the span begins
    for packet in source.demux(streams):
        for frame in _decoded(packet):
            at = (frame.time or 0.0) - begin
            if at >= span.duration - 1e-6:
                late.add(packet.stream.index)
            elif at < -1e-6:
                before = frame if isinstance(frame, av.VideoFrame) else before
            else:
                if isinstance(frame, av.VideoFrame) and before is not None and at > 1e-3:
                    yield before, 0.0
                before = None if isinstance(frame, av.VideoFrame) else before
                yield frame, at
        if len(late) == len(streams):
            break
    if before is not None and _end(before) > begin:
        yield before, 0.0


def _end(frame: av.VideoFrame) -> float:
    length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
    return (frame.time or 0.0) + length


def _decoded(packet: "av.Packet[Any]") -> Sequence[av.VideoFrame | av.AudioFrame]:
    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []  # damaged: what comes after it may be whole


def _picture(frame: av.VideoFrame, size: tuple[int, int], at: float) -> av.VideoFrame:
    """Upright, in the given size, at its time."""
    turns = frame.rotation // 90 % 4 if frame.rotation % 90 == 0 else 0
    upright = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns), np.uint8)
    shaped = np.asarray(cv2.resize(upright, size, interpolation=cv2.INTER_AREA), np.uint8)
    made = av.VideoFrame.from_ndarray(shaped, "rgb24")
    made.pts, made.time_base = round(at * _CLOCK), Fraction(1, _CLOCK)
    return made
