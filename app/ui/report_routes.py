"""Reports over HTTP, by their ids; a report may load nothing and run nothing."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.reports import FILES
from app.ui.site import Site

_ALONE = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups"  # the page that shows it may measure it
)


class ReportRoutes:
    """The handlers, over the reports of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Sequence[BaseRoute]:
        """One for the files of all reports."""
        return [Route("/report/{report_id}/{name}", self._file)]

    def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = self._site.reports.file(request.path_params["report_id"], name)
        if path is None:
            return PlainTextResponse("There is no such report.", 404)
        headers = {"content-security-policy": _ALONE, "cache-control": "private, max-age=86400"}
        saved_as = None if name == "report.html" else name
        return FileResponse(path, media_type=FILES[name], headers=headers, filename=saved_as)
