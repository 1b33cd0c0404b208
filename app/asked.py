"""What people write of examples and dates, as what a library is asked."""

import math
import os
import re
from datetime import datetime, timedelta
from pathlib import Path

from encoder.clips import Span
from indexer.requests import Example, VideoRef

_PART = re.compile(r"(?P<what>.+)@(?P<start>\d+(\.\d+)?)-(?P<end>\d+(\.\d+)?)?", re.DOTALL)
_STORED = re.compile(r"library:(?P<id>\d{1,18})")
_DAY = "YYYY-MM-DD"


def example(text: str, start: float | None = None, end: float | None = None) -> Example:
    """An example written as `CLIP`, `CLIP@START-END` or `library:ID@START-END`; seconds, an open END is the end.

    Args:
        text: what was written; a file of exactly that name comes first.
        start: in point, where it is given apart.
        end: out point, where it is given apart.

    Raises:
        ValueError: the part is empty, or was given twice.
    """
    part = None if os.path.lexists(text) else _PART.fullmatch(text)
    if part:
        if start is not None or end is not None:
            raise ValueError(f"{text} names its part already, so it goes without --start and --end")
        text, start = part["what"], float(part["start"])
        end = None if part["end"] is None else float(part["end"])
    stored = None if os.path.lexists(text) else _STORED.fullmatch(text)
    return Example(VideoRef(int(stored["id"])) if stored else Path(text), _span(start, end))


def moment(text: str, after: bool = False) -> datetime:
    """A date, or a date and time, here where it names no time zone.

    Args:
        text: in ISO 8601.
        after: of a date alone, the end of that day rather than its start.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
        days = 1 if after and len(text) == len(_DAY) else 0
        return (found + timedelta(days=days)).astimezone()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date; write {_DAY} or {_DAY}THH:MM") from error


def _span(start: float | None, end: float | None) -> Span | None:
    if start is None and end is None:
        return None
    begin, stop = start or 0.0, math.inf if end is None else end
    if not begin < stop:  # not a number is refused too
        raise ValueError(f"--start {begin:g} must be before --end {stop:g}")
    return Span(begin, stop)
