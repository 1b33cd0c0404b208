"""How the server is: for whoever restarts it, sends it visitors, or draws its curves."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.metrics import MEDIA_TYPE
from app.ui.site import Site
from encoder.errors import WorldError


class HealthRoutes:
    """The handlers, over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Sequence[BaseRoute]:
        """/health: the process answers. /health/ready: so do searches. /metrics: figures, behind the log-in."""
        return [
            Route("/health", lambda _: JSONResponse({"status": "ok"})),
            Route("/health/ready", self._ready),
            Route("/metrics", self._metrics),
        ]

    async def _ready(self, _: Request) -> Response:
        site = self._site
        if site.stopping.is_set():
            return JSONResponse({"status": "stopping"}, 503)
        if not site.warm.is_set():
            return JSONResponse({"status": "starting"}, 503)
        try:
            await asyncio.to_thread(site.library.catalog.generation)
        except WorldError:  # says where the catalog is: not for everybody
            return JSONResponse({"status": "the library can't be read"}, 503)
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _: Request) -> Response:
        return Response(await asyncio.to_thread(self._site.metrics.text), media_type=MEDIA_TYPE)
