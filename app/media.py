"""What a browser can show of a video: whether it plays the file, the picture of any moment, how a copy is written.

All decoding happens in worker processes.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from encoder.container import open_alone
from encoder.decoding import Decoded, DecodePool, Event, Failed, Job, Opened
from encoder.errors import VideoError
from encoder.lending import Lending
from encoder.video import VideoInfo

_DECODERS, _STALL_S = 2, 20.0
_ONE_PASS_S = 2.0  # from one picture to the next of a strip: further apart, seeking is quicker than decoding on
_WRAP_LIMIT_BYTES = 1 << 30

Picture = NDArray[np.uint8]  # (H, W, 3) RGB


class Way(Enum):
    """How a video gets to a browser; the value is the media type of what it gets."""

    MP4 = "video/mp4"  # the file itself
    WEBM = "video/webm"  # the file itself
    WRAPPED_MP4 = "video/mp4;wrapped"
    WRAPPED_WEBM = "video/webm;wrapped"
    EXCERPT = "video/mp4;excerpt"  # begins at the asked time, without sound

    @property
    def media_type(self) -> str:
        """As HTTP wants it."""
        return self.value.partition(";")[0]


def way_to_play(path: str) -> Way:
    """Choose by what the header says: browsers agree on H.264, VP8, VP9 and AV1 in 8-bit 4:2:0, in MP4 or WebM."""
    try:
        status = os.stat(path)  # noqa: PTH116 - strings keep odd names
    except OSError:
        return Way.EXCERPT  # whoever reads it will say why not
    return _way(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _way(path: str, size: int, _modified: int) -> Way:
    try:
        with open_alone(path, (5.0, 5.0)) as container:
            stream = container.streams.video[0]
            codec, pixels, boxes = stream.codec.canonical_name, stream.pix_fmt, container.format.name.split(",")
    except (av.FFmpegError, OSError, ValueError, IndexError, AttributeError):
        return Way.EXCERPT
    if pixels not in ("yuv420p", "yuvj420p") or codec not in ("h264", "vp8", "vp9", "av1"):
        return Way.EXCERPT
    if "mp4" in boxes and codec != "vp8":
        return Way.MP4
    if "webm" not in boxes:
        return Way.EXCERPT
    if path.lower().endswith(".webm"):
        return Way.WEBM
    if size > _WRAP_LIMIT_BYTES:
        return Way.EXCERPT
    return Way.WRAPPED_MP4 if codec == "h264" else Way.WRAPPED_WEBM


class Decoders:
    """A few decoding workers, each lent to one thread at a time."""

    def __init__(self, count: int = _DECODERS) -> None:
        self._pools = Lending([DecodePool(1, _STALL_S) for _ in range(count)])

    def close(self) -> None:
        """End the workers, also those in the middle of a file."""
        self._pools.close()

    def info(self, path: str) -> VideoInfo:
        """What the header of a video says; its length is measured where the header does not say it, as of recordings.

        Raises:
            VideoError: the file can't be read.
        """
        info, _ = self._looked_at(path, 0.5)
        return info if info.duration else replace(info, duration=self._looked_at(path, math.inf)[1])

    def _looked_at(self, path: str, end: float) -> tuple[VideoInfo, float]:
        """What the header says, and where the pictures before `end` end."""
        with self._decode(Job(path, ClipSpec(frames=1, fps=1, size=8, hop=1), Span(0, end))) as events:
            seen = list(events)  # to the end: a decoder that is left in the middle must be started anew
        info = next(event.info for event in seen if isinstance(event, Opened))
        return info, max(event.spans[-1].end for event in seen if isinstance(event, Decoded))

    def picture(self, path: str, seconds: float, size: int) -> Picture:
        """The picture shown at a time, as a square.

        Raises:
            VideoError: the file can't be read, or ends before.
        """
        spec = ClipSpec(frames=1, fps=10, size=size, hop=1)
        with self._decode(Job(path, spec, Span(seconds, seconds + 0.1))) as events:
            seen = list(events)
        return next(event.frames[0, 0] for event in seen if isinstance(event, Decoded))

    def pictures(self, path: str, span: Span, fps: float, size: int) -> Iterator[Picture]:
        """The pictures of a part of a video on a regular time grid, as squares.

        Raises:
            VideoError: the file can't be read, or ends before the part.
        """
        with self._decode(Job(path, ClipSpec(frames=1, fps=fps, size=size, hop=1), span)) as events:
            for event in events:
                if isinstance(event, Decoded):
                    yield from event.frames[:, 0]

    def strip(self, path: str, span: Span, count: int, size: int) -> list[Picture]:
        """So many pictures spread evenly over a part of a video, as squares; the last ones may be equal.

        Raises:
            VideoError: the file can't be read, or ends before the part.
        """
        step = span.duration / count
        if step <= _ONE_PASS_S:
            seen = list(self.pictures(path, span, 1 / step, size))[:count]
        else:
            seen = [self.picture(path, span.start, size)]
            for i in range(1, count):
                with suppress(VideoError):  # a header may promise more than there is
                    seen.append(self.picture(path, span.start + i * step, size))
        return seen + [seen[-1]] * (count - len(seen))

    @contextmanager
    def _decode(self, job: Job) -> Iterator[Iterator[Event]]:
        with self._pools.lent() as pool:
            yield _checked(job.path, pool.decode([job]))


def _checked(path: str, events: Iterator[Event | None]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Failed):
            raise VideoError(path, event.reason)
        if event is not None:
            yield event


def fitted(width: int, height: int, longer: int) -> tuple[int, int]:
    """Even width and height of the given shape."""
    scale = longer / max(width, height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def encode(pictures: Iterator[Picture], path: Path, size: tuple[int, int], fps: float) -> None:
    """Write pictures, one each 1 / fps seconds, as an H.264 MP4 of the given width and height."""
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "24", "threads": "1"}
        for picture in pictures:
            shaped = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shaped, np.uint8), "rgb24")))
        container.mux(stream.encode())


def wrap_packets(path: str, draft: str, kind: str) -> None:
    """Copy a video's packets, and those of its first sound track that fits, into another kind of container."""
    sounds = ("aac", "mp3") if kind == "mp4" else ("opus", "vorbis")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # codecs write to stderr behind Python's back
    options = {"movflags": "+faststart"} if kind == "mp4" else {}
    with open_alone(path) as source, av.open(draft, "w", kind, options) as target:
        chosen = [source.streams.video[0], *[s for s in source.streams.audio if s.codec.canonical_name in sounds][:1]]
        streams = {stream.index: target.add_stream_from_template(stream) for stream in chosen}
        for packet in source.demux(chosen):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
