"""From a visitor's clip to the answer that is shown."""

import time
from typing import Any

from app.service import search_rows
from app.ui.answer import Answer
from app.ui.search_clips import SearchClip
from app.ui.site import Site
from app.ui.trim import part_of
from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoError
from indexer.requests import Example

MOST = 60  # videos of an answer


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


def find_moments(site: Site, clip: SearchClip | None, points: Any) -> Answer | None:
    """Search; None where nothing is like the clip.

    Raises:
        QueryError: there is no clip, or it can't be read any more.
        TrimError: nothing lies between its in and out points.
        LibraryError: the library can't be read.
    """
    if clip is None:
        raise QueryError("Choose or record a clip first.")
    part, began = part_of(clip, points), time.monotonic()
    try:
        matches = site.library.search(Example(clip.path, part), k=MOST)
    except VideoError as error:
        raise _in_words(error, clip.path) from error
    rows = search_rows(site.library, matches)
    videos = site.library.catalog.videos(row["video"] for row in rows)
    rows = [row for row in rows if row["video"] in videos]
    if not rows:
        return None
    searched, clips, _ = site.library.catalog.totals()
    told = f"{len(rows)} of {searched:,} videos, from {clips:,} clips searched in {time.monotonic() - began:.2f} s."
    return Answer(clip, part or Span(0.0, max(clip.duration, 0.1)), rows, videos, told, site.library.warning)


def _in_words(error: VideoError, path: str) -> QueryError:
    name = path.rpartition("/")[2]
    return QueryError(f"{name} {error.reason}. Choose a video file.")
