"""Counts and logs every request, by its kind and never by what is asked."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.ui.visitor import visitor_of

_log = logging.getLogger(__name__)
_NOBODY = 499  # the asker went away before an answer began
_API = "/api/v1/"
_GRADIO = "/gradio_api/"
_KINDS = frozenset(
    ["upload", "upload_progress", "queue", "file", "heartbeat", "info", "call", "run"]
)  # of Gradio's API
_PLACES = frozenset({"", "media", "thumb", "strip", "clip", "health", "metrics", "assets", "static", "config"})


class Observer:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note how a request was answered, once it was in full."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), _NOBODY

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            seconds = time.perf_counter() - began
            route = route_of(scope["path"])
            self._metrics.request(route, scope["method"], status, seconds)
            facts = {"route": route, "method": scope["method"], "status": status, "ms": round(1000 * seconds, 1)}
            _log.info("request", extra=facts | {"user": visitor_of(scope).user})


def route_of(path: str) -> str:
    """The kind of a path: one of a few, none of which holds an id or a name."""
    if path.startswith(_API):
        first = path.removeprefix(_API).partition("/")[0]
        return _API + (first if first in ("search", "status", "jobs") else "docs")
    if path.startswith(_GRADIO):
        first = path.removeprefix(_GRADIO).partition("/")[0].partition("=")[0]
        return _GRADIO + (first if first in _KINDS else "other")
    first = path.strip("/").partition("/")[0]
    return f"/{first}" if first in _PLACES else "other"
