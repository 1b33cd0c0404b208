"""Opening a file as video, and what is refused before a packet of it is decoded."""

import os
import stat
from pathlib import Path

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from encoder.errors import VideoError

av.logging.set_level(av.logging.PANIC)

_OPEN_TIMEOUT_S, _READ_TIMEOUT_S = 20.0, 20.0  # of one blocking system call
_MOST_PIXELS = 1 << 26  # of a picture: 8192 x 8192; a header of a few bytes may claim any size
# Formats that name other files or addresses, or are programs
_LISTS = {
    *("applehttp", "avisynth", "concat", "concatf", "dash", "hls", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp"),
    *("vapoursynth", "webm_dash_manifest"),
}


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


def open_video(path: str | Path, threads: int) -> tuple[InputContainer, VideoStream]:
    """Open a file and choose the video in it.

    Args:
        path: the file.
        threads: that decode its frames.

    Raises:
        VideoError: it has none that can be decoded.
    """
    _check_file(path)
    try:
        container = open_alone(path, (_OPEN_TIMEOUT_S, _READ_TIMEOUT_S))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(path, _in_words(error)) from error
    try:
        stream = _choose_stream(path, container)
    except VideoError:
        container.close()
        raise
    codec = stream.codec_context
    codec.thread_count, codec.thread_type = threads, ThreadType.FRAME
    codec.options = {"max_pixels": str(_MOST_PIXELS)}
    return container, stream


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


def _choose_stream(path: str | Path, container: InputContainer) -> VideoStream:
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        raise VideoError(path, "has no video stream (sound or data only)")
    if not _has_decoder(videos[0]):
        raise VideoError(path, "its video codec is not one this installation can decode")
    width, height = videos[0].codec_context.width, videos[0].codec_context.height
    if width * height > _MOST_PIXELS:
        raise VideoError(path, f"claims pictures of {width} x {height} pixels, more than can be read")
    return videos[0]


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
