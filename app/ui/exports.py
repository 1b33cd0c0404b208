"""Moments to take along: cut out as clips, one or many, or as a list for other programs; by catalogue id only."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from app import moments
from app.edl import Cut, edl
from app.moments import Known
from app.ui.found import Refusal, refused, video_of
from app.ui.renditions import Renditions
from app.ui.site import Site
from encoder.errors import WorldError

_LONGEST_S, _MOST_CUTS = 300.0, 30  # of a cut, and in one file
_GONE = "None of these moments is in the library any more."


class ExportRoutes:
    """The handlers, over the library of a site; ?of= names moments as `moments.written` does."""

    def __init__(self, site: Site, renditions: Renditions) -> None:
        self._site, self._renditions = site, renditions

    def routes(self) -> Sequence[BaseRoute]:
        """All of them."""
        return [
            Route("/export/clip.mp4", self._clip),
            Route("/export/clips.zip", self._clips),
            Route("/export/moments.csv", self._csv),
            Route("/export/moments.edl", self._edl),
        ]

    async def _clip(self, request: Request) -> Response:
        """The first of the moments as an MP4."""
        try:
            one = (await self._known(request))[0]
            return FileResponse(await self._cut(one), media_type="video/mp4", headers=_attached(_file_name(one)))
        except (WorldError, OSError) as error:
            return refused(error)

    async def _clips(self, request: Request) -> Response:
        """All of them as MP4s in a ZIP."""
        try:
            found = await self._known(request)
            if len(found) > _MOST_CUTS:
                raise Refusal(
                    400, f"{len(found)} moments are too many for one file of clips: take at most {_MOST_CUTS}."
                )
            paths = await asyncio.gather(*(self._cut(one) for one in found))
            names = [f"{i:02d} {_file_name(one)}" for i, one in enumerate(found, 1)]
            packed = await asyncio.wrap_future(self._renditions.packed(dict(zip(names, paths, strict=True))))
            return FileResponse(packed, media_type="application/zip", headers=_attached("clips.zip"))
        except (WorldError, OSError) as error:
            return refused(error)

    async def _csv(self, request: Request) -> Response:
        try:
            text = moments.as_csv(await self._known(request))
            return Response(text, media_type="text/csv", headers=_attached("moments.csv"))
        except WorldError as error:
            return refused(error)

    async def _edl(self, request: Request) -> Response:
        try:
            text = edl("reelseek", [Cut(one.name, one.moment.span) for one in await self._known(request)])
            return Response(text, media_type="text/plain", headers=_attached("moments.edl"))
        except WorldError as error:
            return refused(error)

    async def _known(self, request: Request) -> list[Known]:
        """The moments asked for that are in the library; at least one."""
        try:
            asked = moments.read(request.query_params.get("of", ""))
        except moments.MomentError as error:
            raise Refusal(400, str(error)) from error
        found = await asyncio.to_thread(moments.known, self._site.library.catalog, asked)
        if not found:
            raise Refusal(404, _GONE)
        return found

    async def _cut(self, one: Known) -> Path:
        span = one.moment.span
        if span.duration > _LONGEST_S:
            raise Refusal(400, f"a clip of {span.duration:.0f} s is too long to be cut; {_LONGEST_S:.0f} s is the most")
        found = await asyncio.to_thread(video_of, self._site.library, one.moment.video_id)
        cut = self._renditions.cut(found.path, found.content, span, found.width, found.height)
        return await asyncio.wrap_future(cut)


def _file_name(one: Known) -> str:
    span = one.moment.span
    return f"{Path(one.name).stem} {span.start:.2f}-{span.end:.2f}.mp4"


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}", "cache-control": "no-store"}
