"""Moments of videos of a library, as addresses name them, and as a list for other programs."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.text import file_name, shown
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.catalog import Catalog
from indexer.tables import Video

MOST = 200  # of a list


class MomentError(WorldError):
    """A list of moments that is none, in one sentence."""


@dataclass(frozen=True)
class Moment:
    """A part of a video, by its id."""

    video_id: int
    span: Span

    def __str__(self) -> str:
        return f"{self.video_id}:{self.span.start:.2f}-{self.span.end:.2f}"


@dataclass(frozen=True)
class Known:
    """A moment whose video is in the library."""

    moment: Moment
    video: Video
    path: str

    @property
    def name(self) -> str:
        """Of the file, for people."""
        return file_name(self.path)


def written(moments: Iterable[Moment]) -> str:
    """A list as `read` reads it."""
    return ",".join(map(str, moments))


def read(text: str) -> list[Moment]:
    """The moments of an address, such as 12:1.00-2.50,7:0.00-3.00.

    Raises:
        MomentError: it names none, too many, or something else.
    """
    parts = text.split(",") if text else []
    if not 1 <= len(parts) <= MOST:
        raise MomentError(f"a list holds 1 to {MOST} moments, not {len(parts)}")
    return [_read_one(part) for part in parts]


def known(catalog: Catalog, moments: Sequence[Moment]) -> list[Known]:
    """Those whose video is in the library, in their order."""
    videos = catalog.videos(moment.video_id for moment in moments)
    paths = catalog.paths(videos)
    return [
        Known(moment, videos[moment.video_id], paths[moment.video_id][0])
        for moment in moments
        if moment.video_id in videos and moment.video_id in paths
    ]


def as_csv(moments: Iterable[Known]) -> str:
    """A line for each, after a header."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(["path", "start", "end", "seconds"])
    for one in moments:
        span = one.moment.span
        lines.writerow([_cell(shown(one.path)), f"{span.start:.3f}", f"{span.end:.3f}", f"{span.duration:.3f}"])
    return out.getvalue()


def _cell(text: str) -> str:
    """Spreadsheets would take what begins like this for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _read_one(part: str) -> Moment:
    video, _, times = part.partition(":")
    start, _, end = times.partition("-")
    try:
        moment = Moment(int(video), Span(float(start), float(end)))
    except ValueError as error:
        raise MomentError(f"{part!r} is no moment: write ID:START-END, in seconds") from error
    if not 0 < moment.video_id < 2**62 or not math.isfinite(moment.span.end):
        raise MomentError(f"{part!r} is no moment: write ID:START-END, in seconds")
    return moment
