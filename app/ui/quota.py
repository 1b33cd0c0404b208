"""How much may be sent: the size of one body, and each visitor's actions and bytes in a time."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.limits import Limits
from app.ui.guard import refused
from app.ui.visitor import Visitor, visitor_of

UPLOADS = ("/gradio_api/upload", "/api/v1/search")
_OTHER_BYTES = 4_000_000  # of a body that is no upload
_ENVELOPE_BYTES = 100_000  # that a form puts around a file


class Quota:
    """ASGI middleware that answers 413 and 429."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through that is within the limits, as far as it says; what it does not say is counted."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        visitor, upload = visitor_of(scope), scope["path"].rstrip("/") in UPLOADS
        most = self._limits.upload_bytes + _ENVELOPE_BYTES if upload else _OTHER_BYTES
        wait_s = self._limits.act(visitor.payer, visitor.user is not None)
        declared = Headers(scope=scope).get("content-length", "0")
        if wait_s is not None:
            await refused(scope, 429, _slower(wait_s), wait_s)(scope, receive, send)
        elif not declared.isdecimal() or int(declared) > most:
            await refused(scope, 413, self._too_large(upload))(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive, visitor, upload, most), send)

    def _counted(self, receive: Receive, visitor: Visitor, upload: bool, most: int) -> Receive:
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            size = len(message.get("body", b""))
            seen += size
            if seen > most:
                raise HTTPException(413, self._too_large(upload))
            wait_s = self._limits.upload(visitor.payer, visitor.user is not None, size) if upload and size else None
            if wait_s is not None:
                raise HTTPException(429, _slower(wait_s), {"retry-after": str(wait_s)})
            return message

        return receive_counted

    def _too_large(self, upload: bool) -> str:
        if not upload:
            return "That is too much for this server."
        return f"The file is larger than the {self._limits.upload_bytes / 1e6:,.0f} MB that this server takes."


def _slower(wait_s: int) -> str:
    return f"That was much in a short time; try again in {wait_s} s."
