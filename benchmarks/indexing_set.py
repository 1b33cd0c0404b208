"""Videos of common sizes and codecs, made of real ones, which may be small: joined, enlarged, given grain, looped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

RATE = 25  # frames a second
UNIQUE_S = 45  # seconds until the pictures come again
FILE_S = 90  # the length of a file, about
_LONGEST_S = 8  # of one source in a row
_GRAIN = 4.0  # grey levels: enlarging leaves no fine detail, which real cameras add
_SMALLEST = 64  # pixels: smaller sources are left out


@dataclass(frozen=True)
class Kind:
    """A size and codec of video."""

    name: str
    codec: str
    size: tuple[int, int]  # width and height in pixels
    bits: int  # a second, as is usual for the size
    options: tuple[tuple[str, str], ...]


_X264, _X265 = (("preset", "veryfast"),), (("preset", "superfast"), ("x265-params", "log-level=none"))
KINDS = (
    Kind("480p H.264", "libx264", (854, 480), 1_200_000, _X264),
    Kind("480p HEVC", "libx265", (854, 480), 800_000, _X265),
    Kind("1080p H.264", "libx264", (1920, 1080), 5_000_000, _X264),
    Kind("1080p HEVC", "libx265", (1920, 1080), 3_000_000, _X265),
)


def make_set(sources: Sequence[Path], kind: Kind, minutes: float, folder: Path) -> list[Path]:
    """Files of one kind, of so many minutes together, no two of the same bytes; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    unique = folder / "unique.mp4"
    if not unique.exists():
        partial = folder / "partial.mp4"
        encode(frames(sources, round(UNIQUE_S * RATE)), kind, partial)
        partial.rename(unique)
    count = max(1, round(minutes * 60 / FILE_S))
    files = [folder / f"{count} files" / f"{number}.mp4" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            loop(unique, minutes * 60 / count, file, title=str(number))
    return files


def frames(sources: Iterable[Path], count: int) -> Iterator[VideoFrame]:
    """Yield so many pictures of real videos, a few seconds of each; from the start again if they are too few."""
    left, files = count, list(sources)
    while left:
        before = left
        for source in files:
            for frame in _some_of(source, min(left, _LONGEST_S * RATE)):
                yield frame
                left -= 1
        if left == before:
            raise SystemExit(f"none of {len(files)} files can be read as a video of {_SMALLEST} pixels or more")


def _some_of(source: Path, count: int) -> Iterator[VideoFrame]:
    try:
        with av.open(f"file:{source}", metadata_errors="ignore") as container:
            for _, frame in zip(range(count), container.decode(video=0), strict=False):
                if min(frame.width, frame.height) < _SMALLEST:
                    return
                yield frame
    except (av.FFmpegError, ValueError, IndexError):
        return


def encode(pictures: Iterable[VideoFrame], kind: Kind, file: Path) -> None:
    """Write pictures as one kind of video, enlarged and with grain."""
    (width, height), enlarge = kind.size, VideoReformatter()
    grain = np.random.default_rng(0).normal(0, _GRAIN, (RATE, height, width)).round().astype(np.int16)
    with av.open(file, "w") as container:
        stream = container.add_stream(kind.codec, rate=RATE, options=dict(kind.options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", kind.bits
        for number, picture in enumerate(pictures):
            planes = enlarge.reformat(picture, width, height, "yuv420p").to_ndarray()
            planes[:height] = np.clip(planes[:height] + grain[number % RATE], 0, 255)
            frame = VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def loop(video: Path, seconds: float, file: Path, title: str) -> None:
    """Write a video of a length by storing the packets of another again and again, or fewer of them, not encoding."""
    with av.open(video) as source, av.open(file, "w") as container:
        container.metadata["title"] = title
        packets = [packet for packet in source.demux(video=0) if packet.size]
        stream = container.add_stream_from_template(source.streams.video[0])
        base, ticks = packets[0].time_base, sum(packet.duration or 0 for packet in packets)
        for number in range(max(1, round(seconds * RATE))):
            turn, place = divmod(number, len(packets))
            packet = packets[place]
            again = av.Packet(bytes(packet))
            again.pts, again.dts = packet.pts + turn * ticks, packet.dts + turn * ticks  # type: ignore[operator]
            again.time_base, again.duration = base, packet.duration
            again.is_keyframe, again.stream = packet.is_keyframe, stream
            container.mux(again)
