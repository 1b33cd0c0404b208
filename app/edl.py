"""Moments of videos as an edit decision list (CMX3600), which editing programs read.

Such a list has one rate: times become frames of it, counted without dropping. Names that are longer than the
eight characters of a reel are given in full as comments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from encoder.clips import Span

_MOST = 999  # events that the format can number
_NAME = 60  # characters of a comment


@dataclass(frozen=True)
class Cut:
    """A part of a video, by the name of its file."""

    name: str
    span: Span  # seconds


def edl(title: str, cuts: Sequence[Cut], fps: int = 25) -> str:
    """The cuts one after the other.

    Raises:
        ValueError: there are more than the format can number.
    """
    if len(cuts) > _MOST:
        raise ValueError(f"an EDL holds {_MOST} events at most, got {len(cuts)}")
    lines, at = [f"TITLE: {_plain(title)}", "FCM: NON-DROP FRAME", ""], 0
    for number, cut in enumerate(cuts, 1):
        start = round(cut.span.start * fps)
        length = max(1, round(cut.span.duration * fps))
        times = " ".join(timecode(frame, fps) for frame in (start, start + length, at, at + length))
        lines += [f"{number:03d}  AX       V     C        {times}", f"* FROM CLIP NAME: {_plain(cut.name)}", ""]
        at += length
    return "\r\n".join(lines)


def timecode(frame: int, fps: int) -> str:
    """HH:MM:SS:FF; a day has no 24th hour, so that longer times begin anew."""
    seconds, frames = divmod(frame, fps)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _plain(text: str) -> str:
    """On one line, in ASCII, as the format wants it."""
    return "".join(char if char.isascii() and char.isprintable() else "_" for char in text)[:_NAME]
