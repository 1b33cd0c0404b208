"""What stands before every route: the log-in, a refusal of other sites, and headers that keep the page to itself."""

import base64
import binascii
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = "/health"  # says nothing about the library, and monitors have no password
_POLICY = "; ".join(
    [
        "default-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio's scripts are inline
        "style-src 'self' 'unsafe-inline'",
        "frame-ancestors 'self'",
        "form-action 'self'",
        "base-uri 'self'",
    ]
)


class Guard:
    """ASGI middleware around the page, the media and Gradio's API alike."""

    def __init__(self, app: ASGIApp, auth: str | None) -> None:
        """Guard an app.

        Args:
            app: what is guarded.
            auth: USER:PASSWORD that visitors must give; None to let all in.
        """
        self._app, self._auth = app, auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", _POLICY)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "same-origin")
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._auth is not None and scope["path"] != OPEN and not self._knows(headers.get("authorization", "")):
            return PlainTextResponse(
                "Please log in.", 401, {"www-authenticate": 'Basic realm="reelseek", charset="UTF-8"'}
            )
        reading = scope.get("method") in ("GET", "HEAD")
        if not reading and headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            return PlainTextResponse("Other sites may not act here.", 403)
        return None

    def _knows(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        try:
            plain = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False
        assert self._auth is not None
        return kind.lower() == "basic" and secrets.compare_digest(plain, self._auth.encode())
