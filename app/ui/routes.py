"""Posters, strips and videos over HTTP, by catalogue id or secret name: no path ever comes from the browser."""

import asyncio
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.media import Way, way_to_play
from app.posters import Posters
from app.ui.found import Found, Refusal, find, refused
from app.ui.renditions import Renditions
from app.ui.site import Site
from encoder.clips import Span
from encoder.errors import WorldError

_PICTURES = 4  # made at once
_FEWEST, _MOST = 2, 16  # pictures of a strip
_LAST_PICTURE_S = 0.2  # before the end: a poster of the very end shows the last picture
_KEPT = "private, max-age=86400"


class MediaRoutes:
    """The handlers, over the library of a site and the clips that visitors search with."""

    def __init__(self, site: Site, posters: Posters, renditions: Renditions) -> None:
        self._site, self._posters, self._renditions = site, posters, renditions
        self._threads = ThreadPoolExecutor(_PICTURES, "reelseek-pictures")  # nobody else waits for decoders

    def routes(self) -> Sequence[BaseRoute]:
        """All of them; whatever else lies below is not found."""
        return [
            Route("/media/{video_id:int}", self._media),
            Route("/thumb/{video_id:int}", self._thumb),
            Route("/strip/{video_id:int}", self._strip),
            Route("/clip/{token:str}", self._media),
            Route("/clip/{token:str}/strip", self._strip),
            *(Route(f"/{name}/{{rest:path}}", _nothing) for name in ("media", "thumb", "strip", "clip")),
        ]

    async def _media(self, request: Request) -> Response:
        """The video, or a playable copy; ?start=..&end=.. say around which part an excerpt is cut."""
        try:
            found = await self._find(request)
            way = await asyncio.to_thread(way_to_play, found.path)
            path: str | os.PathLike[str] = found.path
            if way not in (Way.MP4, Way.WEBM):
                path = await self._copy(request, found, way)
            return FileResponse(path, media_type=way.media_type, headers={"cache-control": "private, max-age=3600"})
        except (WorldError, OSError) as error:
            return refused(error)

    async def _find(self, request: Request) -> Found:
        return await asyncio.to_thread(find, self._site, request)

    async def _copy(self, request: Request, found: Found, way: Way) -> os.PathLike[str]:
        if way is not Way.EXCERPT:
            return await asyncio.wrap_future(self._renditions.wrapped(found.path, found.content, way))
        start = min(_seconds(request, "start", 0.0), found.duration)
        end = _seconds(request, "end", start + 30.0)
        if end <= start:
            raise Refusal(400, f"an excerpt needs start < end, got {start:g} and {end:g} s")
        future = self._renditions.excerpt(
            found.path, found.content, Span(start, end), found.width, found.height, found.fps
        )
        return await asyncio.wrap_future(future)

    async def _thumb(self, request: Request) -> Response:
        """A JPEG of the picture shown at ?t= seconds."""
        try:
            found = await self._find(request)
            seconds = min(_seconds(request, "t", 0.0), max(0.0, round(found.duration - _LAST_PICTURE_S, 1)))
            headers = {"etag": f'"{found.content}-{seconds:.1f}"', "cache-control": _KEPT}
            if request.headers.get("if-none-match") == headers["etag"]:
                return Response(status_code=304, headers=headers)
            make = partial(self._posters.jpeg, found.path, found.content, seconds, found.width, found.height)
            jpeg = await asyncio.get_running_loop().run_in_executor(self._threads, make)
            return Response(jpeg, media_type="image/jpeg", headers=headers)
        except (WorldError, OSError) as error:
            return refused(error)

    async def _strip(self, request: Request) -> Response:
        """A JPEG of ?n= pictures beside each other, spread evenly from ?start= to ?end= seconds."""
        try:
            found = await self._find(request)
            count = int(_seconds(request, "n", 8))
            start = min(_seconds(request, "start", 0.0), max(0.0, round(found.duration - _LAST_PICTURE_S, 1)))
            end = min(_seconds(request, "end", found.duration), found.duration)
            if not _FEWEST <= count <= _MOST:
                raise Refusal(400, f"a strip has {_FEWEST} to {_MOST} pictures, not {count}")
            span = Span(start, max(end, start + 0.1))
            make = partial(self._posters.strip, found.path, found.content, span, count, found.width, found.height)
            jpeg = await asyncio.get_running_loop().run_in_executor(self._threads, make)
            return Response(jpeg, media_type="image/jpeg", headers={"cache-control": _KEPT})
        except (WorldError, OSError) as error:
            return refused(error)


def _seconds(request: Request, name: str, default: float) -> float:
    """A time asked for, to a tenth of a second."""
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e7:
        raise Refusal(400, f"{name} must be a time in seconds")
    return round(value, 1)


def _nothing(_: Request) -> Response:
    return PlainTextResponse("There is no such video in the library.", 404)
