"""Ways to decode a video and do nothing else; processes that do it load this module, so it loads little."""

from pathlib import Path

import av
import cv2


def decode_by_pyav(file: Path, threads: int = 1) -> int:
    """Decode all pictures and count them."""
    with av.open(file) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count, stream.thread_type = threads, "FRAME"
        return sum(1 for _ in container.decode(stream))


def decode_by_opencv(file: Path) -> int:
    """Decode all pictures, without converting any, and count them."""
    capture, count = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), 0
    while capture.grab():
        count += 1
    return count


def seconds_of(file: Path) -> float:
    """The declared length of a video."""
    with av.open(file) as container:
        return (container.duration or 0) / 1e6
