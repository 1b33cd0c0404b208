"""Serve the page, the API, the media and the health check from one process."""

import ctypes
import logging
import math
import os
import socket
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.routes import App as GradioApp
from starlette.routing import Mount

from app.access import EVERYBODY, Access
from app.api.routes import PREFIX, build_api
from app.limits import Limits
from app.media import Decoders
from app.posters import Posters
from app.service import open_or_create
from app.settings import Settings
from app.ui.exports import ExportRoutes
from app.ui.folders import AllowedFolders
from app.ui.guard import Guard
from app.ui.health import HealthRoutes
from app.ui.observer import Observer
from app.ui.page import build_page
from app.ui.quota import Quota
from app.ui.renditions import Renditions
from app.ui.report_routes import ReportRoutes
from app.ui.routes import MediaRoutes
from app.ui.site import Site
from app.ui.theme import CSS, HEAD, build_theme
from app.ui.uploads import Uploads
from encoder.errors import WorldError
from indexer.library import Library

_log = logging.getLogger(__name__)
_ARENA_MAX, _ARENAS = -8, 2  # of glibc's mallopt: M_ARENA_MAX
_RENDITIONS = "browser"  # folder of videos made playable, in the library's


class ServerError(WorldError):
    """Why the page can't be served, in one sentence."""


def run(settings: Settings, host: str, port: int, access: Access, folders: list[Path]) -> None:
    """Serve the page until the process is asked to stop.

    Args:
        settings: where the library is; an empty one is made if there is none.
        host: address to listen on.
        port: to listen on; 0 for a free one.
        access: who is let in.
        folders: what visitors may index and evaluate from.

    Raises:
        ServerError: the port is in use, or the address is not ours.
        LibraryError: the library can't be opened.
        FolderError: one of the folders does not exist.
    """
    allowed = AllowedFolders(folders)
    with (
        _listening(host, port) as listener,
        open_or_create(settings) as library,
        tempfile.TemporaryDirectory(prefix="reelseek-uploads-", ignore_cleanup_errors=True) as uploads,
    ):
        _share_memory()
        os.environ["GRADIO_TEMP_DIR"] = uploads  # only this server's, and gone with it
        app = build_app(library, settings, allowed, access)
        _Server(app, _url(host, listener), settings.grace_s).run(sockets=[listener])


def build_app(library: Library, settings: Settings, folders: AllowedFolders, access: Access = EVERYBODY) -> FastAPI:
    """The whole server as an ASGI app; its lifespan ends the workers and running jobs."""
    decoders = Decoders()
    renditions = Renditions(settings.library / _RENDITIONS, decoders)
    site = Site(library, settings, folders, decoders)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            site.stop()
            site.indexing.stop(settings.grace_s)
            site.evaluating.stop(settings.grace_s)
            site.trainings.stop(settings.grace_s)
            site.close()
            renditions.close()
            decoders.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    limits = Limits(settings)
    app.add_middleware(Uploads)  # the innermost
    app.add_middleware(Quota, limits=limits)
    app.add_middleware(Guard, access=access, limits=limits)
    app.add_middleware(Observer, metrics=site.metrics)
    app.router.routes.extend(HealthRoutes(site).routes())
    app.router.routes.extend(MediaRoutes(site, Posters(decoders), renditions).routes())
    app.router.routes.extend(ExportRoutes(site, renditions).routes())
    app.router.routes.extend(ReportRoutes(site).routes())
    app.mount(PREFIX, build_api(site))
    page = build_page(site)
    page.queue(default_concurrency_limit=4, max_size=200)
    gr.mount_gradio_app(
        app, page, "/", theme=build_theme(), css=CSS, head=HEAD, footer_links=[], run_history=False,
        allowed_paths=[], show_error=False, max_file_size=limits.upload_bytes, ssr_mode=False, mcp_server=False,
        enable_monitoring=False, pwa=False,
    )  # fmt: skip
    return app


def _share_memory() -> None:
    """Let threads share what they free: with an arena each, the server of many visitors grows by half."""
    with suppress(AttributeError, OSError, TypeError):  # only glibc has arenas
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def _warm_up(site: Site) -> None:
    with suppress(WorldError):  # the first search will say it
        site.library.warm_up()
    site.warm.set()


class _Server(uvicorn.Server):
    """Says where it is once it is up, and goes quietly."""

    def __init__(self, app: FastAPI, url: str, grace_s: float) -> None:
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=math.ceil(grace_s))
        )
        self._url, self._app = url, app
        self._site: Site = app.state.site

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _log.info("reelseek is ready at %s (stop it with Ctrl-C)", self._url)
            threading.Thread(target=_warm_up, args=(self._site,), name="reelseek-warm-up", daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # open pages are cut off: nothing to report
        self._site.stop()
        for route in self._app.routes:
            if isinstance(route, Mount) and isinstance(route.app, GradioApp):
                route.app.stop_event.set()  # ends the connections by which pages only show that they are open
        await super().shutdown(sockets)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerError(f"{host} is no address to listen on; give --host 127.0.0.1") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise ServerError(f"can't listen on {host} port {port}: {reason}; give another --port") from error
    return listener


def _url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
