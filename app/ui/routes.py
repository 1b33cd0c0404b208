"""Posters and videos over HTTP, by catalogue id only: no path ever comes from the browser."""

import asyncio
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.media import Posters, Way, way_to_play
from app.text import file_name
from app.ui.copies import Copies
from app.ui.site import Site
from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoError
from indexer.catalog import Video

_LAST_PICTURE_S = 0.2  # before the end: a poster of the very end shows the last picture
_KEPT = "private, max-age=86400"


class _Refusal(WorldError):
    """What can't be served, why, and with which HTTP status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class _Found:
    video: Video
    path: str


class MediaRoutes:
    """The handlers, over the library of a site."""

    def __init__(self, site: Site, posters: Posters, copies: Copies) -> None:
        self._site, self._posters, self._copies = site, posters, copies

    def routes(self) -> Sequence[BaseRoute]:
        """All of them; whatever else lies below /media and /thumb is not found."""
        return [
            Route("/media/{video_id:int}", self._media),
            Route("/thumb/{video_id:int}", self._thumb),
            Route("/media/{rest:path}", _nothing),
            Route("/thumb/{rest:path}", _nothing),
        ]

    async def _media(self, request: Request) -> Response:
        """The video, or a playable copy; ?start=..&end=.. say around which part an excerpt is cut."""
        try:
            found = await asyncio.to_thread(self._find, request)
            way = await asyncio.to_thread(way_to_play, found.path)
            path: str | os.PathLike[str] = found.path
            if way not in (Way.MP4, Way.WEBM):
                path = await self._copy(request, found, way)
            return FileResponse(path, media_type=way.media_type, headers={"cache-control": "private, max-age=3600"})
        except (WorldError, OSError) as error:
            return _refused(error)

    async def _copy(self, request: Request, found: _Found, way: Way) -> os.PathLike[str]:
        video = found.video
        if way is not Way.EXCERPT:
            return await asyncio.wrap_future(self._copies.wrapped(found.path, video.content, way))
        start = min(_seconds(request, "start", 0.0), video.duration)
        end = _seconds(request, "end", start + 30.0)
        if end <= start:
            raise _Refusal(400, f"an excerpt needs start < end, got {start:g} and {end:g} s")
        future = self._copies.excerpt(found.path, video.content, Span(start, end), video.width, video.height, video.fps)
        return await asyncio.wrap_future(future)

    async def _thumb(self, request: Request) -> Response:
        """A JPEG of the picture shown at ?t= seconds."""
        try:
            found = await asyncio.to_thread(self._find, request)
            video = found.video
            seconds = min(_seconds(request, "t", 0.0), max(0.0, round(video.duration - _LAST_PICTURE_S, 1)))
            headers = {"etag": f'"{video.content}-{seconds:.1f}"', "cache-control": _KEPT}
            if request.headers.get("if-none-match") == headers["etag"]:
                return Response(status_code=304, headers=headers)
            jpeg = await asyncio.to_thread(
                self._posters.jpeg, found.path, video.content, seconds, video.width, video.height
            )
            return Response(jpeg, media_type="image/jpeg", headers=headers)
        except (WorldError, OSError) as error:
            return _refused(error)

    def _find(self, request: Request) -> _Found:
        video_id = min(request.path_params["video_id"], 2**62)  # what a database can be asked for
        catalog = self._site.library.catalog
        video, paths = catalog.videos([video_id]).get(video_id), catalog.paths([video_id]).get(video_id, [])
        if video is None or not paths:
            raise _Refusal(404, "There is no such video in the library.")
        here = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 - strings keep odd names
        if not here:
            raise _Refusal(410, f"{file_name(paths[0])} is no longer where it was; index its folder again.")
        return _Found(video, here[0])


def _seconds(request: Request, name: str, default: float) -> float:
    """A time asked for, to a tenth of a second."""
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e7:
        raise _Refusal(400, f"{name} must be a time in seconds")
    return round(value, 1)


def _refused(error: Exception) -> Response:
    """One sentence, without a path of the server."""
    if isinstance(error, _Refusal):
        return PlainTextResponse(str(error), error.status)
    if isinstance(error, VideoError):
        return PlainTextResponse(f"{file_name(error.path)}: {error.reason}", 415)
    return PlainTextResponse("The server could not read the file or write its copy; is its disk full?", 503)


def _nothing(_: Request) -> Response:
    return PlainTextResponse("There is no such video in the library.", 404)
