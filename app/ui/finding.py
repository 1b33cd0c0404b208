"""From a visitor's clip to the answer that is shown."""

import time
from dataclasses import dataclass, field
from typing import Any

from app.media import way_to_play
from app.moments import Moment, known
from app.service import meaning, search_rows
from app.ui.answer import Answer, Marks
from app.ui.playable import Playable, playable
from app.ui.search_clips import SearchClip
from app.ui.site import Site
from app.ui.trim import SHORTEST_S, part_of
from encoder.clips import Span
from encoder.errors import VideoError, WorldError
from indexer.catalog import Catalog
from indexer.requests import Example, Filters, Mode, VideoRef

MOST = 60  # videos of an answer
_STEPS = 96  # of the drawing of how alike a video is


class QueryError(WorldError):
    """A query that can't be searched for, in one sentence."""


def clip_of_upload(site: Site, path: str) -> SearchClip:
    """Take what a visitor has uploaded or recorded.

    Raises:
        QueryError: it is no video.
    """
    try:
        return site.clips.of_file(path, site.decoders)
    except VideoError as error:
        raise _in_words(error, path) from error


def clip_of_path(site: Site, text: str | None) -> SearchClip:
    """Take a file of the server.

    Raises:
        FolderError: visitors may not use it.
        QueryError: it is no video.
    """
    path = site.folders.resolve(text or "")
    return clip_of_upload(site, path)


def clip_of_video(site: Site, video_id: Any) -> SearchClip:
    """Take a video of the library.

    Raises:
        QueryError: there is none of that id.
    """
    known = isinstance(video_id, int) and 0 < video_id < 2**62
    clip = site.clips.of_library(site.library, video_id) if known else None
    if clip is None:
        raise QueryError("That video is no longer in the library.")
    return clip


@dataclass(frozen=True)
class Wish:
    """What a visitor looks for."""

    clip: SearchClip | None
    points: Any = None  # in and out, as the page has them
    filters: Filters = field(default_factory=Filters)
    marks: Marks = field(default_factory=dict)  # moments that were found before: more like these, or less
    mode: Mode = Mode.SIMILAR


def find_moments(site: Site, wish: Wish) -> Answer | None:
    """Search; None where nothing is like the clip.

    Raises:
        QueryError: there is no clip, or it can't be read any more.
        TrimError: nothing lies between its in and out points.
        ModeError: the library's encoder can't search in this mode.
        LibraryError: the library can't be read.
    """
    clip, began = wish.clip, time.monotonic()
    if clip is None:
        raise QueryError("Choose or record a clip first.")
    part, library = part_of(clip, wish.points), site.library
    good, bad = ([moment for moment, mark in wish.marks.items() if mark == kind] for kind in ("good", "bad"))
    try:
        like = [Example(clip.path, part), *map(_example, good)]
        with site.metrics.searching():
            matches = library.search(like, [_example(moment) for moment in bad], wish.filters, k=MOST, mode=wish.mode)
    except VideoError as error:
        raise _in_words(error, clip.path) from error
    if not matches:
        return None
    videos = library.catalog.videos(match.video_id for match in matches)
    rows = [row for row in search_rows(library, matches, wish.mode) if row["video"] in videos]
    if not rows:
        return None
    searched, clips, _ = library.catalog.totals()
    return Answer(
        sides=[_side(clip, part), *(_side_of(moment, library.catalog) for moment in good)],
        rows=rows,
        videos=videos,
        told=f"The best {len(rows)} of {searched:,} videos, from {clips:,} clips searched in "
        f"{time.monotonic() - began:.2f} s.",
        meaning=meaning(library, wish.mode),
        warning=library.index.warning,
        curves={match.video_id: match.along.steps(_STEPS) for match in matches if match.along},
        marks=wish.marks,
    )


def _example(moment: Moment) -> Example:
    return Example(VideoRef(moment.video_id), moment.span)


def _side(clip: SearchClip, part: Span | None) -> Playable:
    span = part or Span(0.0, max(clip.duration, SHORTEST_S))
    return playable(f"clip/{clip.token}", clip.content, span, way_to_play(clip.path))


def _side_of(moment: Moment, catalog: Catalog) -> Playable:
    """What is played beside what was found by a moment of the library."""
    one = known(catalog, [moment])  # it was searched with, so it is there
    path, content = (one[0].path, one[0].video.content) if one else ("", "")
    return playable(f"media/{moment.video_id}", content, moment.span, way_to_play(path))


def _in_words(error: VideoError, path: str) -> QueryError:
    name = path.rpartition("/")[2]
    return QueryError(f"{name} {error.reason}. Choose a video file.")
